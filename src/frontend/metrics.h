// Metrics of the front end.
#pragma once

#include "base/metrics.h"
#include "kinesis/operations.h"

namespace weir::frontend {

// Declared once per process; shared by all cores.
struct FrontEndMetrics {
  explicit FrontEndMetrics(MetricsRegistry& registry);

  // Per operation that is built.
  struct PerOperation {
    Counter* answered = nullptr;       // with success
    Counter* client_errors = nullptr;  // status 4xx other than throttles
    Counter* throttled = nullptr;      // rate and throughput limits
    Counter* server_errors = nullptr;  // status 5xx
    Histogram* seconds = nullptr;
  };
  std::array<PerOperation, kinesis::operation_count> operations;
  Counter& unknown_operations;
  Counter& authentication_failures;
  Counter& unknown_keys;
  Gauge& credentials;
  Gauge& credentials_unusable;
  Counter& connections_over_share;
  Counter& refusals_that_gave_way;
  Counter& records_in;
  Counter& record_bytes_in;
  Counter& records_throttled;
  Counter& records_unavailable;
  Counter& records_failed;
  Counter& records_out;
  Counter& record_bytes_out;
};

}  // namespace weir::frontend
