#include "cli/roles/tenant_rpc.h"

#include <utility>

#include "directory/fleet/fleet_messages.h"

namespace weir::cli {
namespace {

using directory::Directory;

env::Task<Result<void>> change(Directory& directory, std::string_view path, std::string_view body) {
  if (path == directory::put_fleet_path) {
    WEIR_CO_TRY(directory::FleetDefinition fleet, directory::decode_fleet_definition(body));
    co_return co_await directory.put_fleet(std::move(fleet.name), std::move(fleet.accounts), fleet.serves_all_others,
                                           fleet.overlap);
  }
  if (path == directory::remove_fleet_path) {
    WEIR_CO_TRY(directory::FleetRemoval removal, directory::decode_fleet_removal(body));
    co_return co_await directory.remove_fleet(std::move(removal.name));
  }
  if (path == directory::assign_path) {
    WEIR_CO_TRY(directory::Assignment assignment, directory::decode_assignment(body));
    co_return co_await directory.assign_account(std::move(assignment.account), std::move(assignment.fleet),
                                                assignment.overlap);
  }
  if (path == directory::put_credential_path) {
    WEIR_CO_TRY(directory::CredentialDefinition definition, directory::decode_credential_definition(body));
    co_return co_await directory.put_credential(std::move(definition.access_key_id), std::move(definition.credential),
                                                std::move(definition.replaces));
  }
  WEIR_CO_TRY(directory::CredentialRemoval removal, directory::decode_credential_removal(body));
  co_return co_await directory.remove_credential(std::move(removal.access_key_id));
}

}  // namespace

bool is_tenant_path(std::string_view path) noexcept {
  return path == directory::put_fleet_path || path == directory::remove_fleet_path || path == directory::assign_path ||
         path == directory::put_credential_path || path == directory::remove_credential_path ||
         path == directory::list_tenants_path;
}

env::Task<std::string> answer_tenant_call(Directory& directory, std::string_view path, std::string_view body) {
  if (path == directory::list_tenants_path) {
    co_return directory::encode_tenant_list(directory.fleets(), directory.credentials());
  }
  auto changed = co_await change(directory, path, body);
  directory::FleetReply reply;
  if (!changed) {
    reply.outcome = directory::FleetOutcome::refused;
    reply.reason = std::move(changed.error().message);
  }
  co_return directory::encode(reply);
}

}  // namespace weir::cli
