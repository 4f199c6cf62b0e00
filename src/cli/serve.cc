// `weir serve`: the whole system in this process.
#include <cstdio>
#include <string>

#include "base/log.h"
#include "cell/lane_count.h"
#include "cli/all_settings.h"
#include "cli/commands.h"
#include "cli/preflight.h"
#include "cli/server.h"
#include "env/file.h"
#include "env/process.h"
#include "env/real/log_sink.h"
#include "env/runtime.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t config_bytes_max = 1 * mebibyte;

// Reads the file, then the command line, which wins.
env::Task<Result<void>> read_settings(env::Core& core, SettingsRegistry& registry, ServeOptions options) {
  if (!options.config_file.empty()) {
    WEIR_CO_TRY(const std::string document,
                co_await env::read_whole_file(core.files(), options.config_file, config_bytes_max));
    WEIR_CO_CHECK(registry.load_toml(document, options.config_file));
  }
  for (const std::string& assignment : options.assignments) WEIR_CO_CHECK(registry.set_assignment(assignment));
  co_return Result<void>();
}

std::string default_data_directory() {
  if (const auto data_home = env::environment_variable("XDG_DATA_HOME"); data_home && !data_home->empty()) {
    return *data_home + "/weir";
  }
  if (const auto home = env::environment_variable("HOME"); home && !home->empty()) {
    return *home + "/.local/share/weir";
  }
  return "/var/lib/weir";
}

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

Result<void> apply_log_level(const std::string& name) {
  if (name == "debug") set_log_level(LogLevel::debug);
  else if (name == "info") set_log_level(LogLevel::info);
  else if (name == "warning") set_log_level(LogLevel::warning);
  else if (name == "error") set_log_level(LogLevel::error);
  else return fail(ErrorCode::invalid_argument, "log.level must be debug, info, warning or error, not \"" + name + "\"");
  return {};
}

// Settings from the file need a loop to read it; this short one is gone before the server's begins.
Result<void> load_settings(SettingsRegistry& registry, const ServeOptions& options) {
  Result<void> outcome;
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  const auto read = [&]() -> env::Task<int> {
    outcome = co_await read_settings(runtime->core(0), registry, options);
    co_return exit_done;
  };
  static_cast<void>(runtime->run(read));
  return outcome;
}

Result<void> check_limits(const AllSettings& settings, std::uint32_t cores) {
  const WorstCase need = worst_case(settings, cores, settings.cell.lanes_wanted(cores));
  WEIR_CHECK(preflight(need, env::system_limits(), env::process_usage()));
  const Result<std::uint64_t> raised = env::raise_descriptor_limit();
  if (!raised) return std::unexpected(raised.error());
  return {};
}

}  // namespace

int serve(const ServeOptions& options) {
  SettingsRegistry settings_registry;
  const AllSettings settings(settings_registry);
  Result<void> ready = load_settings(settings_registry, options);
  if (ready) ready = apply_log_level(settings.server.log_level.get());
  if (!ready) {
    std::fprintf(stderr, "weir serve: %s\n", ready.error().message.c_str());
    return exit_usage;
  }
  env::set_file_creation_mask(0027);
  const std::uint64_t wanted_cores = settings.server.cores.get();
  const auto cores = static_cast<std::uint32_t>(wanted_cores != 0 ? wanted_cores : env::system_limits().hardware_cores);
  if (const Result<void> fits = check_limits(settings, cores); !fits) {
    std::fprintf(stderr, "weir serve: %s\n", fits.error().message.c_str());
    return exit_failed;
  }
  std::string directory = settings.server.data_directory.get();
  if (directory.empty()) directory = default_data_directory();

  MetricsRegistry metrics;
  Counter& dropped_lines = metrics.counter("weir_log_dropped_lines_total", "Log lines dropped because the log did not keep up");
  const env::RealLogSink log_sink(env::standard_error_descriptor, dropped_lines);
  const auto runtime = env::make_real_runtime(
      {.cores = cores,
       .blocking_threads = static_cast<std::uint32_t>(settings.server.blocking_threads.get()),
       .metrics = &metrics});
  return runtime->run([&] { return run_server(*runtime, settings, metrics, directory); });
}

}  // namespace weir::cli
