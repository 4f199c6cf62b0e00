// Health: three separate answers. Live: the process runs. Ready: it can serve, or says why not. Overload is neither: it
// is answered per request by a retryable throttle (design, section 4).
//
// Threading: set by the starting core; read on the core of the admin port.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

namespace weir::frontend {

enum class Readiness : std::uint8_t {
  starting,  // recovering lanes, loading the map
  ready,
  lanes_down,  // some lane cannot write: it recovers after a failed write, or the disk is full
  draining,    // stopping
};

[[nodiscard]] constexpr std::string_view to_string(Readiness readiness) noexcept {
  switch (readiness) {
    case Readiness::starting: return "not ready: starting, lanes are being recovered";
    case Readiness::ready: return "ready";
    case Readiness::lanes_down: return "not ready: a lane cannot write, see weir_cell_lane_serving and the log";
    case Readiness::draining: return "not ready: draining before the stop";
  }
  return "unknown";
}

class Health {
 public:
  // `lanes_serve` says whether every lane takes records.
  void set_ready(std::function<bool()> lanes_serve) {
    lanes_serve_ = std::move(lanes_serve);
    state_.store(Readiness::ready, std::memory_order_release);
  }
  void set_draining() noexcept { state_.store(Readiness::draining, std::memory_order_release); }

  [[nodiscard]] Readiness readiness() const {
    const Readiness state = state_.load(std::memory_order_acquire);
    return state == Readiness::ready && !lanes_serve_() ? Readiness::lanes_down : state;
  }

 private:
  std::atomic<Readiness> state_{Readiness::starting};
  std::function<bool()> lanes_serve_;
};

}  // namespace weir::frontend
