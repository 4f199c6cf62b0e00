// What the connections of one core share.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/bytes.h"
#include "env/core.h"
#include "env/network.h"
#include "net/buffer_pool.h"
#include "net/http.h"
#include "net/http_date.h"
#include "net/memory_budget.h"
#include "net/metrics.h"
#include "net/settings.h"

namespace weir::net {

// The bounds that all HTTP servers of one process share. Outlives them. Any thread.
struct HttpResources {
  HttpResources(const HttpSettings& with_settings, HttpMetrics& with_metrics)
      : settings(with_settings),
        metrics(with_metrics),
        request_memory(settings.request_memory_bytes_max.get(), metrics.request_memory_bytes),
        response_memory(settings.response_memory_bytes_max.get(), metrics.response_memory_bytes) {}

  const HttpSettings& settings;
  HttpMetrics& metrics;
  MemoryBudget request_memory;
  MemoryBudget response_memory;
  std::atomic<std::uint64_t> connections{0};
};

// How long a connection rests whose requests are in vain, one after the other: a turn, then twice as long each time. So
// do the clients of the API by themselves; this is for those that do not. After a large request, which costs more to
// refuse, it begins higher and goes on for longer.
class Rests {
 public:
  static constexpr Duration longest = 32 * env::Connection::turn_interval;
  static constexpr std::size_t bytes_of_one_part = 64 * kibibyte;
  static constexpr std::int64_t parts_at_first_max = 16;  // the first rest is a turn for each
  static constexpr std::int64_t parts_at_last_max = 4;    // and the longest rest so many times as long

  [[nodiscard]] Duration after(const HttpResponse& response, std::size_t request_bytes) noexcept {
    if (!response.gives_way || !response.in_vain) {
      last_ = Duration(0);
    } else {
      const auto parts = static_cast<std::int64_t>(1 + request_bytes / bytes_of_one_part);
      last_ = std::clamp(2 * last_, env::Connection::turn_interval * std::min(parts, parts_at_first_max),
                         longest * std::min(parts, parts_at_last_max));
    }
    return last_;
  }

 private:
  Duration last_{};
};

// Belongs to one core and outlives its connections.
struct HttpContext {
  // The core's part among those of its server.
  enum class Place : std::uint8_t {
    alone,       // connections stay where they are
    foreground,  // those that give way move to the background core
    background,  // and those that no longer do move back
  };

  HttpContext(env::Core& on_core, HttpHandler& with_handler, HttpResources& with_resources,
              Place with_place = Place::alone)
      : core(on_core),
        place(with_place),
        handler(with_handler),
        resources(with_resources),
        settings(with_resources.settings),
        metrics(with_resources.metrics),
        h2_resets_per_interval_max(with_resources.settings.h2_resets_per_interval_max.get()),
        buffers(with_resources.settings.buffer_cache_bytes_max.get()) {}

  // Whether a connection with this answer goes on elsewhere.
  [[nodiscard]] bool moves_after(const HttpResponse& response) const noexcept {
    return place != Place::alone && response.gives_way != (place == Place::background);
  }
  // How it goes on here until its next request, unless it moves.
  void settle(env::Connection& connection, std::size_t request_bytes, const HttpResponse& response, bool moves,
              Rests& rests) const noexcept {
    connection.give_way(response.gives_way && !moves);
    const Duration rest = moves ? Duration(0) : rests.after(response, request_bytes);
    connection.rest(rest);
    if (rest > Duration(0)) metrics.rests.add();
  }

  env::Core& core;
  const Place place;
  HttpHandler& handler;
  HttpResources& resources;
  const HttpSettings& settings;
  HttpMetrics& metrics;
  std::uint64_t h2_resets_per_interval_max;
  BufferPool buffers;
  HttpDate date;
};

// What is known of a connection before its first request.
struct ConnectionTraits {
  bool over_tls = false;
  bool peer_is_loopback = false;
  const PeerIdentity* peer = nullptr;  // outlives the connection
};

// One connection that speaks HTTP, whatever version.
class HttpConnection {
 public:
  HttpConnection() = default;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  virtual ~HttpConnection() = default;

  enum class Ending : std::uint8_t {
    done,   // either side is done, and every handler has ended
    moves,  // it goes on on another core (HttpContext::moves_after); nothing is in flight, and it does not drain
  };
  // Serves requests. Call once on each core.
  [[nodiscard]] virtual env::Task<Ending> run() = 0;
  // After `moves`, in this order: the first on the core where it ran, the second where it goes on, before run().
  virtual void leave() noexcept = 0;
  virtual void arrive(HttpContext& context, env::Connection& connection) noexcept = 0;
  // Takes no further request; those in flight are answered, then run() ends. May be called more than once.
  virtual void begin_drain() noexcept = 0;
};

}  // namespace weir::net
