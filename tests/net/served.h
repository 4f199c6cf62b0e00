// A server with all its cores on one simulated machine, for the tests of servers and clients together.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "env/sim/sim_network.h"
#include "env/sim/simulation.h"
#include "net/server.h"
#include "net/tls/tls.h"
#include "net/tls/tls_certificate.h"
#include "tests/net/http_test_support.h"

namespace weir::net {

inline constexpr WallTime sim_start = wall_time_ms(1'767'225'600'000);

inline CertificatePem test_certificate(WallTime from = sim_start - hours(1), WallTime until = sim_start + hours(24)) {
  Result<CertificatePem> pem =
      make_self_signed_certificate({.names = {"weir.example", "10.1.2.3"}, .valid_from = from, .valid_until = until});
  WEIR_ASSERT(pem.has_value());
  return *std::move(pem);
}

inline std::shared_ptr<const TlsContext> server_tls(const CertificatePem& pem) {
  const Result<std::shared_ptr<const TlsContext>> context = TlsContext::server(pem.certificate, pem.private_key);
  WEIR_ASSERT(context.has_value());
  return *context;
}

inline std::shared_ptr<const TlsContext> client_tls(TlsClientOptions options) {
  const Result<std::shared_ptr<const TlsContext>> context = TlsContext::client(options);
  WEIR_ASSERT(context.has_value());
  return *context;
}

// A server on all cores of a simulated machine, its background core among them where it has one: the last handler.
struct Served {
  Served(env::Simulation& in, std::initializer_list<std::string_view> assignments = {}) : simulation(in) {
    for (const std::string_view assignment : assignments) {
      WEIR_ASSERT(settings_registry.set_assignment(assignment).has_value());
    }
    for (std::uint32_t i = 0; i < in.core_count(); ++i) cores.push_back({in.core(i), add_handler(in.core(i))});
    if (env::Core* const core = in.background_core()) background.emplace(*core, add_handler(*core));
  }
  // Starts on core 0.
  env::Task<void> start(std::shared_ptr<const TlsContext> tls = nullptr) {
    co_await start_with(
        {.endpoint = {"127.0.0.1", 0}, .backlog = 128, .background = background, .tls = std::move(tls)});
  }
  env::Task<void> start_with(HttpServerOptions options) {
    Result<std::unique_ptr<HttpServer>> started =
        co_await HttpServer::start(simulation.core(0), cores, resources, std::move(options));
    WEIR_ASSERT(started.has_value());
    server = std::move(*started);
  }
  EchoHandler& add_handler(env::Core& core) {
    handlers.push_back(std::make_unique<EchoHandler>(core));
    return *handlers.back();
  }
  [[nodiscard]] env::Task<std::unique_ptr<env::Connection>> connect() {
    Result<std::unique_ptr<env::Connection>> connected =
        co_await simulation.core(0).network().connect(server->local(), no_deadline);
    WEIR_ASSERT(connected.has_value());
    co_return std::move(*connected);
  }
  [[nodiscard]] std::size_t seen() const {
    std::size_t total = 0;
    for (const auto& handler : handlers) total += handler->seen.size();
    return total;
  }

  env::Simulation& simulation;
  SettingsRegistry settings_registry;
  HttpSettings settings{settings_registry};
  MetricsRegistry metrics_registry;
  HttpMetrics metrics{metrics_registry};
  HttpResources resources{settings, metrics};
  std::vector<std::unique_ptr<EchoHandler>> handlers;
  std::vector<ServingCore> cores;
  std::optional<ServingCore> background;
  std::unique_ptr<HttpServer> server;
};

// Runs `test(served)` on core 0 of a machine with three cores, the last of them a background core where one is wanted,
// and stops the server after it.
inline void with_server(std::initializer_list<std::string_view> assignments,
                        const std::function<env::Task<void>(Served&)>& test,
                        std::shared_ptr<const TlsContext> tls = nullptr, std::uint64_t seed = 1,
                        bool background_core = false) {
  env::Simulation simulation({.seed = seed, .cores = background_core ? 2U : 3U, .background_core = background_core});
  Served served(simulation, assignments);
  const int code = simulation.run([&]() -> env::Task<int> {
    co_await served.start(tls);
    co_await test(served);
    if (served.server != nullptr) co_await served.server->stop(seconds(1));
    co_return 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(served.resources.connections.load(), 0U);
  EXPECT_EQ(served.metrics.connections_in_background.value(), 0);
  EXPECT_EQ(served.resources.request_memory.used_bytes(), 0U);
  EXPECT_EQ(served.resources.response_memory.used_bytes(), 0U);
}

inline env::Task<void> release_later(Served& served, Duration after) {
  co_await served.simulation.core(0).sleep_for(after);
  for (std::uint32_t i = 0; i < served.simulation.loop_count(); ++i) {
    co_await served.simulation.core(i).enter();
    served.handlers[i]->release();
  }
  co_await served.simulation.core(0).enter();
}

}  // namespace weir::net
