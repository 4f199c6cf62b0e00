// ObjectPool: what the RADOS segment store needs of RADOS, without its library: objects with bytes, two attributes that
// guard them ("epoch" and "tag"), and sorted entries. RadosCluster is the real one.
//
// Every write is atomic: guards and changes take effect together or not at all. A write may be answered `unknown`: then
// it may have happened, may not have, or may still happen at any later time, unless a guard stops it by then.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "env/core.h"
#include "env/file.h"
#include "env/task.h"

namespace weir::journal {

enum class ObjectFailure : std::uint8_t {
  not_found,       // no such object; nothing was written
  already_exists,  // of an exclusive create; nothing was written
  refused,         // a guard did not hold, which also happens when an earlier try of the same write took effect
  no_space,        // the cluster or the pool is full; nothing was written
  unknown,         // no answer in time
  failed,          // anything else
};
struct ObjectError {
  ObjectFailure kind = ObjectFailure::failed;
  int error_number = 0;  // as in errno.h
};
template <class T>
using ObjectResult = std::expected<T, ObjectError>;

// How the writer's epoch must compare to the one that the object has.
enum class EpochGuard : std::uint8_t { none, equal, above, not_below };

// One atomic change of one object. An absent guard does not look, an absent change leaves things as they are. With a
// guard, or with `remove`, a missing object is not made; otherwise it is.
struct ObjectWrite {
  EpochGuard epoch_guard = EpochGuard::none;
  Epoch epoch;                              // compared, and set by set_epoch
  std::optional<std::string> expected_tag;  // must be the object's

  bool create = false;  // the object must not exist
  bool remove = false;  // with no other change
  std::optional<std::uint64_t> truncate_to;
  std::uint64_t offset = 0;
  std::span<const BytesView>
      parts;  // written one after the other from `offset`; the caller keeps them until the answer
  bool set_epoch = false;
  std::optional<std::string> set_tag;
  std::map<std::string, std::string> set_entries;
  std::vector<std::string> remove_entries;
};

struct ObjectState {
  std::uint64_t size_bytes = 0;
  std::string epoch;  // decimal; empty when never set
  std::string tag;
};

struct ObjectEntries {
  std::map<std::string, std::string> entries;
  bool has_more = false;
};

// Any core may call; the answer comes on `core`, which is the caller's.
class ObjectPool {
 public:
  ObjectPool() = default;
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;
  virtual ~ObjectPool() = default;

  [[nodiscard]] virtual env::Task<ObjectResult<void>> write(env::Core& core, std::string object, ObjectWrite write) = 0;
  // Reads up to out.size() bytes; fewer only at the end of the object. `out` is filled before the answer, never after.
  [[nodiscard]] virtual env::Task<ObjectResult<std::size_t>> read(env::Core& core, std::string object,
                                                                  std::uint64_t offset, MutableBytes out) = 0;
  [[nodiscard]] virtual env::Task<ObjectResult<ObjectState>> state(env::Core& core, std::string object) = 0;
  // The entries with keys behind `after`, in order; not necessarily all at once.
  [[nodiscard]] virtual env::Task<ObjectResult<ObjectEntries>> entries(env::Core& core, std::string object,
                                                                       std::string after) = 0;
  // Room for content, copies not counted. Errors: unavailable when the cluster does not know; io.
  [[nodiscard]] virtual env::Task<Result<env::DiskSpace>> space(env::Core& core) = 0;
};

}  // namespace weir::journal
