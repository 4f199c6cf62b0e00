#include "cell/lane/throttle.h"

#include <algorithm>

namespace weir::cell {
namespace {

// Looking for what is over costs time: not more often than this.
constexpr Duration sweep_interval = milliseconds(200);

microseconds wait_until(MonotonicTime change, MonotonicTime now) {
  return std::clamp<microseconds>(std::chrono::ceil<microseconds>(change - now), throttle_wait_min, throttle_wait_max);
}

// Nothing until it opens; thereafter a part, and what time has made since.
Throttle paced_throttle_of(const model::Pace& pace, MonotonicTime now, const model::RateLimit& limit) {
  const MonotonicTime opens = pace.opens();
  Throttle throttle{.wait = wait_until(opens, now), .bytes_left = 0, .later = {}};
  const auto from_now = std::chrono::floor<microseconds>(opens - now);
  throttle.later.push_back({.until = std::min<microseconds>(from_now, throttle_wait_max), .bytes = 0});
  constexpr microseconds step = std::chrono::floor<microseconds>(model::Pace::part_length);
  for (microseconds open_for = step; throttle.later.back().until < throttle_wait_max; open_for += step) {
    throttle.later.push_back({.until = std::min<microseconds>(from_now + open_for, throttle_wait_max),
                              .bytes = pace.part(opens + open_for, limit).bytes,
                              .any_first = true});
  }
  return throttle;
}

}  // namespace

Throttle throttle_of(model::RateWindow& window, MonotonicTime now, const model::RateLimit& limit) {
  const bool has_room = window.has_room(now, limit) == model::Admit::yes;
  return {.wait = wait_until(window.next_change(now), now),
          .bytes_left = has_room ? limit.bytes - window.bytes_in_window() : 0};
}

Throttle append_throttle_of(model::RateWindow& window, const model::Pace* pace, MonotonicTime now,
                            const model::RateLimit& limit) {
  if (pace != nullptr && pace->is_on(now) && pace->is_closed(now)) return paced_throttle_of(*pace, now, limit);
  Throttle throttle = throttle_of(window, now, limit);
  for (const model::Room& room : window.rooms(now, limit)) {
    const auto until = std::chrono::floor<microseconds>(room.until - now);
    throttle.later.push_back({.until = std::min<microseconds>(until, throttle_wait_max), .bytes = room.bytes});
    if (until >= throttle_wait_max) break;
  }
  return throttle;
}

Throttle throttle_of(model::CallRate& rate, MonotonicTime now) {
  return {.wait = wait_until(rate.next_change(now), now)};
}

void ShardThrottles::note(MonotonicTime asked, MonotonicTime now, Kind kind, ShardKey shard, const Throttle& throttle) {
  if (throttle.wait == microseconds::zero()) return;
  if (throttled_.size() >= throttles_max && now - swept_ >= sweep_interval) {
    swept_ = now;
    absl::erase_if(throttled_, [now](const auto& entry) { return entry.second.is_over(now); });
  }
  const std::pair<ShardKey, Kind> key(shard, kind);
  if (throttled_.size() >= throttles_max && !throttled_.contains(key)) return;
  Entry& entry = throttled_[key];
  entry.asked = asked;
  entry.until = std::max<MonotonicTime>(asked + throttle.wait, now + throttle_wait_min);
  entry.told = throttle;
}

std::optional<ShardThrottles::Left> ShardThrottles::left(MonotonicTime now, Kind kind, ShardKey shard) const {
  if (throttled_.empty()) return std::nullopt;
  const auto found = throttled_.find(std::pair(shard, kind));
  if (found == throttled_.end() || found->second.is_over(now)) return std::nullopt;
  const Entry& entry = found->second;
  if (now < entry.until) return Left{.bytes = entry.told.bytes_left};
  const auto room = std::ranges::find_if(entry.told.later,
                                         [&](const Throttle::Room& later) { return now < entry.asked + later.until; });
  return Left{.bytes = room->bytes, .any_first = room->any_first};
}

void ShardThrottles::kept_back(MonotonicTime now, Kind kind, ShardKey shard) {
  if (const auto found = throttled_.find(std::pair(shard, kind)); found != throttled_.end()) {
    found->second.demand.mark(now);
  }
}

model::Demand::Slots ShardThrottles::kept_back_slots(MonotonicTime now, Kind kind, ShardKey shard) const {
  const auto found = throttled_.find(std::pair(shard, kind));
  return found == throttled_.end() ? model::Demand::Slots{0} : found->second.demand.marked(now);
}

bool ShardThrottles::Entry::is_over(MonotonicTime now) const noexcept {
  return now >= until && (told.later.empty() || now >= asked + told.later.back().until);
}

}  // namespace weir::cell
