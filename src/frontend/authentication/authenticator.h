// Authenticator: verifies the signature of each request (API reference §2) and says who sent it.
//
// It keeps digest contexts and a bounded cache of signing keys, so that a request of 1.4 KiB costs about two
// microseconds. A large body takes that long for each few kilobytes of it: authenticate_in_pieces lets others go
// between. One per core, used on that core only.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/time.h"
#include "env/task.h"
#include "frontend/authentication/credentials.h"
#include "frontend/authentication/digest.h"
#include "frontend/authentication/identity.h"
#include "frontend/authentication/signature.h"
#include "frontend/large_work.h"
#include "kinesis/errors.h"
#include "net/http.h"

namespace weir::frontend {

enum class Verification : std::uint8_t {
  full,
  // Any access key, secret and date is accepted; the request must still carry a signature, whose scope gives the
  // Region. An access key id of twelve digits is the account, others belong to default_account. For loopback only.
  accept_any,
};

class Authenticator {
 public:
  explicit Authenticator(CredentialsPointer credentials, Verification verification = Verification::full);

  // Takes effect with the next request; signing keys of the old set are forgotten.
  void replace(CredentialsPointer credentials);

  // Reads the body (its hash is signed), so the body must still be as it was sent. Errors: the authentication errors of
  // API reference §2.6.
  [[nodiscard]] std::expected<Identity, kinesis::ApiError> authenticate(const net::HttpRequest& request, WallTime now);
  // The same, with the body hashed as large work of the account: in pieces, or by another thread. What holds is what
  // the credentials are when the whole body is hashed. `request` and this object outlive the task.
  [[nodiscard]] env::Task<std::expected<Identity, kinesis::ApiError>> authenticate_in_pieces(
      const net::HttpRequest& request, WallTime now, LargeWork& work);

  // Signing keys kept at most; when there are more, all are dropped and made anew as they are needed.
  static constexpr std::size_t signing_keys_max = 1024;
  [[nodiscard]] std::size_t signing_key_count() const noexcept { return signing_keys_.size(); }

 private:
  // What a request says of itself, before its body is looked at.
  struct Claim {
    SignatureParts parts;
    const Credential* credential = nullptr;  // null: nothing of it is verified
  };

  [[nodiscard]] std::expected<Claim, kinesis::ApiError> examine(const net::HttpRequest& request, WallTime now) const;
  [[nodiscard]] std::expected<const Credential*, kinesis::ApiError> find_credential(std::string_view access_key_id,
                                                                                    const net::HttpRequest& request,
                                                                                    WallTime now) const;
  [[nodiscard]] std::expected<Identity, kinesis::ApiError> verify(Claim claim, const net::HttpRequest& request,
                                                                  const Sha256Digest& body);
  [[nodiscard]] bool is_signature_right(const Claim& claim, const net::HttpRequest& request, const Sha256Digest& body);

  CredentialsPointer credentials_;
  Verification verification_;
  Sha256 sha256_;
  absl::flat_hash_map<std::string, HmacKey> signing_keys_;  // by access key, date and Region
  std::string body_hash_;                                   // these three are kept for their memory
  std::string canonical_;
  std::string to_sign_;
};

}  // namespace weir::frontend
