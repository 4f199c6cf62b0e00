// What the commands that talk to a server have in common: a small runtime, a client, and how they end.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/client/kinesis_client.h"
#include "cli/commands.h"
#include "env/task.h"

namespace weir::cli {

struct ClientCommand {
  KinesisClientOptions client;
  // Signals interrupt the body, which then ends by itself; a second one ends the process. Otherwise the first one does.
  bool is_interruptible = false;
};

// Runs `body` to its end and says on standard error how it failed. Returns the exit code: an interrupted command, and
// one whose reader had enough of its output, are done.
[[nodiscard]] int run_client_command(const ClientCommand& command,
                                     const std::function<env::Task<Result<void>>(KinesisClient&)>& body);

}  // namespace weir::cli
