// GuardedObject: one object that one owner writes, each write guarded by the owner's epoch and by the tag that the
// write before left. A write is tried again until its outcome is known, a bounded number of times; it never takes
// effect twice, and never once a newer owner has raised the object's epoch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "env/core.h"
#include "env/task.h"
#include "journal/rados/object_pool.h"
#include "journal/rados/object_tag.h"

namespace weir::journal {

// One opening of a lane's store. Outlives its objects.
struct ObjectWriter {
  env::Core& core;
  ObjectPool& pool;
  Epoch epoch;
  std::uint64_t owner = 0;         // random
  std::uint32_t attempts_max = 1;  // of one write
  std::uint64_t counter = 0;       // of the last tag given out

  [[nodiscard]] ObjectTag next_tag() noexcept { return {epoch, owner, ++counter}; }
};

// Belongs to the writer's core. One call at a time, `size` apart.
class GuardedObject {
 public:
  GuardedObject(ObjectWriter& writer, std::string name) : writer_(writer), name_(std::move(name)) {}

  // Makes the object, which must never have existed, with the first of its content (`first.parts` from offset 0) and
  // entries. Errors: already_exists when it is somebody else's; no_space, fenced, io, corrupt.
  [[nodiscard]] env::Task<Result<void>> create(ObjectWrite first);
  // Takes the object over: from here on nothing that an older owner has in flight takes effect, and size_bytes() is
  // what he left. `guard`: `above` when the epoch must not have been used, `not_below` otherwise. Errors: not_found,
  // fenced, no_space, io, corrupt.
  [[nodiscard]] env::Task<Result<void>> raise(EpochGuard guard);
  // Applies `change`, which has no guards and no tag of its own, once. After an error that leaves the object in doubt
  // it may still take effect until a later write succeeds; otherwise nothing was written. `fenced` says that nothing
  // was; an owner that is overtaken before it knows gets io. Errors: not_found, no_space, fenced, io, corrupt.
  [[nodiscard]] env::Task<Result<void>> write(ObjectWrite change);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // Of the content; the last that is known while is_in_doubt().
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  // A write that was given up may have happened, or may still happen.
  [[nodiscard]] bool is_in_doubt() const noexcept { return is_in_doubt_; }

 private:
  [[nodiscard]] env::Task<Result<Verdict>> learn(std::uint64_t first_counter);
  void note_written(const ObjectWrite& change, const ObjectTag& tag);

  ObjectWriter& writer_;
  std::string name_;
  std::optional<ObjectTag> tag_;  // that the object has, unless something given up has happened since it was read
  std::uint64_t size_bytes_ = 0;
  bool is_in_doubt_ = false;
};

[[nodiscard]] std::unexpected<Error> object_failure(const std::string& object, const ObjectError& error);

}  // namespace weir::journal
