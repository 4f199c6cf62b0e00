// Settings of the HTTP server: every bound and every patience of src/net.
#pragma once

#include "base/settings.h"

namespace weir::net {

struct HttpSettings {
  explicit HttpSettings(SettingsRegistry& registry);

  Setting<std::uint64_t> connections_max;
  Setting<std::uint64_t> header_bytes_max;
  Setting<std::uint64_t> header_count_max;
  Setting<std::uint64_t> body_bytes_max;
  Setting<std::uint64_t> request_memory_bytes_max;
  Setting<std::uint64_t> response_memory_bytes_max;
  Setting<std::uint64_t> buffer_cache_bytes_max;
  Setting<std::uint64_t> transfer_bytes_per_second_min;
  Setting<milliseconds> header_timeout;
  Setting<milliseconds> body_timeout;
  Setting<milliseconds> write_timeout;
  Setting<milliseconds> idle_timeout;
  Setting<milliseconds> lingering_timeout;
  Setting<std::uint64_t> h2_streams_max;
  Setting<std::uint64_t> h2_stream_window_bytes;
  Setting<std::uint64_t> h2_connection_window_bytes;
  Setting<std::uint64_t> h2_resets_per_interval_max;
  Setting<std::uint64_t> h2_control_frames_per_interval_max;
};

// The interval over which HTTP/2 resets and control frames are counted.
inline constexpr seconds h2_flood_interval{10};

// How long a transfer of `bytes` may take in all: `patience` for the first byte to move, then the least rate allowed.
[[nodiscard]] Duration transfer_allowance(const HttpSettings& settings, milliseconds patience,
                                          std::uint64_t bytes) noexcept;

}  // namespace weir::net
