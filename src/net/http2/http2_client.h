// Http2Client: one HTTP/2 connection to one server, many requests at once. How Weir's processes speak to each other.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "env/core.h"
#include "env/task.h"
#include "net/client.h"

namespace weir::net {

class Http2ClientConnection;

// Belongs to one core. Connects when there is something to send and no connection that takes it, over TLS (ALPN h2) or
// with prior knowledge; nothing is sent before the server has shown that it speaks HTTP/2. When the server says that it
// goes away, what is in flight there is answered there and the next request makes a new connection.
//
// While requests are in flight, a server from which nothing has come for half of options.silence_max is sent a PING,
// and one from which nothing has come for all of it counts as lost; a write that takes longer does, too. Time in which
// this process stood still itself is no silence.
class Http2Client {
 public:
  // options.tls, where there is one, offers "h2".
  Http2Client(env::Core& core, HttpClientOptions options);
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;
  // When no send() is under way; close() ends them. What is left of a connection cleans up after itself on the core.
  ~Http2Client();

  // Sends one request and waits for its response; any number of calls at once, up to options.requests_max and
  // requests_bytes_max. Responses come in any order. Nothing is sent twice.
  //
  // Errors after which the server has certainly not acted on the request:
  //   unavailable       no connection (nobody listens, TLS refused by either side, no HTTP/2, options.connect_timeout);
  //                     lost, or `deadline` passed, before the request went out; refused by the server's GOAWAY or
  //                     REFUSED_STREAM. It may be sent again.
  //   limit_exceeded    requests_max or requests_bytes_max is reached.
  //   invalid_argument  a header that HTTP/2 cannot carry.
  // Errors after which nobody knows:
  //   timeout           `deadline` passed. Only this request is given up; the connection and the others go on.
  //   closed, io        the connection or the request was cut off, or close() was called; also when the responses that
  //                     arrive together pass options.responses_bytes_max.
  //   corrupt           what came is not HTTP/2, or a response beyond options.response_bytes_max.
  //   internal          memory ran out.
  [[nodiscard]] env::Task<Result<HttpClientResponse>> send(HttpClientRequest request, MonotonicTime deadline);

  // Ends every request with `closed` (or `unavailable`) and closes the connections. The next send() connects anew.
  void close() noexcept;
  // close(), and waits until nothing of them is left: before the core's runtime ends. An attempt to connect may take
  // until options.connect_timeout. Nothing may be sent meanwhile.
  [[nodiscard]] env::Task<void> stop();

  [[nodiscard]] bool is_connected() const noexcept;
  [[nodiscard]] std::uint32_t requests() const noexcept { return requests_; }  // waiting and in flight

 private:
  [[nodiscard]] Result<void> admit(const HttpClientRequest& request) const;
  [[nodiscard]] std::shared_ptr<Http2ClientConnection> connection();

  env::Core& core_;
  HttpClientOptions options_;
  std::shared_ptr<Http2ClientConnection> current_;
  std::vector<std::shared_ptr<Http2ClientConnection>> leaving_;  // take no more; each has a request in flight, or ends
  std::uint32_t requests_ = 0;
  std::uint64_t requests_bytes_ = 0;
};

}  // namespace weir::net
