// The metastore of a fleet: an etcd cluster (3.4 or newer), through the JSON gateway that each of its members serves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "env/network.h"
#include "metastore/metastore.h"

namespace weir::net {
class TlsContext;
}

namespace weir::metastore {

inline constexpr std::size_t etcd_endpoints_max = 16;
inline constexpr std::size_t etcd_prefix_bytes_max = 256;

struct EtcdOptions {
  // Where the members listen for clients, 1 to etcd_endpoints_max. One chosen at random is used until it does not
  // serve, then the next.
  std::vector<env::Endpoint> endpoints;
  // All keys are under it, so that several installations can share an etcd. Ends with '/'.
  std::string prefix = "weir/";
  std::shared_ptr<const net::TlsContext> tls;  // null: plain HTTP
  std::string server_name;                     // what the members' certificates bear; empty: their addresses
  std::string name = "etcd";                   // in messages
  // Of one call. A read asks one endpoint after the other within it.
  Duration request_timeout = seconds(5);
  // After so long without news from the watch, a read checks that it has missed nothing. What a broken connection hides
  // comes to light within this time, the read and half a second.
  Duration watch_check_interval = seconds(2);
  // etcd's --max-txn-ops and --max-request-bytes: more guards, more writes or more bytes are refused with
  // limit_exceeded, by this store or by etcd, and nothing has happened then.
  std::uint32_t operations_max = 128;
  std::uint64_t request_bytes_max = 1536 * kibibyte;
  // A read takes so many entries at a time, fewer when they are large.
  std::uint32_t page_entries = 512;
};

// Connects, and gives the store, which belongs to `core`. Differences to the other stores:
// - The revision is etcd's: it begins at 1 and also rises with the changes of others who use this etcd.
// - What a commit changed reaches watch() from etcd, somewhat after the commit has returned.
// - commit() answers `unavailable` whenever an answer was lost, and then never tries again by itself; also when etcd's
//   database is full. It answers `conflict` only when etcd said so. Besides: limit_exceeded.
// - When etcd answers with a revision that it had passed before (it lost data, or was restored from a backup), or as
//   another cluster, reads fail with `corrupt` and commits with `unavailable` until the process starts anew.
// - close() waits for a connection that is just being made, for request_timeout at most.
// Errors: invalid_argument for options that make no sense; unavailable, io, corrupt.
[[nodiscard]] env::Task<Result<std::unique_ptr<Metastore>>> open_etcd_metastore(env::Core& core, EtcdOptions options);

}  // namespace weir::metastore
