// What keeps a lane from taking records, for those who look after it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace weir::cell {

// In the order of what an operator should hear first. The numbers travel in the beat of a node: never reuse one.
enum class LaneTrouble : std::uint8_t {
  none = 0,
  stopping = 1,
  fenced = 2,      // another owner has the lane
  full = 3,        // the engine, or what the node may use of it
  silent = 4,      // the engine has not answered a write for a while
  recovering = 5,  // a write failed
};

[[nodiscard]] constexpr std::string_view to_string(LaneTrouble trouble) noexcept {
  switch (trouble) {
    case LaneTrouble::none: return "takes records";
    case LaneTrouble::stopping: return "is stopping";
    case LaneTrouble::fenced: return "has another owner";
    case LaneTrouble::full: return "has no space";
    case LaneTrouble::silent: return "waits for the engine";
    case LaneTrouble::recovering: return "recovers from a failed write";
  }
  return "takes records";
}

struct LaneReport {
  LaneId lane;
  LaneTrouble trouble = LaneTrouble::none;
  std::string reason;  // with trouble: what the engine said, or for how long it has been silent
};

}  // namespace weir::cell
