// Tenants: which fleet of front ends serves which accounts, and which access keys there are. What each command does to
// them, as pure functions from one state to the next. Any thread.
//
// The rules that every state keeps: without fleets, every front end serves every account. With fleets, each account is
// named by one at most, and at least one fleet serves all accounts that none names. So an account is always served. A
// fleet that stops serving an account by a command goes on for a while (it is "leaving"), so that whoever is to serve
// it from now on has the map before the old one stops; both may serve it at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "base/result.h"
#include "base/time.h"
#include "directory/map/shard_map.h"
#include "metastore/metastore.h"

namespace weir::directory {

inline constexpr std::size_t fleet_name_bytes_max = 64;
inline constexpr std::size_t access_key_id_bytes_max = 128;
inline constexpr std::size_t sealed_bytes_max = 8'192;
inline constexpr seconds overlap_max{86'400};

struct FleetState {
  std::set<std::string> accounts;
  bool serves_all_others = false;
  std::map<std::string, WallTime> leaving;  // accounts, and until when they are served at least
  friend bool operator==(const FleetState&, const FleetState&) = default;
};
using FleetStates = std::map<std::string, FleetState>;

// All fleets are one record of the store: a guard on it protects the rules.
struct Fleets {
  FleetStates by_name;
  metastore::Revision modified = 0;  // 0: not stored yet
};

struct CredentialState {
  std::shared_ptr<const SealedCredential> credential;
  metastore::Revision modified = 0;
};
using Credentials = absl::btree_map<std::string, CredentialState>;  // by access key id

struct TenantLimits {
  std::uint64_t fleets_max = 0;
  std::uint64_t accounts_max = 0;  // that fleets name, those that are leaving included
};

// As it is published.
[[nodiscard]] Fleet fleet_of(const FleetState& state);
[[nodiscard]] std::uint64_t account_count(const FleetStates& fleets) noexcept;

// 12 digits.
[[nodiscard]] bool is_account(std::string_view text) noexcept;
// 1 to 64 letters, digits, '.', '_', '-'.
[[nodiscard]] bool is_fleet_name(std::string_view text) noexcept;
// 1 to 128 printable ASCII characters, none of them a slash, comma, equals sign or blank.
[[nodiscard]] bool is_access_key_id(std::string_view text) noexcept;

// The fleets after a command. Accounts that a fleet serves no longer by it are leaving until `until`. Errors:
// invalid_argument for what cannot be; conflict where a rule would be broken, or the account is another fleet's;
// limit_exceeded; not_found for a fleet that does not exist.

// Adds the fleet, or replaces what it serves. Takes no account that another fleet names: that is what assign_account is
// for.
[[nodiscard]] Result<FleetStates> put_fleet(const FleetStates& fleets, const std::string& name,
                                            std::set<std::string> accounts, bool serves_all_others, WallTime until,
                                            const TenantLimits& limits);
// Only a fleet that serves nobody any more can go, so that its front ends have let go of everything before they lose
// touch; or the only one, whereupon every front end serves every account.
[[nodiscard]] Result<FleetStates> remove_fleet(const FleetStates& fleets, const std::string& name);
// Makes the fleet the one that names the account.
[[nodiscard]] Result<FleetStates> assign_account(const FleetStates& fleets, const std::string& account,
                                                 const std::string& name, WallTime until, const TenantLimits& limits);
// Without the accounts whose time has passed.
[[nodiscard]] FleetStates without_left_accounts(const FleetStates& fleets, WallTime now);

// Errors: invalid_argument.
[[nodiscard]] Result<void> check_credential(std::string_view access_key_id, const SealedCredential& credential);

// The stored forms. Errors: corrupt.
[[nodiscard]] std::string encode_fleets(const FleetStates& fleets);
[[nodiscard]] Result<FleetStates> decode_fleets(std::string_view bytes);
[[nodiscard]] std::string encode_credential(const SealedCredential& credential);
[[nodiscard]] Result<SealedCredential> decode_credential(std::string_view access_key_id, std::string_view bytes);

}  // namespace weir::directory
