#include "net/metrics.h"

namespace weir::net {

namespace {
constexpr std::string_view requests_name = "weir_net_requests_total";
constexpr std::string_view requests_help = "Requests handed to the handler, by protocol.";
constexpr std::string_view refused_name = "weir_net_requests_refused_total";
constexpr std::string_view refused_help = "Requests that the transport answered by itself, by reason.";
constexpr std::string_view cut_off_name = "weir_net_h2_connections_cut_off_total";
constexpr std::string_view cut_off_help = "HTTP/2 connections ended with ENHANCE_YOUR_CALM, by the flood seen.";
}  // namespace

HttpMetrics::HttpMetrics(MetricsRegistry& registry)
    : connections(registry.gauge("weir_net_connections", "Connections open now.")),
      connections_accepted(registry.counter("weir_net_connections_accepted_total", "Connections accepted and served.")),
      connections_over_limit(registry.counter("weir_net_connections_over_limit_total",
                                              "Connections closed at once because net.connections_max were open.")),
      connections_moved(registry.counter("weir_net_connections_moved_total",
                                         "Times that a connection went to the background core, because it gave way.")),
      connections_in_background(registry.gauge("weir_net_connections_in_background",
                                               "Connections on the background core now, because they give way.")),
      rests(registry.counter("weir_net_rests_total",
                             "Times that a connection there rested, because a request was in vain for a rate.")),
      requests_http1(registry.counter(requests_name, requests_help, {{"protocol", "http1"}})),
      requests_http2(registry.counter(requests_name, requests_help, {{"protocol", "http2"}})),
      refused_malformed(registry.counter(refused_name, refused_help, {{"reason", "malformed"}})),
      refused_header_too_large(registry.counter(refused_name, refused_help, {{"reason", "header_too_large"}})),
      refused_body_too_large(registry.counter(refused_name, refused_help, {{"reason", "body_too_large"}})),
      refused_timeout(registry.counter(refused_name, refused_help, {{"reason", "timeout"}})),
      refused_memory(registry.counter(refused_name, refused_help, {{"reason", "memory"}})),
      received_bytes(registry.counter("weir_net_received_bytes_total", "Bytes received, after TLS.")),
      sent_bytes(registry.counter("weir_net_sent_bytes_total", "Bytes sent, before TLS.")),
      request_memory_bytes(registry.gauge("weir_net_request_memory_bytes",
                                          "Memory of requests in flight; at most net.request_memory_bytes_max.")),
      response_memory_bytes(registry.gauge("weir_net_response_memory_bytes",
                                           "Memory of responses in flight; at most net.response_memory_bytes_max.")),
      tls_handshakes_failed(
          registry.counter("weir_net_tls_handshakes_failed_total", "TLS connections that ended before a request.")),
      h2_streams_reset_by_peer(
          registry.counter("weir_net_h2_streams_reset_by_peer_total", "HTTP/2 requests that the peer cancelled.")),
      h2_cut_off_resets(registry.counter(cut_off_name, cut_off_help, {{"flood", "resets"}})),
      h2_cut_off_control_frames(registry.counter(cut_off_name, cut_off_help, {{"flood", "control_frames"}})),
      h2_cut_off_headers(registry.counter(cut_off_name, cut_off_help, {{"flood", "headers"}})) {}

void HttpMetrics::count_refusal(std::uint16_t status) noexcept {
  switch (status) {
    case 408: refused_timeout.add(); break;
    case 413: refused_body_too_large.add(); break;
    case 431: refused_header_too_large.add(); break;
    case 503: refused_memory.add(); break;
    default: refused_malformed.add(); break;
  }
}

}  // namespace weir::net
