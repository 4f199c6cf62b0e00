// Identity: who sent a request, and the name space it works in.
#pragma once

#include <string>

namespace weir::frontend {

struct Identity {
  std::string account;  // 12 digits, of the credential
  std::string access_key_id;
  std::string region;  // of the signature's scope
};

}  // namespace weir::frontend
