// How lanes are numbered over the cells of a fleet. A single process is cell 0.
#pragma once

#include <bitset>
#include <cstdint>

#include "base/ids.h"

namespace weir::directory {

inline constexpr std::uint32_t lanes_per_cell_max = 64;
inline constexpr std::uint32_t cells_max = 64;

// Lanes of one cell, by their number within it.
using LaneSet = std::bitset<lanes_per_cell_max>;

[[nodiscard]] constexpr std::uint32_t cell_of(LaneId lane) noexcept { return lane.value / lanes_per_cell_max; }
[[nodiscard]] constexpr std::uint32_t lane_within_cell(LaneId lane) noexcept { return lane.value % lanes_per_cell_max; }
[[nodiscard]] constexpr LaneId lane_of(std::uint32_t cell, std::uint32_t within) noexcept {
  return {cell * lanes_per_cell_max + within};
}

}  // namespace weir::directory
