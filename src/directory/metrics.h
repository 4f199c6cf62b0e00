// Metrics of the directory.
#pragma once

#include "base/metrics.h"

namespace weir::directory {

struct DirectoryMetrics {
  explicit DirectoryMetrics(MetricsRegistry& registry);

  Gauge& streams;
  Gauge& shards_open;
  Gauge& shards_closed;
  Gauge& fleets;
  Gauge& accounts;
  Gauge& credentials;
  Gauge& map_version;
  Gauge& changes_pending;
  Gauge& commands_waiting;
  Counter& commands_done;
  Counter& commands_refused;
  Counter& commands_unavailable;
  Counter& transactions_failed;
  Counter& outcomes_unknown;
  Counter& steps_failed;
  Counter& shards_expired;
  Histogram& publish_seconds;
};

}  // namespace weir::directory
