// Metrics of serving and following shard maps.
#pragma once

#include "base/metrics.h"

namespace weir::directory {

struct MapMetrics {
  explicit MapMetrics(MetricsRegistry& registry);

  // Source.
  Gauge& served_version;
  Gauge& polls;
  Gauge& followers;
  Counter& answers_nothing;
  Counter& answers_delta;
  Counter& answers_snapshot;
  Counter& answers_refused;
  Counter& bytes_sent;
  Counter& deltas_made;
  Counter& snapshots_made;
  // Follower.
  Gauge& held_version;
  Counter& maps_applied;
  Counter& maps_refused;
  Counter& polls_failed;
  Counter& saves;
  Counter& saves_failed;
};

}  // namespace weir::directory
