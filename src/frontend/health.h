// Health: three separate answers. Live: the process runs. Ready: it can serve, or says why not. Overload is neither: it
// is answered per request by a retryable throttle (design, section 4).
//
// Threading: any thread; written when the state of the process changes, read by the admin port.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace weir::frontend {

enum class Readiness : std::uint8_t {
  starting,     // recovering lanes, loading the map
  ready,
  lanes_down,   // some lane is recovering after a failed write or refuses writes for lack of space
  draining,     // stopping
};

[[nodiscard]] constexpr std::string_view to_string(Readiness readiness) noexcept {
  switch (readiness) {
    case Readiness::starting: return "starting: lanes are being recovered";
    case Readiness::ready: return "ready";
    case Readiness::lanes_down: return "not ready: a lane cannot write, see the log";
    case Readiness::draining: return "not ready: draining before the stop";
  }
  return "unknown";
}

class Health {
 public:
  void set(Readiness readiness) noexcept { readiness_.store(readiness, std::memory_order_relaxed); }
  [[nodiscard]] Readiness readiness() const noexcept { return readiness_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Readiness> readiness_{Readiness::starting};
};

}  // namespace weir::frontend
