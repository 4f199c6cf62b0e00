// What an operator and the directory's leader say to each other about fleets, accounts and access keys, apart from its
// bytes (fleet.proto). Secrets are in none of them but encrypted. Any thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "directory/tenants/tenants.h"

namespace weir::directory {

// Where a method is served: POST to this path. All but the list are answered by a FleetReply alone.
inline constexpr std::string_view put_fleet_path = "/weir/1/put_fleet";
inline constexpr std::string_view remove_fleet_path = "/weir/1/remove_fleet";
inline constexpr std::string_view assign_path = "/weir/1/assign";
inline constexpr std::string_view put_credential_path = "/weir/1/put_credential";
inline constexpr std::string_view remove_credential_path = "/weir/1/remove_credential";
inline constexpr std::string_view list_tenants_path = "/weir/1/list_tenants";  // an empty body

struct FleetDefinition {
  std::string name;
  std::set<std::string> accounts;
  bool serves_all_others = false;
  milliseconds overlap{};  // up to overlap_max
  friend bool operator==(const FleetDefinition&, const FleetDefinition&) = default;
};

struct FleetRemoval {
  std::string name;
};

struct Assignment {
  std::string account;
  std::string fleet;
  milliseconds overlap{};
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

struct CredentialDefinition {
  std::string access_key_id;
  SealedCredential credential;
  std::optional<std::string> replaces;
  friend bool operator==(const CredentialDefinition&, const CredentialDefinition&) = default;
};

struct CredentialRemoval {
  std::string access_key_id;
};

struct TenantList {
  FleetStates fleets;
  std::map<std::string, SealedCredential> credentials;
  friend bool operator==(const TenantList&, const TenantList&) = default;
};

[[nodiscard]] std::string encode(const FleetDefinition& definition);
[[nodiscard]] std::string encode(const FleetRemoval& removal);
[[nodiscard]] std::string encode(const Assignment& assignment);
[[nodiscard]] std::string encode(const CredentialDefinition& definition);
[[nodiscard]] std::string encode(const CredentialRemoval& removal);
// A FleetReply that is done, with the list.
[[nodiscard]] std::string encode_tenant_list(const FleetStates& fleets, const Credentials& credentials);
// Errors: corrupt for bytes that are no such message, or one that says what cannot be.
[[nodiscard]] Result<FleetDefinition> decode_fleet_definition(std::string_view bytes);
[[nodiscard]] Result<FleetRemoval> decode_fleet_removal(std::string_view bytes);
[[nodiscard]] Result<Assignment> decode_assignment(std::string_view bytes);
[[nodiscard]] Result<CredentialDefinition> decode_credential_definition(std::string_view bytes);
[[nodiscard]] Result<CredentialRemoval> decode_credential_removal(std::string_view bytes);
[[nodiscard]] Result<TenantList> decode_tenant_list(std::string_view bytes);

}  // namespace weir::directory
