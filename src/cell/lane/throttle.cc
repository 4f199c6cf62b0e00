#include "cell/lane/throttle.h"

#include <algorithm>

namespace weir::cell {
namespace {

// Looking for what is over costs time: not more often than this.
constexpr Duration sweep_interval = milliseconds(200);

microseconds wait_until(MonotonicTime change, MonotonicTime now) {
  return std::clamp<microseconds>(std::chrono::ceil<microseconds>(change - now), throttle_wait_min, throttle_wait_max);
}

}  // namespace

Throttle throttle_of(model::RateWindow& window, MonotonicTime now, const model::RateLimit& limit) {
  const bool has_room = window.has_room(now, limit) == model::Admit::yes;
  return {.wait = wait_until(window.next_change(now), now),
          .bytes_left = has_room ? limit.bytes - window.bytes_in_window() : 0};
}

Throttle throttle_of(model::CallRate& rate, MonotonicTime now) {
  return {.wait = wait_until(rate.next_change(now), now)};
}

void ShardThrottles::note(MonotonicTime now, Kind kind, ShardKey shard, const Throttle& throttle) {
  if (throttle.wait == microseconds::zero()) return;
  if (throttled_.size() >= throttles_max && now - swept_ >= sweep_interval) {
    swept_ = now;
    absl::erase_if(throttled_, [now](const auto& entry) { return entry.second.until <= now; });
  }
  const std::pair<ShardKey, Kind> key(shard, kind);
  if (throttled_.size() >= throttles_max && !throttled_.contains(key)) return;
  throttled_.insert_or_assign(key, Entry{.until = now + throttle.wait, .bytes_left = throttle.bytes_left});
}

std::optional<std::uint64_t> ShardThrottles::bytes_left(MonotonicTime now, Kind kind, ShardKey shard) const {
  if (throttled_.empty()) return std::nullopt;
  const auto found = throttled_.find(std::pair(shard, kind));
  if (found == throttled_.end() || now >= found->second.until) return std::nullopt;
  return found->second.bytes_left;
}

}  // namespace weir::cell
