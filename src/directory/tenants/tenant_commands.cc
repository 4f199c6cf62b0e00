// Changes of fleets and access keys: planned in turn by tenants.h, stored, published.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "directory/directory.h"
#include "directory/map/shard_map_builder.h"

namespace weir::directory {
namespace {

// Whole milliseconds, as it is stored.
WallTime end_of(WallTime now, Duration overlap) {
  return now + std::chrono::ceil<milliseconds>(std::clamp<Duration>(overlap, Duration::zero(), overlap_max));
}

std::unexpected<DirectoryRefusal> refuse_unavailable(std::string reason) {
  return std::unexpected(DirectoryRefusal{.kind = RefusalKind::unavailable, .reason = std::move(reason)});
}

}  // namespace

env::Task<Result<void>> Directory::put_fleet(std::string name, std::set<std::string> accounts, bool serves_all_others,
                                             Duration overlap) {
  co_return co_await change_fleets([&] {
    return directory::put_fleet(without_left_accounts(fleets_.by_name, core_.wall_now()), name, accounts,
                                serves_all_others, end_of(core_.wall_now(), overlap),
                                {settings_.fleets_max.get(), settings_.accounts_max.get()});
  });
}

env::Task<Result<void>> Directory::remove_fleet(std::string name) {
  co_return co_await change_fleets(
      [&] { return directory::remove_fleet(without_left_accounts(fleets_.by_name, core_.wall_now()), name); });
}

env::Task<Result<void>> Directory::assign_account(std::string account, std::string fleet, Duration overlap) {
  co_return co_await change_fleets([&] {
    return directory::assign_account(without_left_accounts(fleets_.by_name, core_.wall_now()), account, fleet,
                                     end_of(core_.wall_now(), overlap),
                                     {settings_.fleets_max.get(), settings_.accounts_max.get()});
  });
}

env::Task<Result<void>> Directory::change_fleets(PlanFleets plan) {
  Result<void> outcome;
  const CommandResult result = co_await in_turn(do_change_fleets(std::move(plan), outcome));
  if (!result) co_return fail(ErrorCode::unavailable, "change the fleets: " + result.error().reason);
  co_return outcome;
}

env::Task<CommandResult> Directory::do_change_fleets(PlanFleets plan, Result<void>& outcome) {
  Result<FleetStates> planned = plan();
  if (!planned) {
    outcome = std::unexpected(std::move(planned.error()));
    co_return CommandResult{};
  }
  // An overlap of nothing is over at once.
  *planned = without_left_accounts(*planned, core_.wall_now());
  if (*planned == fleets_.by_name) co_return CommandResult{};
  std::vector<metastore::Guard> guards;
  guards.push_back({fleets_key(), fleets_.modified});
  std::vector<metastore::Write> writes;
  writes.push_back(fleets_write(*planned));
  Ending ending = co_await commit(std::move(guards), std::move(writes));
  if (ending.outcome != Outcome::done) co_return refuse_unavailable(std::move(ending.reason));
  // Without a revision the change is in force already, by a reload.
  if (ending.revision == 0) co_return CommandResult{};
  ShardMapBuilder builder(*map_);
  for (const auto& [name, fleet] : fleets_.by_name) {
    if (!planned->contains(name)) builder.set_fleet(name, std::nullopt);
  }
  for (const auto& [name, fleet] : *planned) builder.set_fleet(name, fleet_of(fleet));
  // Without fleets there is no record.
  fleets_.modified = planned->empty() ? 0 : ending.revision;
  fleets_.by_name = std::move(*planned);
  report_counts();
  log_info("directory", "the fleets changed",
           {{"fleets", fleets_.by_name.size()}, {"accounts", account_count(fleets_.by_name)}});
  co_await publish(builder.build(ending.revision));
  co_return CommandResult{};
}

env::Task<Result<void>> Directory::put_credential(std::string access_key_id, SealedCredential credential,
                                                  std::optional<std::string> replaces) {
  WEIR_CO_CHECK(check_credential(access_key_id, credential));
  Result<void> outcome;
  const CommandResult result = co_await in_turn(
      do_change_credential(std::move(access_key_id), std::make_shared<const SealedCredential>(std::move(credential)),
                           std::move(replaces), outcome));
  if (!result) co_return fail(ErrorCode::unavailable, "put an access key: " + result.error().reason);
  co_return outcome;
}

env::Task<Result<void>> Directory::remove_credential(std::string access_key_id) {
  Result<void> outcome;
  const CommandResult result =
      co_await in_turn(do_change_credential(std::move(access_key_id), nullptr, std::nullopt, outcome));
  if (!result) co_return fail(ErrorCode::unavailable, "remove an access key: " + result.error().reason);
  co_return outcome;
}

Result<void> Directory::check_change(const std::string& access_key_id, const SealedCredential* next,
                                     const std::optional<std::string>& replaces) const {
  const auto known = credentials_.find(access_key_id);
  if (known == credentials_.end()) {
    if (next == nullptr) return fail(ErrorCode::not_found, "there is no access key " + access_key_id);
    if (replaces) return fail(ErrorCode::conflict, "access key " + access_key_id + " was removed meanwhile");
    if (credentials_.size() < settings_.credentials_max.get()) return {};
    return fail(ErrorCode::limit_exceeded, "there are directory.credentials_max, " +
                                               std::to_string(settings_.credentials_max.get()) +
                                               ", access keys already");
  }
  if (next == nullptr) return {};
  const SealedCredential& current = *known->second.credential;
  if (current.account != next->account) {
    return fail(ErrorCode::conflict, "access key " + access_key_id + " is account " + current.account +
                                         "'s; remove it before another account may have it");
  }
  if (replaces && *replaces != current.sealed) {
    return fail(ErrorCode::conflict, "access key " + access_key_id + " was changed meanwhile");
  }
  return {};
}

env::Task<CommandResult> Directory::do_change_credential(std::string access_key_id,
                                                         std::shared_ptr<const SealedCredential> next,
                                                         std::optional<std::string> replaces, Result<void>& outcome) {
  outcome = check_change(access_key_id, next.get(), replaces);
  if (!outcome) co_return CommandResult{};
  const auto known = credentials_.find(access_key_id);
  std::vector<metastore::Guard> guards;
  guards.push_back({credential_key(access_key_id), known == credentials_.end() ? 0 : known->second.modified});
  std::vector<metastore::Write> writes;
  writes.push_back(credential_write(access_key_id, next.get()));
  Ending ending = co_await commit(std::move(guards), std::move(writes));
  if (ending.outcome != Outcome::done) co_return refuse_unavailable(std::move(ending.reason));
  if (ending.revision == 0) co_return CommandResult{};
  ShardMapBuilder builder(*map_);
  builder.set_credential(access_key_id, next);
  if (next != nullptr) {
    credentials_.insert_or_assign(access_key_id, CredentialState{next, ending.revision});
  } else {
    credentials_.erase(access_key_id);
  }
  report_counts();
  co_await publish(builder.build(ending.revision));
  co_return CommandResult{};
}

env::Task<void> Directory::drop_left_accounts() {
  const auto plan = [this] { return Result<FleetStates>(without_left_accounts(fleets_.by_name, core_.wall_now())); };
  if (*plan() == fleets_.by_name) co_return;
  const auto dropped = co_await change_fleets(plan);
  if (!dropped)
    log_warning("directory", "accounts stay with the fleets they left", {{"reason", dropped.error().message}});
}

}  // namespace weir::directory
