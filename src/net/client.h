// HttpClient: one HTTP/1.1 connection to one server, one request at a time. For the command line and for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/core.h"
#include "env/network.h"
#include "env/task.h"

namespace weir::net {

class TlsContext;

struct HttpClientOptions {
  env::Endpoint endpoint;
  std::string host;                       // for the Host header, and for TLS without the port; empty: the endpoint
  std::shared_ptr<const TlsContext> tls;  // null: plain TCP
  std::uint64_t response_bytes_max = 64 * mebibyte;

  // What follows is Http2Client's alone.
  std::uint32_t requests_max = 1'024;                         // waiting and in flight
  std::uint64_t requests_bytes_max = 256 * mebibyte;          // of their bodies together
  std::uint64_t responses_bytes_max = 256 * mebibyte;         // of the responses arriving on one connection
  Duration connect_timeout = seconds(5);                      // until the server has shown that it speaks HTTP/2
  Duration silence_max = seconds(5);                          // of a server that owes something
  std::uint32_t requests_per_connection_max = 1'000'000'000;  // then a new one takes over; at most 2^30
};

struct HttpClientRequest {
  std::string method = "POST";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers;  // besides Host and Content-Length
  std::string body;
};

struct HttpClientResponse {
  std::uint16_t status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  [[nodiscard]] std::optional<std::string_view> header(std::string_view lower_case_name) const noexcept;
};

// Belongs to one core. Connects when there is something to send, keeps the connection while the server does, and
// connects anew after it was lost.
class HttpClient {
 public:
  HttpClient(env::Core& core, HttpClientOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Connects now, unless it is connected: for who must know that nothing was sent. Errors: unavailable, timeout,
  // closed, limit_exceeded when descriptors ran out, io.
  [[nodiscard]] env::Task<Result<void>> connect(MonotonicTime deadline);
  // Sends one request and waits for its response. Nothing is sent twice: whether a request that was lost with its
  // connection took effect is for the caller to find out. Errors: unavailable, timeout, closed, io; corrupt for what is
  // not HTTP; limit_exceeded for a response beyond response_bytes_max. After an error the connection is closed.
  [[nodiscard]] env::Task<Result<HttpClientResponse>> send(HttpClientRequest request, MonotonicTime deadline);
  // Ends a request in flight with `closed`.
  void close() noexcept;
  [[nodiscard]] bool is_connected() const noexcept { return connection_ != nullptr; }

 private:
  [[nodiscard]] env::Task<Result<HttpClientResponse>> exchange(const HttpClientRequest& request,
                                                               MonotonicTime deadline);
  [[nodiscard]] env::Task<Result<HttpClientResponse>> receive(bool has_no_body, MonotonicTime deadline);

  env::Core& core_;
  HttpClientOptions options_;
  std::unique_ptr<env::Connection> connection_;
  std::string received_;  // read and not yet parsed
  bool keep_ = false;
};

}  // namespace weir::net
