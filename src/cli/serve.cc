// `weir serve`: the whole system in this process.
#include <cstdio>
#include <string>

#include "base/log.h"
#include "cli/all_settings.h"
#include "cli/commands.h"
#include "cli/server.h"
#include "cli/start.h"
#include "env/process.h"
#include "env/runtime.h"

namespace weir::cli {
namespace {

// What a newcomer pastes: where, who, and a first command.
void print_greeting(const Server& server, const AllSettings& settings) {
  const std::string endpoint = "http://" + env::to_string(server.plain_endpoint());
  std::string tls;
  if (const env::Endpoint* tls_endpoint = server.tls_endpoint()) {
    tls = "  (TLS: https://" + env::to_string(*tls_endpoint) + ", trust " + server.tls_certificate_file() + ")";
  }
  std::printf("endpoint     %s%s\n", endpoint.c_str(), tls.c_str());
  std::printf("credentials  %s\n", server.credentials().greeting(settings.server.region.get()).c_str());
  std::printf("try          aws --endpoint-url %s kinesis create-stream --stream-name first --shard-count 1\n",
              endpoint.c_str());
  std::fflush(stdout);
}

env::Task<int> run_server(env::Runtime& runtime, const AllSettings& settings, MetricsRegistry& registry,
                          std::string directory) {
  env::Core& core = runtime.core(0);
  auto signals = env::make_signal_source(core);
  if (!signals) {
    log_error("server", "cannot catch signals", {{"error", signals.error().message}});
    co_return exit_failed;
  }
  if (auto made = co_await core.files().create_directories(directory); !made) {
    log_error("server", "cannot make the data directory", {{"directory", directory}, {"error", made.error().message}});
    co_return exit_failed;
  }
  const MonotonicTime began = core.now();
  auto server = co_await Server::start(runtime, settings, registry, directory);
  if (!server) {
    log_error("server", "cannot start", {{"error", server.error().message}});
    co_return exit_failed;
  }
  print_greeting(**server, settings);
  log_info("server", "serving",
           {{"endpoint", env::to_string((*server)->plain_endpoint())},
            {"admin", env::to_string((*server)->admin_endpoint())},
            {"data", directory},
            {"cores", runtime.core_count()},
            {"start_ms", std::chrono::duration_cast<milliseconds>(core.now() - began).count()}});
  std::optional<env::ProcessSignal> signal;
  do {
    signal = co_await (*signals)->wait_for_signal();
  } while (signal == env::ProcessSignal::hangup);  // credentials are watched anyway; a closed terminal ends nothing
  log_info("server", "stopping", {{"drain_ms_max", settings.server.drain_time_max.get().count()}});
  co_await (*server)->stop();
  server->reset();
  log_info("server", "stopped");
  co_return exit_done;
}

}  // namespace

int serve(const ServeOptions& options) { return start_process("serve", options, BackgroundCore::with, run_server); }

}  // namespace weir::cli
