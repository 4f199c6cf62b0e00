#include "directory/tenants/tenant_messages.h"

#include <limits>
#include <utility>

#include "directory/fleet/fleet.pb.h"

namespace weir::directory {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::corrupt, "a message about tenants: " + std::string(what));
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Result<milliseconds> overlap_of(std::uint64_t overlap_ms) {
  constexpr auto most = static_cast<std::uint64_t>(milliseconds(overlap_max).count());
  if (overlap_ms > most) return malformed("an overlap of more than a day");
  return milliseconds(overlap_ms);
}

Result<std::set<std::string>> accounts_of(const fleet::FleetDefinition& message) {
  std::set<std::string> accounts;
  for (const std::string& account : message.accounts()) {
    if (!is_account(account)) return malformed("an account that has not 12 digits");
    accounts.insert(account);
  }
  return accounts;
}

Result<FleetDefinition> from_message(const fleet::FleetDefinition& message) {
  if (!is_fleet_name(message.name())) {
    return malformed("a fleet's name has 1 to 64 letters, digits, dots, underscores or hyphens");
  }
  WEIR_TRY(const milliseconds overlap, overlap_of(message.overlap_ms()));
  WEIR_TRY(std::set<std::string> accounts, accounts_of(message));
  return FleetDefinition{.name = message.name(),
                         .accounts = std::move(accounts),
                         .serves_all_others = message.serves_all_others(),
                         .overlap = overlap};
}

void to_message(const std::string& access_key_id, const SealedCredential& credential,
                fleet::CredentialDefinition& message) {
  message.set_access_key_id(access_key_id);
  message.set_account(credential.account);
  if (credential.expires) message.set_expires_ms(unix_milliseconds(*credential.expires));
  message.set_sealed(credential.sealed);
}

Result<CredentialDefinition> from_message(const fleet::CredentialDefinition& message) {
  CredentialDefinition definition{
      .access_key_id = message.access_key_id(),
      .credential = {.account = message.account(), .expires = std::nullopt, .sealed = message.sealed()},
      .replaces = std::nullopt};
  if (message.has_expires_ms()) definition.credential.expires = wall_time_ms(message.expires_ms());
  if (message.has_replaces()) definition.replaces = message.replaces();
  if (const auto checked = check_credential(definition.access_key_id, definition.credential); !checked) {
    return malformed(checked.error().message);
  }
  return definition;
}

}  // namespace

std::string encode(const FleetDefinition& definition) {
  fleet::FleetDefinition message;
  message.set_name(definition.name);
  for (const std::string& account : definition.accounts) message.add_accounts(account);
  message.set_serves_all_others(definition.serves_all_others);
  message.set_overlap_ms(static_cast<std::uint64_t>(definition.overlap.count()));
  return message.SerializeAsString();
}

std::string encode(const FleetRemoval& removal) {
  fleet::FleetRemoval message;
  message.set_name(removal.name);
  return message.SerializeAsString();
}

std::string encode(const Assignment& assignment) {
  fleet::Assignment message;
  message.set_account(assignment.account);
  message.set_fleet(assignment.fleet);
  message.set_overlap_ms(static_cast<std::uint64_t>(assignment.overlap.count()));
  return message.SerializeAsString();
}

std::string encode(const CredentialDefinition& definition) {
  fleet::CredentialDefinition message;
  to_message(definition.access_key_id, definition.credential, message);
  if (definition.replaces) message.set_replaces(*definition.replaces);
  return message.SerializeAsString();
}

std::string encode(const CredentialRemoval& removal) {
  fleet::CredentialRemoval message;
  message.set_access_key_id(removal.access_key_id);
  return message.SerializeAsString();
}

std::string encode_tenant_list(const FleetStates& fleets, const Credentials& credentials) {
  fleet::Reply reply;
  reply.set_outcome(fleet::DONE);
  fleet::Tenants& tenants = *reply.mutable_tenants();
  for (const auto& [name, state] : fleets) {
    fleet::ListedFleet& listed = *tenants.add_fleets();
    listed.mutable_definition()->set_name(name);
    for (const std::string& account : state.accounts) listed.mutable_definition()->add_accounts(account);
    listed.mutable_definition()->set_serves_all_others(state.serves_all_others);
    for (const auto& [account, until] : state.leaving) {
      fleet::LeavingAccount& leaving = *listed.add_leaving();
      leaving.set_account(account);
      leaving.set_until_ms(unix_milliseconds(until));
    }
  }
  for (const auto& [id, state] : credentials) to_message(id, *state.credential, *tenants.add_credentials());
  return reply.SerializeAsString();
}

Result<FleetDefinition> decode_fleet_definition(std::string_view bytes) {
  fleet::FleetDefinition message;
  if (!parse(message, bytes)) return malformed("no fleet");
  return from_message(message);
}

Result<FleetRemoval> decode_fleet_removal(std::string_view bytes) {
  fleet::FleetRemoval message;
  if (!parse(message, bytes)) return malformed("no removal of a fleet");
  return FleetRemoval{.name = message.name()};
}

Result<Assignment> decode_assignment(std::string_view bytes) {
  fleet::Assignment message;
  if (!parse(message, bytes)) return malformed("no assignment");
  if (!is_account(message.account())) return malformed("an account that has not 12 digits");
  WEIR_TRY(const milliseconds overlap, overlap_of(message.overlap_ms()));
  return Assignment{.account = message.account(), .fleet = message.fleet(), .overlap = overlap};
}

Result<CredentialDefinition> decode_credential_definition(std::string_view bytes) {
  fleet::CredentialDefinition message;
  if (!parse(message, bytes)) return malformed("no access key");
  return from_message(message);
}

Result<CredentialRemoval> decode_credential_removal(std::string_view bytes) {
  fleet::CredentialRemoval message;
  if (!parse(message, bytes)) return malformed("no removal of an access key");
  return CredentialRemoval{.access_key_id = message.access_key_id()};
}

Result<TenantList> decode_tenant_list(std::string_view bytes) {
  fleet::Reply reply;
  if (!parse(reply, bytes) || reply.outcome() != fleet::DONE) return malformed("no list");
  TenantList list;
  for (const fleet::ListedFleet& listed : reply.tenants().fleets()) {
    WEIR_TRY(FleetDefinition definition, from_message(listed.definition()));
    FleetState state{
        .accounts = std::move(definition.accounts), .serves_all_others = definition.serves_all_others, .leaving = {}};
    for (const fleet::LeavingAccount& leaving : listed.leaving()) {
      if (!is_account(leaving.account())) return malformed("an account that has not 12 digits");
      state.leaving.insert_or_assign(leaving.account(), wall_time_ms(leaving.until_ms()));
    }
    list.fleets.insert_or_assign(std::move(definition.name), std::move(state));
  }
  for (const fleet::CredentialDefinition& message : reply.tenants().credentials()) {
    WEIR_TRY(CredentialDefinition definition, from_message(message));
    list.credentials.insert_or_assign(std::move(definition.access_key_id), std::move(definition.credential));
  }
  return list;
}

}  // namespace weir::directory
