#include "cli/admin/directory_caller.h"

#include "directory/fleet/fleet_messages.h"

namespace weir::cli {
namespace {

using directory::FleetOutcome;

constexpr seconds answer_time_max{5};
constexpr int hints_followed_max = 3;

}  // namespace

env::Task<Result<StatusAnswers>> DirectoryCaller::ask_for_status() {
  StatusAnswers answers;
  std::vector<directory::FleetStatus> all;
  Error last{ErrorCode::unavailable, "no directory answers"};
  for (const env::Endpoint& endpoint : directories_) {
    auto answer = co_await ask(endpoint, directory::status_path, {});
    Result<directory::FleetStatus> status =
        answer ? directory::decode_fleet_status(*answer) : std::unexpected(std::move(answer.error()));
    if (status) {
      all.push_back(std::move(*status));
    } else {
      last = std::move(status.error());
      answers.silent.push_back(last.message);
    }
  }
  if (all.empty()) co_return std::unexpected(std::move(last));
  answers.status = directory::merge(std::move(all));
  co_return answers;
}

env::Task<Result<void>> DirectoryCaller::tell_leader(std::string_view path, std::string body) {
  auto answer = co_await ask_leader(path, std::move(body));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return Result<void>{};
}

env::Task<Result<std::string>> DirectoryCaller::ask_leader(std::string_view path, std::string body) {
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
    if (reply.outcome == FleetOutcome::done) co_return std::move(*answer);
    if (reply.outcome == FleetOutcome::refused) co_return fail(ErrorCode::conflict, std::move(reply.reason));
    if (reply.leader && hints++ < hints_followed_max) whom.push_back(*reply.leader);
  }
  co_return std::unexpected(std::move(last));
}

env::Task<Result<std::string>> DirectoryCaller::ask(env::Endpoint endpoint, std::string_view path, std::string body) {
  const auto connection = connect_(core_, endpoint);
  auto answer = co_await connection->send(path, std::move(body), core_.now() + answer_time_max);
  co_await connection->stop();
  if (!answer) co_return fail_while("asking the directory at " + env::to_string(endpoint), std::move(answer.error()));
  if (answer->status != 200) {
    co_return fail(ErrorCode::unavailable, env::to_string(endpoint) + " answers with status " +
                                               std::to_string(answer->status) +
                                               (answer->body.empty() ? "" : ": " + answer->body));
  }
  co_return std::move(answer->body);
}

}  // namespace weir::cli
