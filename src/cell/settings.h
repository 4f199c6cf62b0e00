// Settings of a cell: its lanes, the rates that shards are held to, and what a lane may hold in memory.
#pragma once

#include "base/settings.h"
#include "cell/lane_options.h"

namespace weir::cell {

struct CellSettings {
  explicit CellSettings(SettingsRegistry& registry);

  // `lane` and `epoch` of the answers are left for the caller to fill in. Caches are caps of the whole process and
  // split evenly among `lanes_count` lanes.
  [[nodiscard]] LaneOptions lane_options() const;
  [[nodiscard]] journal::JournalOptions journal_options(std::uint32_t lanes_count) const;

  Setting<std::uint64_t> lanes;

  Setting<bool> enforce_rates;
  Setting<std::uint64_t> write_records_per_second;
  Setting<std::uint64_t> write_bytes_per_second;
  Setting<std::uint64_t> read_calls_per_second;
  Setting<std::uint64_t> read_bytes_per_second;
  Setting<std::uint64_t> iterator_calls_per_second;

  Setting<std::uint64_t> batch_bytes_max;
  Setting<std::uint64_t> pending_bytes_max;
  Setting<std::uint64_t> pending_calls_max;
  Setting<milliseconds> trim_interval;
  Setting<std::uint64_t> trim_share_percent;

  Setting<std::uint64_t> segment_bytes;
  Setting<std::uint64_t> first_segment_bytes;
  Setting<std::uint64_t> tail_cache_bytes_max;
  Setting<std::uint64_t> footer_cache_bytes_max;
  Setting<std::uint64_t> space_reserve_bytes;
};

}  // namespace weir::cell
