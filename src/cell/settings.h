// Settings of a cell: its lanes, the rates that shards are held to, and what a lane may hold in memory.
#pragma once

#include "base/settings.h"
#include "cell/lane/lane_options.h"

namespace weir::cell {

struct CellSettings {
  explicit CellSettings(SettingsRegistry& registry);

  // Options for one lane; lane, epoch and trim_interval are the caller's to fill in.
  [[nodiscard]] LaneOptions lane_options() const;

  // How many lanes a new cell gets on a machine with so many cores. Few lanes make large batches, and with two cores
  // one lane is faster than two at everything that was measured.
  [[nodiscard]] std::uint32_t lanes_wanted(std::uint32_t cores) const noexcept;

  Setting<std::uint64_t> lanes;
  Setting<std::uint64_t> lanes_held_max;
  Setting<std::uint64_t> shards_max;

  Setting<bool> enforce_rates;
  Setting<std::uint64_t> write_records_per_second;
  Setting<std::uint64_t> write_bytes_per_second;
  Setting<std::uint64_t> read_calls_per_second;
  Setting<std::uint64_t> read_bytes_per_second;
  Setting<std::uint64_t> iterator_calls_per_second;

  Setting<std::uint64_t> batch_bytes_max;
  Setting<std::uint64_t> pending_bytes_max;
  Setting<std::uint64_t> pending_calls_max;
  Setting<std::uint64_t> trim_share_percent;
};

}  // namespace weir::cell
