// `weir admin`: asks and tells the directory fleet. It shows a certificate of the fleet's authority, as every process
// of the fleet does, and depends on nothing that serves records.
#include <cstdio>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/roles/fleet_link.h"
#include "directory/fleet_messages.h"
#include "env/file.h"
#include "env/runtime.h"
#include "net/tls.h"

namespace weir::cli {
namespace {

using directory::FleetOutcome;

constexpr seconds answer_time_max{5};
constexpr int hints_followed_max = 3;

// Asks the directories in turn, and goes to the leader that one names for what only the leader does.
class DirectoryCaller {
 public:
  DirectoryCaller(env::Core& core, FleetLink link, std::vector<env::Endpoint> directories)
      : core_(core), connect_(link.connect_to_directories()), directories_(std::move(directories)) {}

  // The leader's answer, which tells of nodes; without a leader, what any directory knows.
  env::Task<Result<std::string>> ask_for_status() {
    Result<std::string> best = fail(ErrorCode::unavailable, "no directory answers");
    for (const env::Endpoint& endpoint : directories_) {
      auto answer = co_await ask(endpoint, directory::status_path, {});
      const bool leads = answer && answer->find("\"nodes\":") != std::string::npos;
      if (answer || !best) best = std::move(answer);
      if (leads) break;
    }
    co_return best;
  }

  env::Task<Result<void>> tell_leader(std::string_view path, std::string body) {
    std::vector<env::Endpoint> whom = directories_;
    int hints = 0;
    Error last{ErrorCode::unavailable, "no directory leads at the moment"};
    for (std::size_t i = 0; i < whom.size(); ++i) {
      const env::Endpoint endpoint = whom[i];
      auto answer = co_await ask(endpoint, path, body);
      if (!answer) {
        last = std::move(answer.error());
        continue;
      }
      WEIR_CO_TRY(directory::FleetReply reply, directory::decode_fleet_reply(*answer));
      if (reply.outcome == FleetOutcome::done) co_return Result<void>{};
      if (reply.outcome == FleetOutcome::refused) co_return fail(ErrorCode::conflict, std::move(reply.reason));
      if (reply.leader && hints++ < hints_followed_max) whom.push_back(*reply.leader);
    }
    co_return std::unexpected(std::move(last));
  }

 private:
  env::Task<Result<std::string>> ask(env::Endpoint endpoint, std::string_view path, std::string body) {
    const auto connection = connect_(core_, endpoint);
    auto answer = co_await connection->send(path, std::move(body), core_.now() + answer_time_max);
    co_await connection->stop();
    if (!answer) co_return fail_while("asking the directory at " + env::to_string(endpoint), std::move(answer.error()));
    if (answer->status != 200) {
      co_return fail(ErrorCode::unavailable,
                     env::to_string(endpoint) + " answers with status " + std::to_string(answer->status));
    }
    co_return std::move(answer->body);
  }

  env::Core& core_;
  net::ConnectToPeer connect_;
  std::vector<env::Endpoint> directories_;
};

env::Task<Result<void>> run_command(env::Core& core, const AdminOptions& options) {
  SettingsRegistry registry;
  const FleetSettings settings(registry);
  WEIR_CO_CHECK(registry.set_assignment("fleet.certificate_file=" + options.certificate_file));
  WEIR_CO_CHECK(registry.set_assignment("fleet.key_file=" + options.key_file));
  WEIR_CO_CHECK(registry.set_assignment("fleet.authority_file=" + options.authority_file));
  WEIR_CO_TRY(FleetLink link, co_await FleetLink::load(core, settings));
  WEIR_CO_TRY(std::vector<env::Endpoint> directories, parse_endpoints("--directories", options.directories));
  DirectoryCaller caller(core, std::move(link), std::move(directories));
  if (options.command == AdminCommand::status) {
    WEIR_CO_TRY(const std::string status, co_await caller.ask_for_status());
    std::printf("%s\n", status.c_str());
    co_return Result<void>{};
  }
  if (options.command == AdminCommand::define_cell) {
    const directory::CellDefinition definition{.cell = options.cell,
                                               .state = {.name = options.name,
                                                         .lanes = options.lanes,
                                                         .open_shards_max = options.shards_max,
                                                         .closed = options.closed}};
    co_return co_await caller.tell_leader(directory::define_cell_path, directory::encode(definition));
  }
  const directory::Drain drain{.node = options.name, .draining = options.command == AdminCommand::drain};
  co_return co_await caller.tell_leader(directory::drain_path, directory::encode(drain));
}

}  // namespace

int admin(const AdminOptions& options) {
  Result<void> outcome;
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  const auto main = [&]() -> env::Task<int> {
    outcome = co_await run_command(runtime->core(0), options);
    co_return exit_done;
  };
  static_cast<void>(runtime->run(main));
  if (outcome) return exit_done;
  std::fprintf(stderr, "weir admin: %s\n", outcome.error().message.c_str());
  return exit_failed;
}

}  // namespace weir::cli
