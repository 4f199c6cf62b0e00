#include "directory/cell_choice.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/assert.h"

namespace weir::directory {
namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

}  // namespace

std::optional<std::uint32_t> CellChoice::for_new_stream(std::uint64_t shards) const {
  if (cells_.empty()) return 0;
  std::optional<std::uint32_t> best;
  std::uint64_t best_room = 0;
  for (const auto& [number, state] : cells_) {
    const std::uint64_t room = state.closed ? 0 : room_in(number, state);
    if (room < shards || room <= best_room) continue;
    best = number;
    best_room = room;
  }
  return best;
}

std::uint64_t CellChoice::room_beside(const Stream& stream) const {
  if (cells_.empty()) return unlimited;
  const auto cell = cells_.find(cell_of_stream(stream));
  return cell == cells_.end() ? 0 : room_in(cell->first, cell->second);
}

LanePlacement CellChoice::lanes_of(std::uint32_t cell) const {
  if (cells_.empty()) return {LaneId{0}, open_shards_};
  const LaneId first = lane_of(cell, 0);
  const auto begin = open_shards_.begin() + static_cast<std::ptrdiff_t>(first.value);
  return {first, {begin, begin + static_cast<std::ptrdiff_t>(cells_.at(cell).lanes)}};
}

LanePlacement CellChoice::lanes_beside(const Stream& stream) const { return lanes_of(cell_of_stream(stream)); }

std::uint64_t CellChoice::room_in(std::uint32_t cell, const CellState& state) const {
  const auto begin = open_shards_.begin() + static_cast<std::ptrdiff_t>(lane_of(cell, 0).value);
  const std::uint64_t used = std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(state.lanes), std::uint64_t{0});
  return state.open_shards_max - std::min(used, state.open_shards_max);
}

std::uint32_t CellChoice::cell_of_stream(const Stream& stream) const {
  WEIR_ASSERT(!stream.shards.empty());
  return cells_.empty() ? 0 : cell_of(stream.shards.front().lane);
}

}  // namespace weir::directory
