// Metrics of the HTTP server.
#pragma once

#include "base/metrics.h"

namespace weir::net {

// Declared once per process; shared by all cores.
struct HttpMetrics {
  explicit HttpMetrics(MetricsRegistry& registry);

  Gauge& connections;
  Counter& connections_accepted;
  Counter& connections_over_limit;
  Counter& connections_moved;
  Gauge& connections_in_background;
  Counter& rests;
  Counter& requests_http1;
  Counter& requests_http2;
  Counter& refused_malformed;
  Counter& refused_header_too_large;
  Counter& refused_body_too_large;
  Counter& refused_timeout;
  Counter& refused_memory;
  Counter& received_bytes;
  Counter& sent_bytes;
  Gauge& request_memory_bytes;
  Gauge& response_memory_bytes;
  Counter& tls_handshakes_failed;
  Counter& h2_streams_reset_by_peer;
  Counter& h2_cut_off_resets;
  Counter& h2_cut_off_control_frames;
  Counter& h2_cut_off_headers;

  // Counts a request that the transport answered by itself with `status`.
  void count_refusal(std::uint16_t status) noexcept;
};

}  // namespace weir::net
