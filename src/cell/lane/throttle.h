// How a lane tells what it throttles, and how those far away remember it: a caller that asks again before there is room
// is refused again, and a tenant far over its limits would fill the way to the lane with what the lane refuses. The
// lane alone counts; what is remembered here only keeps back what it would refuse.
//
// Threading: one core.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "base/time.h"
#include "cell/cell_client.h"
#include "model/pace.h"
#include "model/rate_window.h"

namespace weir::cell {

// Of a window that has just refused something. The wait is at least throttle_wait_min, although a busy shard has room
// for one more record sooner: what frees meanwhile is not lost, but taken by the next request.
inline constexpr milliseconds throttle_wait_min{10};
[[nodiscard]] Throttle throttle_of(model::RateWindow& window, MonotonicTime now, const model::RateLimit& limit);
// The same of a shard's appends, with what room they will have later; `pace` when that is what refused. Null: none.
[[nodiscard]] Throttle append_throttle_of(model::RateWindow& window, const model::Pace* pace, MonotonicTime now,
                                          const model::RateLimit& limit);
// Of one that counts calls.
[[nodiscard]] Throttle throttle_of(model::CallRate& rate, MonotonicTime now);

class ShardThrottles {
 public:
  enum class Kind : std::uint8_t { append, read, locate };
  // Shards and kinds remembered at once. Beyond it, what was throttled is asked for again.
  static constexpr std::size_t throttles_max = 16'384;

  // What a lane said `now` to who asked at `asked`. It counts from then, so that an answer that was long under way
  // keeps nothing back that the lane would take; but for throttle_wait_min. Nothing is remembered when the lane did not
  // say how long.
  void note(MonotonicTime asked, MonotonicTime now, Kind kind, ShardKey shard, const Throttle& throttle);
  // What may still be taken; empty when the shard is not known to be throttled.
  struct Left {
    std::uint64_t bytes = 0;
    bool any_first = false;
  };
  [[nodiscard]] std::optional<Left> left(MonotonicTime now, Kind kind, ShardKey shard) const;
  // The same for what has no size.
  [[nodiscard]] bool refuses(MonotonicTime now, Kind kind, ShardKey shard) const {
    return left(now, kind, shard).has_value();
  }
  // Something of the shard's was kept back.
  void kept_back(MonotonicTime now, Kind kind, ShardKey shard);
  // When, during the last second.
  [[nodiscard]] model::Demand::Slots kept_back_slots(MonotonicTime now, Kind kind, ShardKey shard) const;
  [[nodiscard]] std::size_t size() const noexcept { return throttled_.size(); }

 private:
  struct Entry {
    MonotonicTime asked;
    MonotonicTime until;
    Throttle told;
    model::Demand demand;

    [[nodiscard]] bool is_over(MonotonicTime now) const noexcept;
  };
  absl::flat_hash_map<std::pair<ShardKey, Kind>, Entry> throttled_;
  MonotonicTime swept_{};
};

}  // namespace weir::cell
