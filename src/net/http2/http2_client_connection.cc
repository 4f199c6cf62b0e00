#include "net/http2/http2_client_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "net/http1/http1_call.h"
#include "net/tls/tls.h"

namespace weir::net {

namespace {

constexpr std::size_t output_bytes_wanted = 128 * kibibyte;  // frames gathered into one write
constexpr std::size_t buffer_bytes_kept = 4 * kibibyte;      // of an idle connection, each way
constexpr std::size_t read_bytes_max = 128 * kibibyte;

}  // namespace

std::shared_ptr<Http2ClientConnection> Http2ClientConnection::open(env::Core& core, const HttpClientOptions& options) {
  std::shared_ptr<Http2ClientConnection> connection(new Http2ClientConnection(core, options));
  env::spawn(run(connection));
  return connection;
}

Http2ClientConnection::Http2ClientConnection(env::Core& core, const HttpClientOptions& options)
    : core_(core),
      options_(options),
      session_(options_),
      received_(buffer_bytes_kept),
      output_wanted_(core),
      writer_(core),
      end_(core) {}

env::Task<void> Http2ClientConnection::run(std::shared_ptr<Http2ClientConnection> self) {
  co_await self->core_.yield();  // who opened it adds its request before anything can fail
  const MonotonicTime deadline = self->core_.now() + self->options_.connect_timeout;
  const Result<void> established = co_await self->establish(deadline);
  if (established.has_value()) {
    self->writer_.spawn(self->write_frames());
    Error error = co_await self->read_frames(deadline);
    self->end(self->why_over_.value_or(std::move(error)));
    co_await self->writer_.wait();
  } else {
    self->end(established.error());
  }
  if (self->connection_ != nullptr) self->connection_->close();
  self->core_.disarm(*self);
  self->has_ended_ = true;
  self->end_.notify_all();
}

env::Task<void> Http2ClientConnection::wait_for_end() {
  while (!has_ended_) co_await end_.wait();
}

env::Task<Result<void>> Http2ClientConnection::establish(MonotonicTime deadline) {
  WEIR_CO_CHECK(co_await connect_to_server(core_, options_, connection_, deadline));
  if (over_) co_return fail(ErrorCode::closed, "closed here");
  if (options_.tls == nullptr) co_return Result<void>();
  // connect_to_server() makes a TlsConnection wherever there is a context for one.
  const auto& tls = static_cast<const TlsConnection&>(*connection_);
  if (tls.protocol() == "h2") co_return Result<void>();
  co_return fail(ErrorCode::unavailable, to_string(options_.endpoint) + " does not agree to speak HTTP/2");
}

bool Http2ClientConnection::takes_requests() const noexcept { return !over_ && writable_ && !session_.is_retired(); }

void Http2ClientConnection::add(Http2Exchange& exchange) {
  WEIR_ASSERT(takes_requests());
  const bool rested = waiting_.empty() && session_.open() == 0;
  waiting_.push_back(&exchange);
  if (rested && session_.is_ready()) {
    heard_ = core_.now();
    pinged_ = false;
    watch_for_silence();
  }
  output_wanted_.notify_all();
}

bool Http2ClientConnection::drop(Http2Exchange& exchange) {
  if (exchange.stream_id == 0) {
    std::erase(waiting_, &exchange);
    return false;
  }
  const bool head_sent = session_.drop(exchange);
  output_wanted_.notify_all();  // the server is told, and there is room for another
  return head_sent;
}

void Http2ClientConnection::close() noexcept { end({ErrorCode::closed, "closed here"}); }

void Http2ClientConnection::end(Error error) {
  if (std::exchange(over_, true)) return;
  const std::string place = to_string(options_.endpoint) + ": ";
  error.message.insert(0, place);
  fail_waiting(error.message);
  session_.fail_all(error);
  if (connection_ != nullptr) connection_->close();
  output_wanted_.notify_all();
}

void Http2ClientConnection::fail_waiting(const std::string& why) {
  for (Http2Exchange* const exchange : std::exchange(waiting_, {})) {
    exchange->finish(fail(ErrorCode::unavailable, why));
  }
}

void Http2ClientConnection::turn_waiting_away() {
  for (Http2Exchange* const exchange : std::exchange(waiting_, {})) exchange->turn_away();
}

env::Task<Error> Http2ClientConnection::read_frames(MonotonicTime ready_deadline) {
  std::size_t last_read_bytes = 0;
  for (;;) {
    make_read_room(last_read_bytes);
    const bool was_ready = session_.is_ready();
    const Result<std::size_t> got =
        co_await connection_->read_some(received_, was_ready ? no_deadline : ready_deadline);
    if (!got.has_value()) co_return got.error();
    if (*got == 0) co_return Error{ErrorCode::closed, "the server closed the connection"};
    last_read_bytes = *got;
    heard_ = core_.now();
    pinged_ = false;
    const Result<void> taken = session_.receive(BytesView(received_).first(*got));
    output_wanted_.notify_all();
    if (!taken.has_value()) co_return taken.error();
    if (!was_ready && session_.is_ready()) watch_for_silence();
    if (session_.is_retired()) turn_waiting_away();
  }
}

void Http2ClientConnection::make_read_room(std::size_t last_read_bytes) {
  if (last_read_bytes == received_.size() && received_.size() < read_bytes_max) {
    received_.resize(read_bytes_max);
  } else if (session_.open() == 0 && received_.size() > buffer_bytes_kept) {
    received_.resize(buffer_bytes_kept);
    received_.shrink_to_fit();
  }
}

void Http2ClientConnection::submit_waiting() {
  while (!waiting_.empty() && session_.has_room()) {
    Http2Exchange& exchange = *waiting_.front();
    waiting_.pop_front();
    session_.submit(exchange);
  }
}

env::Task<void> Http2ClientConnection::write_frames() {
  while (!over_) {
    submit_waiting();
    if (const Result<void> filled = session_.fill(output_, output_bytes_wanted); !filled.has_value()) {
      end(filled.error());
      co_return;
    }
    if (session_.is_retired()) turn_waiting_away();
    if (output_.empty()) {
      // The server went away and everything is answered, or one side broke the protocol and all is said.
      if (session_.is_over() || (session_.is_retired() && session_.open() == 0)) {
        end({ErrorCode::corrupt, "what came is not HTTP/2, or not as it should be"});
        co_return;
      }
      if (output_.capacity() > buffer_bytes_kept) output_ = {};
      co_await output_wanted_.wait();
      continue;
    }
    const BytesView bytes = as_bytes(output_);
    const Result<void> written = co_await connection_->write_all({&bytes, 1}, core_.now() + options_.silence_max);
    const bool more_is_likely = output_.size() >= output_bytes_wanted;
    output_.clear();
    if (!written.has_value()) {
      writable_ = false;
      why_over_ = written.error();
      fail_waiting(to_string(options_.endpoint) + ": " + written.error().message);
      // Which requests the server has taken may still be there to read, unless it hangs.
      if (written.error().code == ErrorCode::timeout) connection_->close();
      co_return;
    }
    if (more_is_likely) co_await core_.yield();  // a server that takes all at once does not keep others waiting
  }
}

void Http2ClientConnection::watch_for_silence() {
  if (over_ || (waiting_.empty() && session_.open() == 0)) return;
  look_again_ = heard_ + (pinged_ ? options_.silence_max : options_.silence_max / 2);
  core_.arm(*this, look_again_);
}

void Http2ClientConnection::on_expiry() {
  const bool busy = !waiting_.empty() || session_.open() != 0;
  if (over_ || !busy) return;
  constexpr int lateness_share = 4;
  if (core_.now() - look_again_ > options_.silence_max / lateness_share) {
    // This process stood still itself; what the server said meanwhile has yet to be read.
    heard_ = core_.now();
    pinged_ = false;
  }
  const Duration silence = core_.now() - heard_;
  if (pinged_ && silence >= options_.silence_max) {
    end({ErrorCode::closed,
         "silent for " + std::to_string(std::chrono::duration_cast<milliseconds>(silence).count()) + " ms"});
    return;
  }
  if (!pinged_ && silence >= options_.silence_max / 2) {
    pinged_ = true;
    session_.ping();
    output_wanted_.notify_all();
  }
  watch_for_silence();
}

}  // namespace weir::net
