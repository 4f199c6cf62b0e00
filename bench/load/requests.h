// The bytes of requests: signed Kinesis calls over HTTP/1.1, and Redis commands.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bench {

struct Signing {
  std::string access_key_id = "test";
  std::string secret_access_key = "test";
  std::string region = "us-east-1";
};

// A whole keep-alive POST of `body` for the operation, signed for the moment `now`. host: as the Host header says it.
[[nodiscard]] std::string kinesis_request(std::string_view host, std::string_view operation, std::string_view body,
                                          const Signing& signing, std::time_t now);

// A command given as words parted by single blanks, as Redis reads it.
[[nodiscard]] std::string redis_request(std::string_view words);

}  // namespace weir::bench
