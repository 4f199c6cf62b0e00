// Http2ClientSession: the protocol of one connection of an HTTP/2 client, nghttp2's, without I/O: bytes in, bytes out.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "base/result.h"
#include "net/client.h"
#include "net/http2/http2_exchange.h"

struct nghttp2_session;

namespace weir::net {

// Finishes its exchanges: with their response; with `unavailable` when the server has certainly not acted on the
// request; with `corrupt` when a response breaks its bounds; with `closed` when the stream ended before the response
// was whole.
class Http2ClientSession {
 public:
  // `options` outlives this.
  explicit Http2ClientSession(const HttpClientOptions& options);
  Http2ClientSession(const Http2ClientSession&) = delete;
  Http2ClientSession& operator=(const Http2ClientSession&) = delete;
  ~Http2ClientSession();  // exchanges that are open are forgotten; see fail_all()

  // Opens a stream for `exchange`, which lives until it is finished or dropped. Only when has_room().
  void submit(Http2Exchange& exchange);
  // Gives an open exchange up and tells the server. False when the server can never have seen it.
  [[nodiscard]] bool drop(Http2Exchange& exchange);
  // Finishes every open exchange with `error`, or with `unavailable` where the server can never have seen it.
  void fail_all(const Error& error);

  // Takes what the server sent. Errors: corrupt for what is not HTTP/2; nothing more can be received then.
  [[nodiscard]] Result<void> receive(BytesView bytes);
  // Appends what is to be sent, until `output` has at least `bytes_wanted` or there is nothing more. Errors: internal
  // when memory ran out.
  [[nodiscard]] Result<void> fill(std::string& output, std::size_t bytes_wanted);
  void ping();

  [[nodiscard]] bool is_ready() const noexcept { return ready_; }  // the server's SETTINGS came: it speaks HTTP/2
  [[nodiscard]] bool has_room() const noexcept;                    // ready, not retired, and the server takes one more
  [[nodiscard]] bool is_retired() const noexcept;                  // takes no more: GOAWAY came, or stream ids ran out
  [[nodiscard]] bool is_over() const noexcept;                     // nothing more to receive or to send
  [[nodiscard]] std::size_t open() const noexcept { return exchanges_.size(); }

 private:
  friend struct Http2ClientCallbacks;

  [[nodiscard]] Http2Exchange* find(std::int32_t stream_id) const noexcept;
  void finish(Http2Exchange& exchange, Result<HttpClientResponse> outcome);
  void forget(Http2Exchange& exchange);
  void refuse_response(Http2Exchange& exchange, ErrorCode code, std::string why);
  void take_header(Http2Exchange& exchange, std::string_view name, std::string_view value);
  void take_head(Http2Exchange& exchange);
  void take_body(Http2Exchange& exchange, BytesView bytes);
  void take_end(Http2Exchange& exchange);
  void take_stream_close(Http2Exchange& exchange, std::uint32_t error_code);

  const HttpClientOptions& options_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_map<std::int32_t, Http2Exchange*> exchanges_;  // by stream id
  std::uint64_t response_bytes_ = 0;                             // of all bodies arriving
  std::string* output_ = nullptr;                                // while fill() runs
  bool ready_ = false;
  bool goaway_received_ = false;
};

}  // namespace weir::net
