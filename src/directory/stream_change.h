// What each change does to a stream and its shards: pure functions from one state to the next, which keep the promises
// of lineage (API reference, 4.3): open shards tile the key space, shard indexes are never used twice, children's
// sequence numbers exceed their parents', parents of one merge are closed at one time. Any thread.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "directory/stored_state.h"

namespace weir::directory {

// Places new shards on those lanes of one cell that have the fewest open ones. Counts, not loads: an idle shard may be
// tomorrow's busy one.
class LanePlacement {
 public:
  // `open_shards`: of each lane from `first` on, all of one cell.
  LanePlacement(LaneId first, std::vector<std::uint64_t> open_shards)
      : first_(first), open_shards_(std::move(open_shards)) {}
  // The lane with the fewest, the first of several; counts the shard that goes there.
  [[nodiscard]] LaneId place();

 private:
  LaneId first_;
  std::vector<std::uint64_t> open_shards_;
};

// When a shard has taken its last record at `closed`, the creation time of its children, which decides that their
// numbers exceed its own: whole seconds, above both that time and the parent's creation.
[[nodiscard]] WallTime child_creation_time(WallTime parent_created, WallTime closed) noexcept;

// The state with `pending` begun.
[[nodiscard]] StreamState begin_change(const StreamState& state, StreamStatus status, const PendingChange& pending);

// The states in which the pending change is completed: ACTIVE, nothing pending. The state has that change pending.
[[nodiscard]] StreamState complete_create(const StreamState& state, LanePlacement& lanes);
[[nodiscard]] StreamState complete_retention(const StreamState& state);
// `closed`: a time later than the arrival of every record of the parents, which are open. Their end is no earlier than
// that, and after the end of their own parents.
[[nodiscard]] StreamState complete_split(const StreamState& state, WallTime closed, LanePlacement& lanes);
[[nodiscard]] StreamState complete_merge(const StreamState& state, WallTime closed, LanePlacement& lanes);

// Whether the shard has been closed for longer than the stream keeps records.
[[nodiscard]] bool is_expired(const Stream& stream, const Shard& shard, WallTime now) noexcept;
[[nodiscard]] bool has_expired_shards(const Stream& stream, WallTime now) noexcept;
[[nodiscard]] StreamState without_expired_shards(const StreamState& state, WallTime now);

}  // namespace weir::directory
