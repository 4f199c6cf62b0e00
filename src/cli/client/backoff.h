// Backoff: growing pauses between tries, with jitter, so that many who wait for one thing do not come back together.
#pragma once

#include <algorithm>

#include "env/core.h"

namespace weir::cli {

class Backoff {
 public:
  explicit Backoff(env::Core& core) noexcept : core_(core) {}

  // Half to all of 100 ms, then of twice as much each time, at most 2 s.
  [[nodiscard]] Duration next() noexcept {
    const Duration longest = pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
    const Duration half = longest / 2;
    return half + Duration(static_cast<Duration::rep>(core_.random_u64() % static_cast<std::uint64_t>(half.count())));
  }
  void reset() noexcept { pause_ = first_pause; }

 private:
  static constexpr Duration first_pause = milliseconds(100);
  static constexpr Duration longest_pause = seconds(2);
  env::Core& core_;
  Duration pause_ = first_pause;
};

}  // namespace weir::cli
