// ShardCloser: how the directory makes a shard stop taking records ahead of the map that says so.
//
// A lane remembers only in memory that it closed a shard, so a closing holds for as long as the lane keeps the owner
// under whose epoch it was closed, and until a later order reopens it. Whoever stores a change that relies on a closing
// guards the transaction on that epoch; whoever reopens a shard first makes sure that no such transaction can happen
// any more (docs/decisions/0025-closing-a-shard.md).
#pragma once

#include <compare>
#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "env/task.h"

namespace weir::directory {

// When the order to close or to reopen a shard was given. An order that comes late, behind a later one, is not
// followed.
struct ShardOrder {
  std::uint64_t term = 0;    // of the leader that gives it
  std::uint64_t number = 0;  // rises with each of its orders
  friend auto operator<=>(const ShardOrder&, const ShardOrder&) = default;
};

struct ShardClosing {
  WallTime time;  // not before the arrival of the shard's last record
  Epoch epoch;    // of the lane's owner that closed it
  friend bool operator==(const ShardClosing&, const ShardClosing&) = default;
};

class ShardCloser {
 public:
  virtual ~ShardCloser() = default;
  // When it returns, no append to the shard succeeds any more under the lane's present owner. Closing a closed shard is
  // no error. Errors: not_found, unavailable, conflict (behind a later order, or the lane has another owner): the order
  // was not followed, and will not be. Any other: not known. On the directory's core; comes back on any.
  [[nodiscard]] virtual env::Task<Result<ShardClosing>> close_shard(LaneId lane, ShardKey shard, ShardOrder order) = 0;
  // Undoes close_shard(), unless a later order has come. Without effect when the lane cannot be reached. Cores as
  // above.
  [[nodiscard]] virtual env::Task<void> reopen_shard(LaneId lane, ShardKey shard, ShardOrder order) = 0;
};

}  // namespace weir::directory
