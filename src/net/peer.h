// Who is at the other end of a connection where both show a certificate of one authority.
#pragma once

#include <string>
#include <string_view>

namespace weir::net {

// Begins the URI, among the alternative names of a certificate, that says which role its bearer has.
inline constexpr std::string_view role_uri_prefix = "urn:weir:role:";

struct PeerIdentity {
  std::string name;  // what its certificate is called
  std::string role;  // "frontend", "cell", "directory", "operator"; empty: the certificate names none
};

}  // namespace weir::net
