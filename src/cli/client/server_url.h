// ServerUrl: where an endpoint URL points.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "env/network.h"

namespace weir::cli {

struct ServerUrl {
  bool tls = false;
  env::Endpoint endpoint;
  std::string host;  // as the Host header has it: with the port unless it is the scheme's own
};

// "http://127.0.0.1:4567", "https://localhost", "http://[::1]:4567/". The host is a numeric address, or localhost,
// which is taken for 127.0.0.1: there is no name service here. Errors: invalid_argument, with what is wrong. Any
// thread.
[[nodiscard]] Result<ServerUrl> parse_server_url(std::string_view url);

}  // namespace weir::cli
