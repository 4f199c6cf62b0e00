// Http2Connection: serves HTTP/2 on one connection, all its requests at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "env/event.h"
#include "env/network.h"
#include "env/task_group.h"
#include "net/http2/flood_guard.h"
#include "net/http2/http2_stream.h"
#include "net/http_context.h"
#include "net/receive_buffer.h"

struct nghttp2_session;

namespace weir::net {

// The protocol is nghttp2's; this class moves its bytes, runs one handler per stream and bounds what a peer can cause:
// streams, header and body bytes, resets, control frames, and slowness. A request that the peer cancels runs to its end
// and its response is dropped.
class Http2Connection final : public HttpConnection, private env::Timer {
 public:
  // `received` holds what was read already, the client's preface first. `context` and `connection` outlive this.
  Http2Connection(HttpContext& context, env::Connection& connection, ConnectionTraits traits, ReceiveBuffer received);
  ~Http2Connection() override;

  [[nodiscard]] env::Task<Ending> run() override;
  void begin_drain() noexcept override;
  void leave() noexcept override { label_.reset(); }
  void arrive(HttpContext& context, env::Connection& connection) noexcept override;

 private:
  friend struct Http2Callbacks;

  // Why the connection ends before its peer wants it to.
  enum class CutOff : std::uint8_t { none, resets, control_frames, headers };

  [[nodiscard]] env::Task<void> read_frames();
  [[nodiscard]] env::Task<void> write_frames();
  [[nodiscard]] env::Task<void> serve_stream(Http2Stream& stream);
  [[nodiscard]] env::Task<void> linger();
  // Nothing is in flight: what has come of requests can go on elsewhere.
  [[nodiscard]] bool may_leave() const noexcept;

  [[nodiscard]] bool receive();  // gives the buffer to nghttp2; false when nothing more is to be read
  void start_ready_streams();
  void respond(Http2Stream& stream, HttpResponse response);
  void fill_output();
  void on_expiry() override;  // timeouts of streams and of the idle connection
  [[nodiscard]] bool is_too_slow(const Http2Stream& stream) const noexcept;
  void give_up(Http2Stream& stream);
  void arm_timer();
  void forget(Http2Stream& stream);
  void end_session(std::uint32_t error_code) noexcept;

  HttpContext* context_;
  env::Connection* connection_;
  ConnectionTraits traits_;
  std::shared_ptr<void> label_;  // the handler's
  ReceiveBuffer buffer_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_map<std::int32_t, std::unique_ptr<Http2Stream>> streams_;
  std::vector<std::int32_t> ready_streams_;
  std::string output_;
  std::optional<env::Event> output_wanted_;  // these three are the core's
  std::optional<env::TaskGroup> handlers_;
  std::optional<env::TaskGroup> writer_;
  FloodGuard resets_;
  FloodGuard control_frames_;
  std::size_t requests_arriving_ = 0;  // streams whose request is not whole
  std::size_t handlers_running_ = 0;
  MonotonicTime idle_since_;
  bool had_requests_ = false;
  bool draining_ = false;
  bool moves_ = false;  // requests that come wait until those in flight are answered, and it has moved
  Rests rests_;
  bool leaving_ = false;   // that is so now
  bool ending_ = false;    // nothing more is read; what is queued still goes out
  bool finished_ = false;  // everything has gone out, and the session is over
  bool broken_ = false;    // nothing more goes out
  CutOff cut_off_ = CutOff::none;
};

}  // namespace weir::net
