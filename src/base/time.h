// Time types. The values come only from env::Core; this header only names them.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

using Duration = std::chrono::nanoseconds;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Time that never steps back. Its zero means nothing outside one process.
struct MonotonicClock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using MonotonicTime = MonotonicClock::time_point;
inline constexpr MonotonicTime no_deadline = MonotonicTime::max();

// Milliseconds since 1970-01-01 UTC: the precision of the Kinesis API. May step back.
struct WallClock {
  using duration = milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WallClock>;
  static constexpr bool is_steady = false;
};
using WallTime = WallClock::time_point;

[[nodiscard]] constexpr std::int64_t unix_milliseconds(WallTime time) noexcept {
  return time.time_since_epoch().count();
}
[[nodiscard]] constexpr std::int64_t unix_seconds(WallTime time) noexcept {
  return std::chrono::floor<seconds>(time.time_since_epoch()).count();
}
[[nodiscard]] constexpr WallTime wall_time_ms(std::int64_t unix_ms) noexcept { return WallTime(milliseconds(unix_ms)); }

}  // namespace weir
