// start_process: what every serving process does before its first task runs: settings, limits, log, threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/metrics.h"
#include "cli/all_settings.h"
#include "cli/commands.h"
#include "env/runtime.h"
#include "env/task.h"

namespace weir::cli {

// A background core (env/runtime.h) is for processes that serve connections which give way.
enum class BackgroundCore : std::uint8_t { without, with };

// `directory`: the data directory, which may not exist yet. What is passed lives until the task has ended.
using ProcessMain = std::function<env::Task<int>(env::Runtime& runtime, const AllSettings& settings,
                                                 MetricsRegistry& registry, std::string directory)>;

// Reads the settings, checks the process's worst case against the limits of the system, starts the threads and runs
// `main` on core 0. Returns its exit code, or another after a line on standard error. `name`: of the command.
[[nodiscard]] int start_process(const std::string& name, const ServeOptions& options, BackgroundCore background,
                                const ProcessMain& main);

}  // namespace weir::cli
