// Http1Connection: serves HTTP/1.1 and 1.0 on one connection, one request after the other.
#pragma once

#include <string>
#include <string_view>

#include "env/network.h"
#include "env/task.h"
#include "net/http1/http1_request_parser.h"
#include "net/http_context.h"
#include "net/receive_buffer.h"

namespace weir::net {

// Requests are parsed where they arrived; pipelined ones wait in the buffer. A malformed, slow or oversized request is
// refused in the handler's form and ends the connection, because where the next one begins is no longer known.
class Http1Connection final : public HttpConnection {
 public:
  // `received` holds what was read already. `context` and `connection` outlive this.
  Http1Connection(HttpContext& context, env::Connection& connection, ConnectionTraits traits, ReceiveBuffer received);

  [[nodiscard]] env::Task<Ending> run() override;
  void begin_drain() noexcept override;
  void leave() noexcept override { label_.reset(); }
  void arrive(HttpContext& context, env::Connection& connection) noexcept override;

 private:
  // The next three return false when the connection is done; a refusal has then been sent.
  [[nodiscard]] env::Task<bool> receive_head();
  [[nodiscard]] env::Task<bool> receive_sized_body(Http1Framing framing);
  [[nodiscard]] env::Task<bool> receive_chunked_body(Http1Framing framing);
  [[nodiscard]] env::Task<bool> read_more(MonotonicTime deadline);
  [[nodiscard]] env::Task<bool> invite_body(Http1Framing framing);
  [[nodiscard]] env::Task<bool> serve_request(Http1Framing framing);
  [[nodiscard]] env::Task<bool> write_response(const HttpResponse& response, std::string_view connection,
                                               bool body_follows);
  [[nodiscard]] env::Task<void> refuse(std::uint16_t status);
  [[nodiscard]] env::Task<void> linger();

  [[nodiscard]] bool make_room(std::size_t bytes);
  [[nodiscard]] bool body_is_here(const Http1Framing& framing) const noexcept;
  void set_body(std::size_t body_bytes) noexcept;
  void finish_request();

  HttpContext* context_;
  env::Connection* connection_;
  std::shared_ptr<void> label_;  // the handler's
  ReceiveBuffer buffer_;
  Http1RequestParser parser_;
  HttpRequest request_;
  std::string response_head_;
  std::size_t head_bytes_ = 0;     // of the request in flight
  std::size_t request_bytes_ = 0;  // head and body, once both are here
  bool first_request_ = true;
  bool is_head_request_ = false;
  bool idle_ = false;
  bool draining_ = false;
  bool moves_ = false;
  Rests rests_;
};

}  // namespace weir::net
