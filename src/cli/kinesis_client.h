// KinesisClient: a small client of the API, for the commands that people type. One connection, one request at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/commands.h"
#include "env/core.h"
#include "net/client.h"

namespace weir::cli {

// Where a URL points. The host is a numeric address, or localhost.
struct ServerUrl {
  bool tls = false;
  env::Endpoint endpoint;
  std::string host;  // as the Host header names it, with the port
};
// Errors: invalid_argument.
[[nodiscard]] Result<ServerUrl> parse_server_url(std::string_view url);

// Belongs to one core.
class KinesisClient {
 public:
  // Errors: invalid_argument for an endpoint URL that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<KinesisClient>> make(env::Core& core, ClientOptions options);

  // Calls `operation` ("PutRecord") with a JSON body and returns the answer's. Throttles and passing failures are tried
  // again for up to half a minute. Errors: unavailable when the server cannot be reached; otherwise invalid_argument
  // with the API's own code and message, or not_found for ResourceNotFoundException.
  [[nodiscard]] env::Task<Result<std::string>> call(std::string operation, std::string body);

  [[nodiscard]] env::Core& core() noexcept { return core_; }

 private:
  KinesisClient(env::Core& core, ClientOptions options, ServerUrl url, net::HttpClientOptions http);
  [[nodiscard]] net::HttpClientRequest signed_request(const std::string& operation, const std::string& body) const;

  env::Core& core_;
  ClientOptions options_;
  ServerUrl url_;
  net::HttpClient http_;
};

// `text` as a JSON string, quotes included.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace weir::cli
