// Http2ClientConnection: one connection of an HTTP/2 client, from the attempt to make it to its end.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/core.h"
#include "env/event.h"
#include "env/network.h"
#include "env/task_group.h"
#include "net/client.h"
#include "net/http2/http2_client_session.h"

namespace weir::net {

// Belongs to one core. Its task keeps it alive until the connection has ended, whoever else has let go of it.
class Http2ClientConnection final : private env::Timer {
 public:
  // Begins to connect. Nothing is sent before the server has shown that it speaks HTTP/2.
  [[nodiscard]] static std::shared_ptr<Http2ClientConnection> open(env::Core& core, const HttpClientOptions& options);
  ~Http2ClientConnection() override = default;

  // False once the server goes away, the connection is lost or its stream ids ran out. What has a stream goes on; what
  // waits for one is turned away.
  [[nodiscard]] bool takes_requests() const noexcept;
  // Sends `exchange` as soon as the server takes it. It lives until it is finished, dropped or turned away.
  void add(Http2Exchange& exchange);
  // Takes back an exchange that is not finished. False when the server can never have seen it.
  [[nodiscard]] bool drop(Http2Exchange& exchange);
  // Finishes everything with `closed`, or `unavailable` where the server can never have seen it, and ends.
  void close() noexcept;

  [[nodiscard]] bool is_ready() const noexcept { return session_.is_ready() && takes_requests(); }
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  [[nodiscard]] env::Task<void> wait_for_end();

 private:
  Http2ClientConnection(env::Core& core, const HttpClientOptions& options);

  [[nodiscard]] static env::Task<void> run(std::shared_ptr<Http2ClientConnection> self);
  [[nodiscard]] env::Task<Result<void>> establish(MonotonicTime deadline);
  [[nodiscard]] env::Task<Error> read_frames(MonotonicTime ready_deadline);
  [[nodiscard]] env::Task<void> write_frames();
  void make_read_room(std::size_t last_read_bytes);
  void submit_waiting();
  void fail_waiting(const std::string& why);
  void turn_waiting_away();
  void end(Error error);
  void on_expiry() override;  // looks for a server that has fallen silent
  void watch_for_silence();

  env::Core& core_;
  const HttpClientOptions options_;
  Http2ClientSession session_;
  std::unique_ptr<env::Connection> connection_;
  std::deque<Http2Exchange*> waiting_;  // no stream yet
  std::vector<std::byte> received_;
  std::string output_;
  env::Event output_wanted_;
  env::TaskGroup writer_;
  env::Event end_;
  MonotonicTime heard_{};       // the last byte, or the first request after a rest
  MonotonicTime look_again_{};  // when the timer is due
  bool pinged_ = false;         // since heard_
  bool writable_ = true;
  bool over_ = false;
  bool has_ended_ = false;
  std::optional<Error> why_over_;  // where it was not the reader who found out
};

}  // namespace weir::net
