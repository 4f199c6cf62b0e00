// ShardFilter: which shards ListShards shows (API reference, section 4.6).
//
// A shard is taken to start when its parent closed and to end when it closed itself, the end excluded. The life times
// of one key's shards then follow each other without gap or overlap, so that the AT_ filters always show a set that
// covers every hash key exactly once: clients check that.
#pragma once

#include <cstdint>
#include <optional>

#include "frontend/operations/common.h"
#include "kinesis/shapes/list_shards.h"

namespace weir::frontend {

struct ShardSelection {
  // Values are part of issued tokens.
  enum class Kind : std::uint8_t { all = 0, open = 1, open_at = 2, not_ended_before = 3 };
  Kind kind = Kind::all;
  WallTime time;
  std::optional<ShardIndex> after;
};

// Error: InvalidArgument for a member that is missing or does not belong to the filter's type.
[[nodiscard]] ApiResult<ShardSelection> select_shards(const kinesis::ShardFilter& filter,
                                                      const directory::Stream& stream, WallTime now);
[[nodiscard]] bool is_selected(const ShardSelection& selection, const directory::Stream& stream,
                               const directory::Shard& shard) noexcept;

}  // namespace weir::frontend
