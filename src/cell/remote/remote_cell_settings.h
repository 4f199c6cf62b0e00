// Settings and metrics of the way from a front end to the nodes of the cells.
#pragma once

#include <cstdint>

#include "base/metrics.h"
#include "base/settings.h"

namespace weir::cell {

// Bounds are for each core, because cores share nothing; those of a lane or cell keep one that hangs from taking what
// others need.
struct RemoteCellSettings {
  explicit RemoteCellSettings(SettingsRegistry& registry);

  Setting<milliseconds> timeout;
  Setting<milliseconds> owner_wait;
  Setting<std::uint64_t> append_bytes_max;
  Setting<std::uint64_t> lane_bytes_max;
  Setting<std::uint64_t> lane_calls_max;
  Setting<std::uint64_t> cell_bytes_max;
  Setting<std::uint64_t> cell_reads_max;
  Setting<std::uint64_t> connections_max;
};

struct RemoteCellMetrics {
  explicit RemoteCellMetrics(MetricsRegistry& registry);

  Counter& appends;
  Counter& reserves;
  Counter& reads;
  Counter& locates;
  Counter& closes;
  Counter& reopens;
  Counter& retries;
  Counter& refused_for_bounds;
  Counter& throttled_early;
  Counter& expired;
  Counter& not_processed;
  Counter& outcome_unknown;
  Histogram& calls_per_append;
  Gauge& in_flight;
  Gauge& append_bytes;
  Gauge& append_calls;
  Gauge& connections;
};

}  // namespace weir::cell
