#include "cli/start.h"

#include <cstdio>

#include "base/log.h"
#include "cli/preflight.h"
#include "env/file.h"
#include "env/process.h"
#include "env/real/log_sink.h"

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

Result<void> apply_log_level(const std::string& name) {
  if (name == "debug")
    set_log_level(LogLevel::debug);
  else if (name == "info")
    set_log_level(LogLevel::info);
  else if (name == "warning")
    set_log_level(LogLevel::warning);
  else if (name == "error")
    set_log_level(LogLevel::error);
  else
    return fail(ErrorCode::invalid_argument, "log.level must be debug, info, warning or error, not \"" + name + "\"");
  return {};
}

// Settings from the file need a loop to read it; this short one is gone before the server's begins.
Result<void> load_settings(SettingsRegistry& registry, const ServeOptions& options) {
  Result<void> outcome = env::no_more_threads();  // what it stays when the loop cannot begin
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it lives until run() has returned.
  const auto read = [&]() -> env::Task<int> {
    outcome = co_await read_settings(runtime->core(0), registry, options);
    co_return exit_done;
  };
  static_cast<void>(runtime->run(read));
  return outcome;
}

Result<void> check_limits(const AllSettings& settings, std::uint32_t cores, BackgroundCore background) {
  const std::uint32_t loops = cores + (background == BackgroundCore::with ? 1 : 0);
  const WorstCase need = worst_case(settings, loops, settings.cell.lanes_wanted(cores));
  WEIR_CHECK(preflight(need, env::system_limits(), env::process_usage()));
  const Result<std::uint64_t> raised = env::raise_descriptor_limit();
  if (!raised) return std::unexpected(raised.error());
  return {};
}

}  // namespace

int start_process(const std::string& name, const ServeOptions& options, BackgroundCore background,
                  const ProcessMain& main) {
  SettingsRegistry settings_registry;
  const AllSettings settings(settings_registry);
  Result<void> ready = load_settings(settings_registry, options);
  if (ready) ready = apply_log_level(settings.server.log_level.get());
  if (!ready) {
    std::fprintf(stderr, "weir %s: %s\n", name.c_str(), ready.error().message.c_str());
    return exit_usage;
  }
  env::set_file_creation_mask(0027);
  const std::uint64_t wanted_cores = settings.server.cores.get();
  const auto cores = static_cast<std::uint32_t>(wanted_cores != 0 ? wanted_cores : env::system_limits().hardware_cores);
  if (const Result<void> fits = check_limits(settings, cores, background); !fits) {
    std::fprintf(stderr, "weir %s: %s\n", name.c_str(), fits.error().message.c_str());
    return exit_failed;
  }
  std::string directory = settings.server.data_directory.get();
  if (directory.empty()) directory = default_data_directory();

  MetricsRegistry metrics;
  Counter& dropped_lines =
      metrics.counter("weir_log_dropped_lines_total", "Log lines dropped because the log did not keep up");
  const auto log_sink = env::RealLogSink::start(env::standard_error_descriptor, dropped_lines);
  if (!log_sink) {
    std::fprintf(stderr, "weir %s: %s\n", name.c_str(), log_sink.error().message.c_str());
    return exit_failed;
  }
  const auto runtime =
      env::make_real_runtime({.cores = cores,
                              .blocking_threads = static_cast<std::uint32_t>(settings.server.blocking_threads.get()),
                              .background_core = background == BackgroundCore::with,
                              .metrics = &metrics});
  return runtime->run([&] { return main(*runtime, settings, metrics, directory); });
}

}  // namespace weir::cli
