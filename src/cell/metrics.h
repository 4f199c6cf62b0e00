// Metrics of a cell's lanes.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "base/metrics.h"
#include "cell/cell_client.h"

namespace weir::cell {

// What all lanes of the process count together. Declared once.
struct CellMetrics {
  explicit CellMetrics(MetricsRegistry& registry);

  Counter& records_appended;
  Counter& bytes_appended;
  Counter& commits;
  Counter& commits_failed;
  Counter& commits_refused_no_space;
  Histogram& commit_seconds;
  Histogram& batch_fragments;

  Counter& append_throttled;
  Counter& append_shard_closed;
  Counter& append_not_mine;
  Counter& append_unavailable;
  Counter& append_failed;
  Counter& append_above_out_of_range;

  Counter& reads;
  Counter& records_read;
  Counter& bytes_read;
  Counter& reads_throttled;
  Counter& reads_failed;
  Counter& reads_refused;
  Counter& iterators;
  Counter& iterators_throttled;

  Counter& recoveries;
  Counter& trims;
  Counter& trims_failed;
  Counter& bytes_reclaimed;

  // Counts a fragment that was refused.
  void count_append_refusal(Refusal refusal) noexcept;
};

// The levels of one lane. Declared once per lane, at most lanes_max of them.
struct LaneMetrics {
  LaneMetrics(MetricsRegistry& registry, LaneId lane);

  Gauge& shards;
  Gauge& pending_bytes;
  Gauge& pending_calls;
  Gauge& serving;
  Gauge& stored_bytes;
  Gauge& segments;
  Gauge& tail_cache_bytes;
  Gauge& index_bytes;
};

}  // namespace weir::cell
