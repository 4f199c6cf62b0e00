#include "frontend/authentication/map_credentials.h"

#include <utility>
#include <vector>

namespace weir::frontend {

Result<Credential> CredentialOpener::open_one(const SecretKeys& keys, const std::string& access_key_id,
                                              const directory::SealedCredential& sealed) const {
  if (access_key_id == well_known_access_key_id && !takes_well_known_) {
    return fail(ErrorCode::invalid_argument, "everybody knows this key, and this front end is not on loopback");
  }
  WEIR_TRY(
      Secret secret,
      keys.open({.access_key_id = access_key_id, .account = sealed.account, .expires = sealed.expires}, sealed.sealed));
  return Credential{.access_key_id = access_key_id,
                    .secret_access_key = std::move(secret.secret_access_key),
                    .account = sealed.account,
                    .session_token = std::move(secret.session_token),
                    .expires = sealed.expires};
}

OpenedCredentials CredentialOpener::open(const SecretKeys& keys, const directory::ShardMap::CredentialsById& sealed,
                                         OpenAgain again) {
  OpenedCredentials outcome;
  std::vector<Credential> credentials;
  credentials.reserve(sealed.size());
  decltype(opened_) opened;
  for (const auto& [id, next] : sealed) {
    const Credential* const last = last_->find(id);
    const auto before = last == nullptr ? opened_.end() : opened_.find(id);
    const bool is_known = before != opened_.end() && (before->second == next || *before->second == *next);
    if (is_known && again == OpenAgain::changed) {
      credentials.push_back(*last);
      opened.emplace(id, next);
      continue;
    }
    auto credential = open_one(keys, id, *next);
    if (credential) {
      credentials.push_back(std::move(*credential));
      opened.emplace(id, next);
      continue;
    }
    if (outcome.unusable++ == 0) outcome.problem = "access key " + id + ": " + credential.error().message;
    if (before != opened_.end() && last->account == next->account) {
      credentials.push_back(*last);
      opened.emplace(id, before->second);
    }
  }
  last_ = std::make_shared<const CredentialSet>(CredentialSet::of(std::move(credentials)));
  opened_ = std::move(opened);
  outcome.set = last_;
  return outcome;
}

}  // namespace weir::frontend
