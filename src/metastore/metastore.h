// Metastore: the small truth (streams, lanes, epochs, memberships) as revisioned keys with transactions and watches.
// Implementations: SQLite (one machine), etcd (a fleet), memory (simulation). The contract is the part of etcd's that
// all of them can keep.
//
// Threading: belongs to the core that opened it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/core.h"
#include "env/task.h"

namespace weir::metastore {

// Rises with every transaction that changes something, by one unless others share the store; never falls, also across
// restarts.
using Revision = std::uint64_t;

struct KeyValue {
  std::string key;
  std::string value;
  Revision modified = 0;  // of the transaction that wrote this value
};

// A transaction happens only if every guard holds.
struct Guard {
  std::string key;
  Revision modified = 0;  // the key's last change was this one; 0: the key does not exist
};

struct Write {
  std::string key;
  std::optional<std::string> value;  // empty: remove the key
};

struct Snapshot {
  std::vector<KeyValue> entries;  // in bytewise order of keys
  Revision revision = 0;          // the whole store's at the time of reading
};

// One change, as watchers see it.
struct Change {
  std::string key;
  std::optional<std::string> value;  // empty: removed
  Revision revision = 0;
};

class Metastore {
 public:
  Metastore() = default;
  Metastore(const Metastore&) = delete;
  Metastore& operator=(const Metastore&) = delete;
  virtual ~Metastore() = default;

  // All keys that start with `prefix`, at one revision. Errors: io, corrupt, unavailable.
  [[nodiscard]] virtual env::Task<Result<Snapshot>> read(std::string prefix) = 0;
  // Applies all writes at once, durably, and returns the new revision. Errors: conflict when a guard does not hold
  // (nothing changed), limit_exceeded when it is larger than the store takes (nothing changed), io, no_space (nothing
  // changed), unavailable (outcome unknown: read again).
  [[nodiscard]] virtual env::Task<Result<Revision>> commit(std::vector<Guard> guards, std::vector<Write> writes) = 0;
  // Waits until some key under `prefix` has changed after `after`, and returns those changes in order of revision.
  // Errors: closed; unsupported when history no longer reaches back to `after` (read again).
  [[nodiscard]] virtual env::Task<Result<std::vector<Change>>> watch(std::string prefix, Revision after) = 0;
  // Ends every watch with `closed`. No call may follow.
  [[nodiscard]] virtual env::Task<void> close() = 0;
};

}  // namespace weir::metastore
