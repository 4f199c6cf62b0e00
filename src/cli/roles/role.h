// What the processes of a fleet have in common: they start with settings and limits checked, say who they are, serve an
// admin port, run until a signal, and stop in good order.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/all_settings.h"
#include "cli/commands.h"
#include "cli/process_watch.h"
#include "cli/start.h"
#include "env/runtime.h"
#include "frontend/admin/admin_handler.h"
#include "frontend/health.h"
#include "net/server.h"

namespace weir::cli {

// What a process has from its start to its end.
struct ProcessContext {
  env::Runtime& runtime;
  env::Core& core;  // core 0, which starts and stops everything
  const AllSettings& settings;
  MetricsRegistry& registry;
  std::string directory;  // exists
};

// One role's parts. Made, used and stopped on core 0.
class Role {
 public:
  virtual ~Role() = default;
  // Errors: the first that a part reports, saying what was being started. stop() follows all the same.
  [[nodiscard]] virtual env::Task<Result<void>> start() = 0;
  // Makes start() end soon, with an error, where it waits for others. Called while it runs.
  virtual void interrupt() {}
  [[nodiscard]] virtual env::Task<void> stop() = 0;
  // The last part of the line that says that the process serves.
  [[nodiscard]] virtual std::string describe() const = 0;
};

using MakeRole = std::function<std::unique_ptr<Role>(const ProcessContext&)>;

// Runs a whole process of the role: exit code. `name`: "directory", "cell", "frontend".
[[nodiscard]] int run_role(const std::string& name, const ServeOptions& options, BackgroundCore background,
                           const MakeRole& make);

// The admin port of a role.
class AdminPort {
 public:
  explicit AdminPort(const ProcessContext& context);
  [[nodiscard]] env::Task<Result<void>> open();
  // Says from now on that the process is stopping: what the Health looked at may go.
  void drain();
  [[nodiscard]] env::Task<void> close();
  [[nodiscard]] frontend::Health& health() noexcept { return health_; }
  [[nodiscard]] const ProcessWatch& watch() const noexcept { return watch_; }
  [[nodiscard]] net::HttpResources& http() noexcept { return http_; }

 private:
  const ProcessContext context_;
  frontend::Health health_;
  frontend::AdminHandler handler_;
  ProcessMetrics process_metrics_;
  ProcessWatch watch_;
  net::HttpMetrics metrics_;
  net::HttpResources http_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace weir::cli
