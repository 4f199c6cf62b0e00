// FloodGuard: counts what a peer may do often but not without end.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir::net {

class FloodGuard {
 public:
  FloodGuard(std::uint64_t count_max, Duration interval) noexcept : count_max_(count_max), interval_(interval) {}

  // Counts one more at `now`. True when that makes more than count_max within the interval that began with the first.
  [[nodiscard]] bool is_flood(MonotonicTime now) noexcept {
    if (now - began_ >= interval_ || count_ == 0) {
      began_ = now;
      count_ = 0;
    }
    return ++count_ > count_max_;
  }

 private:
  std::uint64_t count_max_;
  Duration interval_;
  MonotonicTime began_{};
  std::uint64_t count_ = 0;
};

}  // namespace weir::net
