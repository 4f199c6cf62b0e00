// The messages of etcd's v3 JSON gateway: requests as text, answers read and checked. No I/O. Any thread.
//
// Keys here are etcd's, the installation's prefix included. Keys and values travel in base64, 64-bit numbers as
// strings, and what is zero, false or empty is left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metastore/metastore.h"

namespace weir::metastore {

struct EtcdHeader {
  std::uint64_t cluster_id = 0;
  Revision revision = 0;
};

struct EtcdRange {
  EtcdHeader header;
  std::vector<KeyValue> entries;
  bool more = false;  // the limit cut it off
};

struct EtcdTransaction {
  EtcdHeader header;
  bool succeeded = false;  // false: a guard did not hold
};

struct EtcdWatchMessage {
  EtcdHeader header;
  bool created = false;
  bool canceled = false;
  bool is_fragment = false;       // the last revision in here may go on in the next message
  Revision compact_revision = 0;  // canceled because history begins only there; 0: not for that
  std::string cancel_reason;
  std::vector<Change> changes;
};

// An answer that is not 200, or the last line of a watch.
struct EtcdRefusal {
  std::int64_t code = 0;  // gRPC's
  std::string message;
};

// The end of the range of all keys that start with `prefix`, as etcd takes it.
[[nodiscard]] std::string end_of_prefix(std::string prefix);

// Keys from `key` to before `end` (empty: only `key`), at most `limit` of them, in order. `revision` 0: the newest
// state that a majority has.
[[nodiscard]] std::string etcd_range_request(std::string_view key, std::string_view end, std::uint64_t limit,
                                             Revision revision);
// `prefix` is put before each key.
[[nodiscard]] std::string etcd_transaction_request(std::string_view prefix, const std::vector<Guard>& guards,
                                                   const std::vector<Write>& writes);
// All changes under `prefix` from revision `first` on, large answers in fragments.
[[nodiscard]] std::string etcd_watch_request(const std::string& prefix, Revision first);
// No less than what etcd counts when it limits the size of a request.
[[nodiscard]] std::uint64_t etcd_transaction_bytes(std::string_view prefix, const std::vector<Guard>& guards,
                                                   const std::vector<Write>& writes);

// Errors of all: corrupt, with what is wrong. An answer without a header is corrupt.
[[nodiscard]] Result<EtcdRange> parse_etcd_range(std::string_view json);
[[nodiscard]] Result<EtcdTransaction> parse_etcd_transaction(std::string_view json);
// `json` is one line. Besides: unavailable when the line says that the watch has failed.
[[nodiscard]] Result<EtcdWatchMessage> parse_etcd_watch_message(std::string_view json);
[[nodiscard]] Result<EtcdRefusal> parse_etcd_refusal(std::string_view json);

}  // namespace weir::metastore
