// CellChoice: in which cell a stream lives, and on which of its lanes. All shards of a stream are in one cell, so that
// a cell that fails takes no other cell's streams with it. Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "directory/stored_state.h"
#include "directory/stream_change.h"

namespace weir::directory {

class CellChoice {
 public:
  // Both outlive this. `open_shards`: of every lane. Without cells all lanes are one cell without a limit.
  CellChoice(const std::map<std::uint32_t, CellState>& cells, const std::vector<std::uint64_t>& open_shards) noexcept
      : cells_(cells), open_shards_(open_shards) {}

  // The cell with the most room of those that take new streams and have room for so many more shards; none if none has.
  [[nodiscard]] std::optional<std::uint32_t> for_new_stream(std::uint64_t shards) const;
  // How many more open shards the stream's cell has room for.
  [[nodiscard]] std::uint64_t room_beside(const Stream& stream) const;

  [[nodiscard]] LanePlacement lanes_of(std::uint32_t cell) const;
  // Of the stream's own cell. The stream has shards.
  [[nodiscard]] LanePlacement lanes_beside(const Stream& stream) const;

 private:
  [[nodiscard]] std::uint64_t room_in(std::uint32_t cell, const CellState& state) const;
  [[nodiscard]] std::uint32_t cell_of_stream(const Stream& stream) const;

  const std::map<std::uint32_t, CellState>& cells_;
  const std::vector<std::uint64_t>& open_shards_;
};

}  // namespace weir::directory
