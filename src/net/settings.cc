#include "net/settings.h"

#include "base/bytes.h"

namespace weir::net {

HttpSettings::HttpSettings(SettingsRegistry& registry)
    : connections_max(registry, "net.connections_max", 16'000, {1, 1'000'000},
                      "connections open at once in the process; one more is accepted, closed at once and counted"),
      header_bytes_max(registry, "net.header_bytes_max", 64 * kibibyte, {1 * kibibyte, 1 * mebibyte},
                       "bytes of one request's header; more is answered with 431"),
      header_count_max(registry, "net.header_count_max", 128, {8, 4'096},
                       "fields of one request's header; more is answered with 431"),
      body_bytes_max(registry, "net.body_bytes_max", 16 * mebibyte, {1 * kibibyte, 1 * gibibyte},
                     "bytes of one request's body; more is answered with 413"),
      request_memory_bytes_max(registry, "net.request_memory_bytes_max", 512 * mebibyte,
                               {1 * mebibyte, 1024 * gibibyte},
                               "bytes of requests in memory at once, over all connections; a request that does not fit "
                               "is answered with 503. A quarter is kept for requests of up to 256 KiB"),
      response_memory_bytes_max(
          registry, "net.response_memory_bytes_max", 512 * mebibyte, {1 * mebibyte, 1024 * gibibyte},
          "bytes of responses waiting for their readers at once, over all connections; a response "
          "that does not fit is replaced by a 503"),
      buffer_cache_bytes_max(registry, "net.buffer_cache_bytes_max", 16 * mebibyte, {0, 1 * gibibyte},
                             "bytes of free receive buffers that each port keeps on each core for the next request"),
      transfer_bytes_per_second_min(registry, "net.transfer_bytes_per_second_min", 4 * kibibyte, {1, 1 * gibibyte},
                                    "rate below which a body or a response is given up, after its timeout has passed"),
      header_timeout(registry, "net.header_timeout", seconds(30), {milliseconds(1), hours(1)},
                     "time for a TLS handshake, for a new connection's first request to begin, and for the header of a "
                     "request that has begun"),
      body_timeout(registry, "net.body_timeout", seconds(30), {milliseconds(1), hours(1)},
                   "time for a body, besides what net.transfer_bytes_per_second_min grants for its bytes"),
      write_timeout(registry, "net.write_timeout", seconds(30), {milliseconds(1), hours(1)},
                    "time for a response, besides what net.transfer_bytes_per_second_min grants for its bytes"),
      idle_timeout(registry, "net.idle_timeout", seconds(350), {milliseconds(1), hours(24)},
                   "time that a connection may wait between requests"),
      lingering_timeout(registry, "net.lingering_timeout", seconds(2), {milliseconds(0), seconds(60)},
                        "time for which the rest of a refused request is read and dropped, so that its sender can see "
                        "the answer"),
      h2_streams_max(registry, "net.h2_streams_max", 10'000, {1, 1'000'000},
                     "HTTP/2 requests open at once on one connection"),
      h2_stream_window_bytes(registry, "net.h2_stream_window_bytes", 1 * mebibyte, {65'535, 1 * gibibyte},
                             "bytes that an HTTP/2 peer may send on one stream ahead of the reader"),
      h2_connection_window_bytes(registry, "net.h2_connection_window_bytes", 16 * mebibyte, {65'535, 1 * gibibyte},
                                 "bytes that an HTTP/2 peer may send on one connection ahead of the reader"),
      h2_resets_per_interval_max(registry, "net.h2_resets_per_interval_max", 1'000, {1, 1'000'000},
                                 "unanswered HTTP/2 requests that one connection may cancel in 10 s; more ends it"),
      h2_control_frames_per_interval_max(
          registry, "net.h2_control_frames_per_interval_max", 10'000, {1, 10'000'000},
          "PING, SETTINGS, PRIORITY and empty DATA frames that one connection may send in 10 s; more ends it") {}

Duration transfer_allowance(const HttpSettings& settings, milliseconds patience, std::uint64_t bytes) noexcept {
  const std::uint64_t rate = settings.transfer_bytes_per_second_min.get();
  return Duration(patience) + seconds(bytes / rate) + nanoseconds(bytes % rate * 1'000'000'000 / rate);
}

}  // namespace weir::net
