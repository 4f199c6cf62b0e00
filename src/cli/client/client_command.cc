#include "cli/client/client_command.h"

#include <cstdio>

#include "env/process.h"
#include "env/runtime.h"
#include "env/task_group.h"

namespace weir::cli {
namespace {

using Body = std::function<env::Task<Result<void>>(KinesisClient&)>;

// Interrupts with the first signal. Then the source goes, and the next one does what it does by default.
env::Task<void> interrupt_on_signal(std::unique_ptr<env::SignalSource>& signals, KinesisClient& client) {
  const auto signal = co_await signals->wait_for_signal();
  signals.reset();
  if (!signal) co_return;
  client.interrupt().request();
  client.close();
}

env::Task<Result<void>> run_interruptible(KinesisClient& client, const Body& body) {
  WEIR_CO_TRY(std::unique_ptr<env::SignalSource> signals, env::make_signal_source(client.core()));
  env::TaskGroup tasks(client.core());
  tasks.spawn(interrupt_on_signal(signals, client));
  Result<void> outcome = co_await body(client);
  if (signals != nullptr) signals->close();
  co_await tasks.wait();
  if (client.interrupt().is_requested()) co_return Result<void>();
  co_return outcome;
}

env::Task<int> run_command(env::Core& core, const ClientCommand& command, const Body& body) {
  const std::string& name = command.client.command;
  Interrupt interrupt(core);
  const auto client = co_await KinesisClient::make(core, interrupt, command.client);
  if (!client) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), client.error().message.c_str());
    co_return exit_usage;
  }
  Result<void> outcome;
  if (command.is_interruptible) {
    outcome = co_await run_interruptible(**client, body);
  } else {
    outcome = co_await body(**client);
  }
  if (outcome || outcome.error().code == ErrorCode::closed) co_return exit_done;
  (*client)->warn(outcome.error().message);
  co_return exit_failed;
}

}  // namespace

int run_client_command(const ClientCommand& command, const Body& body) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  return runtime->run([&] { return run_command(runtime->core(0), command, body); });
}

}  // namespace weir::cli
