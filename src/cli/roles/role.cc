#include "cli/roles/role.h"

#include <cstdio>

#include "base/log.h"
#include "cli/start.h"
#include "env/file.h"
#include "env/process.h"

namespace weir::cli {
namespace {

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
  if (auto started = co_await role->start(); !started) {
    log_error(name, "cannot start", {{"error", started.error().message}});
    co_await role->stop();
    co_return exit_failed;
  }
  log_info(name, "serving",
           {{"as", role->describe()},
            {"start_ms", std::chrono::duration_cast<milliseconds>(context.core.now() - began).count()}});
  std::optional<env::ProcessSignal> signal;
  do {
    signal = co_await (*signals)->wait_for_signal();
  } while (signal == env::ProcessSignal::hangup);
  log_info(name, "stopping");
  co_await role->stop();
  log_info(name, "stopped");
  co_return exit_done;
}

}  // namespace

int run_role(const std::string& name, const ServeOptions& options, const MakeRole& make) {
  return start_process(name, options, [&](env::Runtime& runtime, const AllSettings& settings, MetricsRegistry& registry,
                                          std::string directory) {
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
      metrics_(context.registry),
      http_(context.settings.net, metrics_) {}

env::Task<Result<void>> AdminPort::open() {
  const ServerSettings& settings = context_.settings.server;
  auto server = co_await net::HttpServer::start(
      context_.core, {{.core = context_.core, .handler = handler_}}, http_,
      {.endpoint = {.address = settings.admin_address.get(),
                    .port = static_cast<std::uint16_t>(settings.admin_port.get())}});
  if (!server) co_return fail_while("opening the admin port", std::move(server.error()));
  server_ = std::move(*server);
  co_return Result<void>{};
}

env::Task<void> AdminPort::close() {
  health_.set_draining();
  if (server_) co_await server_->stop(Duration::zero());
}

}  // namespace weir::cli
