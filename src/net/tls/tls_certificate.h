// Certificates, for `weir cert` and for tests: self-signed ones, authorities and what they sign.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::net {

struct CertificateRequest {
  std::vector<std::string> names;  // DNS names (a leading "*." is fine) and numeric addresses
  WallTime valid_from;
  WallTime valid_until;
  std::string role;  // of PeerIdentity: lower-case letters; empty: none
};

struct CertificatePem {
  std::string certificate;
  std::string private_key;  // PKCS #8, not encrypted
};

// All of these make an EC P-256 key and a certificate for it. Any thread. Errors: invalid_argument for a name that is
// neither DNS name nor address, or a period that ends before it begins.

// A server's certificate, signed by itself: clients trust it by naming it as their CA file. It bears localhost,
// 127.0.0.1 and ::1 besides the names of the request.
[[nodiscard]] Result<CertificatePem> make_self_signed_certificate(const CertificateRequest& request);

// An authority, which signs certificates and nothing else. `name` is for people to read: 1 to 64 printable ASCII bytes.
[[nodiscard]] Result<CertificatePem> make_certificate_authority(const std::string& name, WallTime valid_from,
                                                                WallTime valid_until);

// A certificate of `authority` for both ends of a connection; request.names, at least one, are all that it bears, the
// first being what it is called, too. It ends when the authority does, if that is earlier. Errors also:
// invalid_argument when `authority` is none, or expired before valid_from.
[[nodiscard]] Result<CertificatePem> issue_certificate(const CertificatePem& authority,
                                                       const CertificateRequest& request);

}  // namespace weir::net
