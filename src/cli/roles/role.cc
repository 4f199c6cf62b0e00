#include "cli/roles/role.h"

#include <cstdio>

#include "base/log.h"
#include "env/event.h"
#include "env/file.h"
#include "env/process.h"
#include "env/task_group.h"

namespace weir::cli {
namespace {

// Waits for the signal to stop from before the start on: a role that waits for others must not be deaf.
class StopSignal {
 public:
  StopSignal(env::Core& core, env::SignalSource& signals, Role& role)
      : signals_(signals), role_(role), came_(core), tasks_(core) {
    tasks_.spawn(listen());
  }
  void started() { starting_ = false; }
  [[nodiscard]] bool has_come() const noexcept { return has_come_; }
  [[nodiscard]] env::Task<void> wait() {
    while (!has_come_) co_await came_.wait();
  }
  // Once, last.
  [[nodiscard]] env::Task<void> close() {
    signals_.close();
    co_await tasks_.wait();
  }

 private:
  env::Task<void> listen() {
    std::optional<env::ProcessSignal> signal;
    do {
      signal = co_await signals_.wait_for_signal();
    } while (signal == env::ProcessSignal::hangup);
    has_come_ = true;
    came_.notify_all();
    if (starting_) role_.interrupt();
  }

  env::SignalSource& signals_;
  Role& role_;
  bool starting_ = true;
  bool has_come_ = false;
  env::Event came_;
  env::TaskGroup tasks_;
};

env::Task<int> run_until_signal(ProcessContext context, const std::string& name, const MakeRole& make) {
  auto signals = env::make_signal_source(context.core);
  if (!signals) {
    log_error(name, "cannot catch signals", {{"error", signals.error().message}});
    co_return exit_failed;
  }
  if (auto made = co_await context.core.files().create_directories(context.directory); !made) {
    log_error(name, "cannot make the data directory",
              {{"directory", context.directory}, {"error", made.error().message}});
    co_return exit_failed;
  }
  const auto lock = co_await context.core.files().lock(context.directory + "/lock");
  if (!lock) {
    log_error(name, "the data directory is in use by another process",
              {{"directory", context.directory}, {"error", lock.error().message}});
    co_return exit_failed;
  }
  const MonotonicTime began = context.core.now();
  const std::unique_ptr<Role> role = make(context);
  StopSignal stop(context.core, **signals, *role);
  const auto started = co_await role->start();
  stop.started();
  if (!started) {
    const bool interrupted = stop.has_come();
    if (!interrupted) log_error(name, "cannot start", {{"error", started.error().message}});
    co_await role->stop();
    co_await stop.close();
    log_info(name, "stopped");
    co_return interrupted ? exit_done : exit_failed;
  }
  log_info(name, "serving",
           {{"as", role->describe()},
            {"start_ms", std::chrono::duration_cast<milliseconds>(context.core.now() - began).count()}});
  co_await stop.wait();
  log_info(name, "stopping");
  co_await role->stop();
  co_await stop.close();
  log_info(name, "stopped");
  co_return exit_done;
}

}  // namespace

int run_role(const std::string& name, const ServeOptions& options, BackgroundCore background, const MakeRole& make) {
  return start_process(
      name, options, background,
      [&](env::Runtime& runtime, const AllSettings& settings, MetricsRegistry& registry, std::string directory) {
        const ProcessContext context{.runtime = runtime,
                                     .core = runtime.core(0),
                                     .settings = settings,
                                     .registry = registry,
                                     .directory = std::move(directory)};
        return run_until_signal(context, name, make);
      });
}

AdminPort::AdminPort(const ProcessContext& context)
    : context_(context),
      handler_(context.registry, health_),
      process_metrics_(context.registry),
      watch_(context.core, health_, process_metrics_),
      metrics_(context.registry),
      http_(context.settings.net, metrics_) {}

env::Task<Result<void>> AdminPort::open() {
  const ServerSettings& settings = context_.settings.server;
  auto server =
      co_await net::HttpServer::start(context_.core, {{.core = context_.core, .handler = handler_}}, http_,
                                      {.endpoint = {.address = settings.admin_address.get(),
                                                    .port = static_cast<std::uint16_t>(settings.admin_port.get())}});
  if (!server) co_return fail_while("opening the admin port", std::move(server.error()));
  server_ = std::move(*server);
  watch_.start();
  co_return Result<void>{};
}

void AdminPort::drain() { health_.set_draining(); }

env::Task<void> AdminPort::close() {
  health_.set_draining();
  co_await watch_.stop();
  if (server_) co_await server_->stop(Duration::zero());
}

}  // namespace weir::cli
