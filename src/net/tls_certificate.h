// Self-signed certificates, for `weir cert` and for tests.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::net {

struct CertificateRequest {
  // DNS names (a leading "*." is fine) and numeric addresses, besides localhost, 127.0.0.1 and ::1.
  std::vector<std::string> names;
  WallTime valid_from;
  WallTime valid_until;
};

struct CertificatePem {
  std::string certificate;
  std::string private_key;  // PKCS #8, not encrypted
};

// An EC P-256 key and a certificate for it, signed by itself: clients trust it by naming it as their CA file.
// Errors: invalid_argument for a name that is neither, or a period that ends before it begins. Any thread.
[[nodiscard]] Result<CertificatePem> make_self_signed_certificate(const CertificateRequest& request);

}  // namespace weir::net
