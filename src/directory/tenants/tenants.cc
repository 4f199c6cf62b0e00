#include "directory/tenants/tenants.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "directory/records.pb.h"

namespace weir::directory {
namespace {

constexpr std::size_t account_digits = 12;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::unexpected<Error> unknown_fleet(const std::string& name) {
  return fail(ErrorCode::not_found, "there is no fleet " + name);
}

// The fleet that names the account; null when none does.
const std::string* namer_of(const FleetStates& fleets, const std::string& account) {
  for (const auto& [name, fleet] : fleets) {
    if (fleet.accounts.contains(account)) return &name;
  }
  return nullptr;
}

Result<void> check_rules(const FleetStates& fleets, const TenantLimits& limits) {
  const bool all_are_served =
      fleets.empty() || std::ranges::any_of(fleets, [](const auto& entry) { return entry.second.serves_all_others; });
  if (!all_are_served) {
    return fail(ErrorCode::conflict,
                "no fleet would serve the accounts that none names: one must serve all others (--serves-all-others)");
  }
  if (fleets.size() > limits.fleets_max) {
    return fail(ErrorCode::limit_exceeded,
                fmt::format("{} fleets are more than directory.fleets_max, {}", fleets.size(), limits.fleets_max));
  }
  if (const std::uint64_t accounts = account_count(fleets); accounts > limits.accounts_max) {
    return fail(ErrorCode::limit_exceeded, fmt::format("fleets with {} accounts, those that are leaving included, are "
                                                       "more than directory.accounts_max, {}",
                                                       accounts, limits.accounts_max));
  }
  return {};
}

absl::flat_hash_set<std::string> named_accounts(const FleetStates& fleets) {
  absl::flat_hash_set<std::string> named;
  for (const auto& [name, fleet] : fleets) named.insert(fleet.accounts.begin(), fleet.accounts.end());
  return named;
}

// Where `after` takes one of the accounts from a fleet that serves it by `before`, that fleet keeps it until `until`.
void let_linger(const FleetStates& before, FleetStates& after, const std::set<std::string>& accounts, WallTime until) {
  const auto was_named = named_accounts(before);
  const auto is_named = named_accounts(after);
  const FleetState nothing;
  for (auto& [name, fleet] : after) {
    const auto found = before.find(name);
    const FleetState& old = found == before.end() ? nothing : found->second;
    if (!fleet.serves_all_others && !old.serves_all_others && fleet.accounts == old.accounts) continue;
    for (const std::string& account : accounts) {
      const bool serves = fleet.accounts.contains(account) || (fleet.serves_all_others && !is_named.contains(account));
      const bool served = old.accounts.contains(account) || (old.serves_all_others && !was_named.contains(account));
      if (serves) {
        fleet.leaving.erase(account);
      } else if (served) {
        fleet.leaving[account] = until;
      }
    }
  }
}

}  // namespace

Fleet fleet_of(const FleetState& state) {
  Fleet fleet{.accounts = state.accounts, .serves_all_others = state.serves_all_others, .leaving = {}};
  for (const auto& [account, until] : state.leaving) fleet.leaving.insert(account);
  return fleet;
}

std::uint64_t account_count(const FleetStates& fleets) noexcept {
  std::uint64_t count = 0;
  for (const auto& [name, fleet] : fleets) count += fleet.accounts.size() + fleet.leaving.size();
  return count;
}

bool is_account(std::string_view text) noexcept {
  return text.size() == account_digits && std::ranges::all_of(text, is_digit);
}

bool is_fleet_name(std::string_view text) noexcept {
  const auto fits = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= fleet_name_bytes_max && std::ranges::all_of(text, fits);
}

bool is_access_key_id(std::string_view text) noexcept {
  const auto fits = [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ',' && c != '='; };
  return !text.empty() && text.size() <= access_key_id_bytes_max && std::ranges::all_of(text, fits);
}

Result<FleetStates> put_fleet(const FleetStates& fleets, const std::string& name, std::set<std::string> accounts,
                              bool serves_all_others, WallTime until, const TenantLimits& limits) {
  if (!is_fleet_name(name)) {
    return fail(ErrorCode::invalid_argument,
                "a fleet's name has 1 to 64 letters, digits, dots, underscores or hyphens");
  }
  for (const std::string& account : accounts) {
    if (!is_account(account))
      return fail(ErrorCode::invalid_argument, "\"" + account + "\" is no account of 12 digits");
    const std::string* const namer = namer_of(fleets, account);
    if (namer != nullptr && *namer != name) {
      return fail(ErrorCode::conflict, fmt::format("account {0} is fleet {1}'s; `weir admin assign {0} {2}` moves it",
                                                   account, *namer, name));
    }
  }
  FleetStates next = fleets;
  FleetState& fleet = next[name];
  std::set<std::string> moved = fleet.accounts;
  moved.insert(accounts.begin(), accounts.end());
  fleet.accounts = std::move(accounts);
  fleet.serves_all_others = serves_all_others;
  let_linger(fleets, next, moved, until);
  WEIR_CHECK(check_rules(next, limits));
  return next;
}

Result<FleetStates> remove_fleet(const FleetStates& fleets, const std::string& name) {
  const auto found = fleets.find(name);
  if (found == fleets.end()) return unknown_fleet(name);
  const FleetState& fleet = found->second;
  const bool serves = !fleet.accounts.empty() || !fleet.leaving.empty() || fleet.serves_all_others;
  if (serves && fleets.size() > 1) {
    return fail(
        ErrorCode::conflict,
        fmt::format("fleet {} serves {} accounts, {} more that are leaving it{}: assign them to others and take "
                    "--serves-all-others away first",
                    name, fleet.accounts.size(), fleet.leaving.size(),
                    fleet.serves_all_others ? ", and all others" : ""));
  }
  FleetStates next = fleets;
  next.erase(name);
  return next;
}

Result<FleetStates> assign_account(const FleetStates& fleets, const std::string& account, const std::string& name,
                                   WallTime until, const TenantLimits& limits) {
  if (!is_account(account)) return fail(ErrorCode::invalid_argument, "\"" + account + "\" is no account of 12 digits");
  if (!fleets.contains(name)) return unknown_fleet(name);
  FleetStates next = fleets;
  for (auto& [other, fleet] : next) fleet.accounts.erase(account);
  next.at(name).accounts.insert(account);
  let_linger(fleets, next, {account}, until);
  WEIR_CHECK(check_rules(next, limits));
  return next;
}

FleetStates without_left_accounts(const FleetStates& fleets, WallTime now) {
  FleetStates next = fleets;
  for (auto& [name, fleet] : next) {
    std::erase_if(fleet.leaving, [now](const auto& entry) { return entry.second <= now; });
  }
  return next;
}

Result<void> check_credential(std::string_view access_key_id, const SealedCredential& credential) {
  if (!is_access_key_id(access_key_id)) {
    return fail(ErrorCode::invalid_argument,
                "an access key id has 1 to 128 printable characters, no slash, comma, equals sign or blank");
  }
  if (!is_account(credential.account)) {
    return fail(ErrorCode::invalid_argument, "\"" + credential.account + "\" is no account of 12 digits");
  }
  if (credential.sealed.empty() || credential.sealed.size() > sealed_bytes_max) {
    return fail(ErrorCode::invalid_argument, fmt::format("an encrypted secret has 1 to {} bytes, not {}",
                                                         sealed_bytes_max, credential.sealed.size()));
  }
  return {};
}

std::string encode_fleets(const FleetStates& fleets) {
  records::Fleets record;
  for (const auto& [name, state] : fleets) {
    records::Fleet& fleet = *record.add_fleets();
    fleet.set_name(name);
    for (const std::string& account : state.accounts) fleet.add_accounts(account);
    fleet.set_serves_all_others(state.serves_all_others);
    for (const auto& [account, until] : state.leaving) {
      records::LeavingAccount& leaving = *fleet.add_leaving();
      leaving.set_account(account);
      leaving.set_until_ms(unix_milliseconds(until));
    }
  }
  return record.SerializeAsString();
}

Result<FleetStates> decode_fleets(std::string_view bytes) {
  records::Fleets record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::corrupt, "not a record of its kind");
  }
  FleetStates fleets;
  std::set<std::string> named;
  for (const records::Fleet& stored : record.fleets()) {
    FleetState fleet{.accounts = {stored.accounts().begin(), stored.accounts().end()},
                     .serves_all_others = stored.serves_all_others(),
                     .leaving = {}};
    for (const std::string& account : fleet.accounts) {
      if (!is_account(account)) return fail(ErrorCode::corrupt, "a fleet serves what is no account");
      if (!named.insert(account).second) return fail(ErrorCode::corrupt, "two fleets name one account");
    }
    for (const records::LeavingAccount& leaving : stored.leaving()) {
      if (!is_account(leaving.account())) return fail(ErrorCode::corrupt, "a fleet serves what is no account");
      fleet.leaving[leaving.account()] = wall_time_ms(leaving.until_ms());
    }
    if (!is_fleet_name(stored.name()) || !fleets.emplace(stored.name(), std::move(fleet)).second) {
      return fail(ErrorCode::corrupt, "a fleet without a name of its own");
    }
  }
  return fleets;
}

std::string encode_credential(const SealedCredential& credential) {
  records::Credential record;
  record.set_account(credential.account);
  if (credential.expires) record.set_expires_ms(unix_milliseconds(*credential.expires));
  record.set_sealed(credential.sealed);
  return record.SerializeAsString();
}

Result<SealedCredential> decode_credential(std::string_view access_key_id, std::string_view bytes) {
  records::Credential record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::corrupt, "not a record of its kind");
  }
  SealedCredential credential{.account = record.account(), .expires = std::nullopt, .sealed = record.sealed()};
  if (record.has_expires_ms()) credential.expires = wall_time_ms(record.expires_ms());
  if (auto checked = check_credential(access_key_id, credential); !checked) {
    return fail(ErrorCode::corrupt, std::move(checked.error().message));
  }
  return credential;
}

}  // namespace weir::directory
