// Metrics of a cell's lanes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/metrics.h"
#include "cell/cell_client.h"

namespace weir::cell {

// The levels of one lane.
struct LaneMetrics {
  LaneMetrics(MetricsRegistry& registry, LaneId lane);

  Gauge& shards;
  Gauge& shards_refused;
  Gauge& pending_bytes;
  Gauge& pending_calls;
  Gauge& serving;
  Gauge& stored_bytes;
  Gauge& segments;
  Gauge& tail_cache_bytes;
  Gauge& index_bytes;
};

// What all lanes of the process count together, and the levels of each of `lanes_count` (1 to lanes_max) lanes.
// Declared once.
struct CellMetrics {
  CellMetrics(MetricsRegistry& registry, std::uint32_t lanes_count);

  Histogram& batch_calls;
  Counter& commits_failed;

  Counter& append_bytes;
  Counter& append_throttled;
  Counter& append_shard_closed;
  Counter& append_not_mine;
  Counter& append_unavailable;
  Counter& append_failed;

  Counter& reads;
  Counter& records_read;
  Counter& bytes_read;
  Counter& reads_throttled;
  Counter& reads_failed;
  Counter& reads_refused;
  Counter& iterators;
  Counter& iterators_throttled;

  Counter& recoveries;
  Counter& lanes_fenced;
  Counter& lanes_refused;
  Counter& trims;
  Counter& trims_failed;

  std::vector<LaneMetrics> lanes;  // by lane

  // Counts a fragment that was refused, as a whole or in part.
  void count_append_refusal(Refusal refusal) noexcept;
};

}  // namespace weir::cell
