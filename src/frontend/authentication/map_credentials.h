// CredentialOpener: makes the set of credentials that a front end serves from the access keys in its shard map. The map
// has those of its fleet's accounts alone, with their secrets encrypted.
//
// An access key whose newest secret cannot be opened
// keeps the one that it had here: a key of the fleet that has not come to this machine yet must not shut a tenant out.
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "directory/map/shard_map.h"
#include "frontend/authentication/credentials.h"
#include "frontend/authentication/secret_keys.h"

namespace weir::frontend {

struct OpenedCredentials {
  CredentialsPointer set;
  std::size_t unusable = 0;  // not in the set, or with an older secret
  std::string problem;       // of one of them
};

// With new keys all are opened again, so that what could not be opened after a restart is noticed before.
enum class OpenAgain : std::uint8_t { changed, all };

class CredentialOpener {
 public:
  // `takes_well_known`: whether an access key that everybody knows is served, as it may be on loopback only.
  explicit CredentialOpener(bool takes_well_known) noexcept : takes_well_known_(takes_well_known) {}

  [[nodiscard]] OpenedCredentials open(const SecretKeys& keys, const directory::ShardMap::CredentialsById& sealed,
                                       OpenAgain again);

 private:
  [[nodiscard]] Result<Credential> open_one(const SecretKeys& keys, const std::string& access_key_id,
                                            const directory::SealedCredential& sealed) const;

  const bool takes_well_known_;
  CredentialsPointer last_ = std::make_shared<const CredentialSet>(CredentialSet::of({}));
  absl::flat_hash_map<std::string, std::shared_ptr<const directory::SealedCredential>> opened_;  // those in last_
};

}  // namespace weir::frontend
