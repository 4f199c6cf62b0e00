// Connections that move between cores which are threads: for the sanitizers above all.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "env/runtime.h"
#include "env/task_group.h"
#include "net/client.h"
#include "net/http2/http2_client.h"
#include "net/server.h"
#include "net/tls/tls.h"
#include "net/tls/tls_certificate.h"
#include "tests/net/http_test_support.h"

namespace weir::net {
namespace {

constexpr std::uint32_t cores = 2;
constexpr int requests_each = 150;

struct Threads {
  explicit Threads(env::Runtime& in) : runtime(in) {
    for (std::uint32_t i = 0; i < in.loop_count(); ++i) handlers.push_back(std::make_unique<EchoHandler>(in.core(i)));
    for (std::uint32_t i = 0; i < cores; ++i) serving.push_back({.core = in.core(i), .handler = *handlers[i]});
  }

  env::Runtime& runtime;
  SettingsRegistry settings_registry;
  HttpSettings settings{settings_registry};
  MetricsRegistry metrics_registry;
  HttpMetrics metrics{metrics_registry};
  HttpResources resources{settings, metrics};
  std::vector<std::unique_ptr<EchoHandler>> handlers;
  std::vector<ServingCore> serving;
};

// Two requests that give way, one that does not, and so on.
template <class Client>
env::Task<void> ask(env::Core& core, Client& client, int number) {
  for (int i = 0; i < requests_each; ++i) {
    const bool over = (i + number) % 3 != 0;
    const std::string body(static_cast<std::size_t>(i % 10 == 0 ? 200'000 : i), 'b');
    const Result<HttpClientResponse> response =
        co_await client.send({.target = over ? "/over" : "/other", .body = body}, core.now() + seconds(60));
    EXPECT_TRUE(response.has_value()) << response.error().message;
    if (!response.has_value()) co_return;
    EXPECT_EQ(response->body, body);
  }
}

env::Task<int> many_clients(Threads& threads, bool secured) {
  env::Core& core = threads.runtime.core(0);
  const WallTime now = core.wall_now();
  const auto pem =
      make_self_signed_certificate({.names = {"here"}, .valid_from = now - hours(1), .valid_until = now + hours(1)});
  EXPECT_TRUE(pem.has_value());
  if (!pem.has_value()) co_return 1;
  HttpServerOptions options{.endpoint = {"127.0.0.1", 0}};
  options.background.emplace(threads.runtime.core(cores), *threads.handlers[cores]);
  if (secured) options.tls = *TlsContext::server(pem->certificate, pem->private_key);
  auto server = co_await HttpServer::start(core, threads.serving, threads.resources, std::move(options));
  EXPECT_TRUE(server.has_value());
  if (!server.has_value()) co_return 1;
  const auto client_options = [&](std::string protocol) {
    auto tls = !secured ? nullptr : *TlsContext::client({.protocols = {std::move(protocol)}});
    return HttpClientOptions{.endpoint = (*server)->local(), .host = "here", .tls = std::move(tls)};
  };
  {
    std::vector<std::unique_ptr<HttpClient>> http1;
    std::vector<std::unique_ptr<Http2Client>> http2;
    env::TaskGroup tasks(core);
    for (int i = 0; i < 6; ++i) {
      http1.push_back(std::make_unique<HttpClient>(core, client_options("http/1.1")));
      tasks.spawn(ask(core, *http1.back(), i));
    }
    for (int i = 0; i < 3; ++i) {
      http2.push_back(std::make_unique<Http2Client>(core, client_options("h2")));
      for (int j = 0; j < 2; ++j) tasks.spawn(ask(core, *http2.back(), j));
    }
    co_await tasks.wait();
    for (const auto& client : http2) co_await client->stop();
  }
  co_await (*server)->stop(seconds(10));
  co_return 0;
}

TEST(BackgroundCore, MovesConnectionsBetweenThreads) {
  for (const bool secured : {false, true}) {
    const auto runtime = env::make_real_runtime({.cores = cores, .blocking_threads = 1, .background_core = true});
    Threads threads(*runtime);
    ASSERT_EQ(runtime->run([&] { return many_clients(threads, secured); }), 0);
    EXPECT_EQ(threads.resources.connections.load(), 0U);
    EXPECT_EQ(threads.metrics.connections_in_background.value(), 0);
    EXPECT_EQ(threads.resources.request_memory.used_bytes(), 0U);
    EXPECT_GT(threads.metrics.connections_moved.value(), 200U);
    EXPECT_GT(threads.handlers[cores]->seen.size(), 500U);
    std::size_t seen = 0;
    for (const auto& handler : threads.handlers) seen += handler->seen.size();
    EXPECT_EQ(seen, 12U * requests_each);
  }
}

}  // namespace
}  // namespace weir::net
