#include "frontend/authentication/credentials.h"

#include <fmt/format.h>

#include "base/result.h"

namespace weir::frontend {

CredentialSet CredentialSet::well_known() {
  CredentialSet set;
  set.by_key_.emplace(well_known_access_key_id, Credential{.access_key_id = std::string(well_known_access_key_id),
                                                           .secret_access_key = "test",
                                                           .account = std::string(default_account)});
  return set;
}

CredentialSet CredentialSet::of(std::vector<Credential> credentials) {
  CredentialSet set;
  set.by_key_.reserve(credentials.size());
  for (Credential& credential : credentials) {
    const auto [at, is_new] = set.by_key_.try_emplace(credential.access_key_id);
    if (is_new) at->second = std::move(credential);
  }
  return set;
}

const Credential* CredentialSet::find(std::string_view access_key_id) const {
  const auto found = by_key_.find(access_key_id);
  return found == by_key_.end() ? nullptr : &found->second;
}

Result<void> check_credentials_permissions(std::string_view path, std::uint32_t permissions) {
  constexpr std::uint32_t others = 077;
  if ((permissions & others) == 0) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{0} holds secrets but others than its owner may use it (mode {1:04o}). Run: chmod 600 {0}",
                          path, permissions));
}

env::Task<Result<CredentialsPointer>> load_credentials(env::FileSystem& files, std::string path) {
  auto status = co_await files.status(path);
  if (!status) co_return fail_while("credentials file " + path, std::move(status.error()));
  WEIR_CO_CHECK(check_credentials_permissions(path, status->permissions));
  auto text = co_await env::read_whole_file(files, path, credentials_file_bytes_max);
  if (!text) co_return fail_while("credentials file " + path, std::move(text.error()));
  WEIR_CO_TRY(auto set, CredentialSet::parse(*text, path));
  co_return std::make_shared<const CredentialSet>(std::move(set));
}

}  // namespace weir::frontend
