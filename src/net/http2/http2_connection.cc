#include "net/http2/http2_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "net/http1/http1_response_head.h"
#include "net/http2/http2_callbacks.h"

namespace weir::net {

namespace {

constexpr std::size_t output_bytes_wanted = 128 * kibibyte;                    // frames gathered into one write
constexpr std::size_t output_bytes_kept = 4 * kibibyte;                        // of an idle connection
constexpr std::size_t read_bytes_wanted = 64 * kibibyte - body_padding_bytes;  // while bodies arrive
constexpr milliseconds stream_check_interval{2'000};

// Responses up to this size are bounded by the number of streams alone.
constexpr std::size_t unbudgeted_response_bytes = 4 * kibibyte;

nghttp2_nv header_pair(std::string_view name, std::string_view value) noexcept {
  // nghttp2 copies both; its interface merely lacks a const.
  return {.name = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data())),    // NOLINT
          .value = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data())),  // NOLINT
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

Http2Connection::Http2Connection(HttpContext& context, env::Connection& connection, ConnectionTraits traits,
                                 ReceiveBuffer received)
    : context_(&context),
      connection_(&connection),
      traits_(traits),
      buffer_(std::move(received)),
      session_(Http2Callbacks::make_session(*this)),
      output_wanted_(context.core),
      handlers_(context.core),
      writer_(context.core),
      resets_(context.h2_resets_per_interval_max, h2_flood_interval),
      control_frames_(context.settings.h2_control_frames_per_interval_max.get(), h2_flood_interval),
      idle_since_(context.core.now()) {}

Http2Connection::~Http2Connection() { nghttp2_session_del(session_); }

void Http2Connection::arrive(HttpContext& context, env::Connection& connection) noexcept {
  context_ = &context;
  connection_ = &connection;
  buffer_.move_to(context.buffers);
  for (const auto& [id, stream] : streams_) stream->move_to(context);
  output_wanted_.emplace(context.core);
  handlers_.emplace(context.core);
  writer_.emplace(context.core);
}

env::Task<HttpConnection::Ending> Http2Connection::run() {
  arm_timer();
  do {
    moves_ = leaving_ = false;
    writer_->spawn(write_frames());
    co_await read_frames();
    if (!leaving_) break;
    co_await writer_->wait();
    if (may_leave()) {
      context_->core.disarm(*this);
      co_return Ending::moves;
    }
  } while (!broken_);  // it was told to drain in the last moment
  ending_ = true;
  if (broken_) connection_->close();  // a writer that is stuck need not wait for its deadline
  output_wanted_->notify_all();
  co_await writer_->wait();
  context_->core.disarm(*this);
  if (!broken_ && nghttp2_session_want_read(session_) == 0) co_await linger();
  broken_ = true;
  connection_->close();
  co_await handlers_->wait();
  co_return Ending::done;
}

bool Http2Connection::may_leave() const noexcept {
  return handlers_running_ == 0 && !draining_ && !broken_ && std::ranges::none_of(streams_, [](const auto& entry) {
           return entry.second->phase == Http2Stream::Phase::response;
         });
}

void Http2Connection::begin_drain() noexcept {
  if (std::exchange(draining_, true) || ending_) return;
  moves_ = false;  // it stays, and serves what waited for that
  start_ready_streams();
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  output_wanted_->notify_all();
}

env::Task<void> Http2Connection::read_frames() {
  std::size_t last_read_bytes = 0;
  while (receive()) {
    start_ready_streams();
    output_wanted_->notify_all();
    buffer_.shrink();
    if (requests_arriving_ != 0 && last_read_bytes >= BufferPool::smallest_bytes / 2) {
      // Without memory to spare, the smallest buffer does as well.
      static_cast<void>(buffer_.make_room(read_bytes_wanted));
    }
    if (leaving_) co_return;
    const Result<std::size_t> got = co_await connection_->read_some(buffer_.free_space(), no_deadline);
    if (leaving_ && !got.has_value() && got.error().code == ErrorCode::timeout) co_return;
    if (!got.has_value() || *got == 0) {
      broken_ = true;
      co_return;
    }
    last_read_bytes = *got;
    context_->metrics.received_bytes.add(*got);
    buffer_.append(*got);
  }
  ready_streams_.clear();
}

bool Http2Connection::receive() {
  const MutableBytes bytes = buffer_.filled();
  const ssize_t taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  buffer_.drop_front(bytes.size());
  if (taken < 0) {
    if (taken == NGHTTP2_ERR_FLOODED && cut_off_ == CutOff::none) cut_off_ = CutOff::control_frames;
    if (taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) cut_off_ = CutOff::headers;
    switch (cut_off_) {
      case CutOff::resets: context_->metrics.h2_cut_off_resets.add(); break;
      case CutOff::control_frames: context_->metrics.h2_cut_off_control_frames.add(); break;
      case CutOff::headers: context_->metrics.h2_cut_off_headers.add(); break;
      case CutOff::none: context_->metrics.refused_malformed.add(); break;
    }
    end_session(cut_off_ == CutOff::none ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
    return false;
  }
  return nghttp2_session_want_read(session_) != 0;
}

void Http2Connection::end_session(std::uint32_t error_code) noexcept {
  nghttp2_session_terminate_session(session_, error_code);
  output_wanted_->notify_all();
}

void Http2Connection::start_ready_streams() {
  if (moves_) return;
  for (std::size_t i = 0; i < ready_streams_.size(); ++i) {
    const auto found = streams_.find(ready_streams_[i]);
    if (found == streams_.end()) continue;  // cancelled in the same breath
    Http2Stream& stream = *found->second;
    if (stream.phase >= Http2Stream::Phase::handling) continue;
    if (stream.refusal != 0) {
      context_->metrics.count_refusal(stream.refusal);
      respond(stream, context_->handler.refuse(stream.refusal));
    } else {
      stream.phase = Http2Stream::Phase::handling;
      ++handlers_running_;
      handlers_->spawn(serve_stream(stream));
    }
  }
  ready_streams_.clear();
}

env::Task<void> Http2Connection::serve_stream(Http2Stream& stream) {
  context_->metrics.requests_http2.add();
  stream.request.over_tls = traits_.over_tls;
  stream.request.peer = traits_.peer;
  stream.request.peer_is_loopback = traits_.peer_is_loopback;
  stream.request.connection_label = &label_;
  HttpResponse response = co_await context_->handler.handle(stream.request);
  --handlers_running_;
  if (stream.closed) {
    forget(stream);
    co_return;
  }
  if (broken_) co_return;
  if (!draining_ && context_->moves_after(response)) moves_ = true;
  context_->settle(*connection_, stream.request.body.size(), response, moves_, rests_);
  if (response.ends_connection) begin_drain();
  if (const std::size_t bytes = response.body_bytes();
      bytes > unbudgeted_response_bytes && !stream.response_memory.resize(context_->resources.response_memory, bytes)) {
    context_->metrics.count_refusal(503);
    response = context_->handler.refuse(503);
  }
  respond(stream, std::move(response));
}

void Http2Connection::respond(Http2Stream& stream, HttpResponse response) {
  const bool may_have_body = stream.request.method != "HEAD" && status_has_body(response.status);
  stream.release_request();
  stream.set_response(std::move(response));
  const bool body_follows = may_have_body && stream.response_left() != 0;
  stream.phase = Http2Stream::Phase::response;
  stream.phase_began = context_->core.now();
  stream.phase_bytes = 0;
  const std::string status = std::to_string(stream.response.status);
  const std::string length = std::to_string(stream.response_left());
  std::vector<std::string> names;  // in lower case, as HTTP/2 wants them
  names.reserve(stream.response.headers.size());
  std::vector<nghttp2_nv> headers{header_pair(":status", status),
                                  header_pair("date", context_->date.text(context_->core.wall_now()))};
  if (status_has_body(stream.response.status)) headers.push_back(header_pair("content-length", length));
  for (const auto& [name, value] : stream.response.headers) {
    if (!is_safe_header_value(value)) continue;
    std::string& lower = names.emplace_back(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    headers.push_back(header_pair(lower, value));
  }
  nghttp2_data_provider body{.source = {.ptr = &stream}, .read_callback = &Http2Callbacks::on_body_wanted};
  const int submitted =
      nghttp2_submit_response(session_, stream.id, headers.data(), headers.size(), body_follows ? &body : nullptr);
  // Only a stream that is gone or memory that ran out can fail it; the peer learns in either case.
  if (submitted != 0) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_INTERNAL_ERROR);
  output_wanted_->notify_all();
}

env::Task<void> Http2Connection::write_frames() {
  for (;;) {
    fill_output();
    if (broken_) break;
    if (output_.empty()) {
      if (ending_) co_return;
      if (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) {
        // All is said. The peer may close first; see linger().
        finished_ = true;
        context_->core.arm(*this, context_->core.now() + Duration(context_->settings.lingering_timeout.get()));
        co_return;
      }
      if (moves_ && may_leave()) {
        leaving_ = true;
        connection_->interrupt_read();
        co_return;
      }
      if (output_.capacity() > output_bytes_kept) output_ = {};
      co_await output_wanted_->wait();
      continue;
    }
    const MonotonicTime deadline =
        context_->core.now() +
        transfer_allowance(context_->settings, context_->settings.write_timeout.get(), output_.size());
    const BytesView bytes = as_bytes(output_);
    const Result<void> written = co_await connection_->write_all({&bytes, 1}, deadline);
    if (!written.has_value()) {
      broken_ = true;
      break;
    }
    context_->metrics.sent_bytes.add(output_.size());
    const bool more_is_likely = output_.size() >= output_bytes_wanted;
    output_.clear();
    if (more_is_likely) co_await context_->core.yield();  // a peer that takes all at once does not keep others waiting
  }
  connection_->close();  // wakes the reader
}

void Http2Connection::fill_output() {
  while (output_.size() < output_bytes_wanted) {
    const std::uint8_t* frames = nullptr;
    const ssize_t bytes = nghttp2_session_mem_send(session_, &frames);
    if (bytes < 0) broken_ = true;
    if (bytes <= 0) return;
    output_.append(reinterpret_cast<const char*>(frames), static_cast<std::size_t>(bytes));
  }
}

env::Task<void> Http2Connection::linger() {
  // Closing with unread bytes would reset the connection and lose the GOAWAY.
  const MonotonicTime deadline = context_->core.now() + Duration(context_->settings.lingering_timeout.get());
  const std::uint64_t bytes_max = context_->settings.body_bytes_max.get();
  buffer_.cut_to(0);
  buffer_.shrink();
  for (std::uint64_t dropped = 0; dropped < bytes_max;) {
    const Result<std::size_t> got = co_await connection_->read_some(buffer_.free_space(), deadline);
    if (!got.has_value() || *got == 0) co_return;
    dropped += *got;
  }
}

void Http2Connection::forget(Http2Stream& stream) {
  if (!stream.request_ended) --requests_arriving_;
  streams_.erase(stream.id);
  if (streams_.empty()) idle_since_ = context_->core.now();
  if (moves_) output_wanted_->notify_all();  // it may have been the last that was in flight
}

void Http2Connection::arm_timer() {
  const MonotonicTime now = context_->core.now();
  const milliseconds patience =
      had_requests_ ? context_->settings.idle_timeout.get() : context_->settings.header_timeout.get();
  context_->core.arm(*this, streams_.empty() ? idle_since_ + patience : now + stream_check_interval);
}

void Http2Connection::on_expiry() {
  if (ending_ || leaving_) return;
  if (finished_) {
    connection_->close();
    return;
  }
  std::vector<std::int32_t> slow;
  for (const auto& [id, stream] : streams_) {
    if (is_too_slow(*stream)) slow.push_back(id);
  }
  for (const std::int32_t id : slow) give_up(*streams_.at(id));
  const milliseconds patience =
      had_requests_ ? context_->settings.idle_timeout.get() : context_->settings.header_timeout.get();
  if (streams_.empty() && context_->core.now() - idle_since_ >= patience) {
    end_session(NGHTTP2_NO_ERROR);
    return;
  }
  if (!slow.empty()) output_wanted_->notify_all();
  arm_timer();
}

void Http2Connection::give_up(Http2Stream& stream) {
  const bool lingers = stream.phase == Http2Stream::Phase::lingering;
  if (!lingers) context_->metrics.refused_timeout.add();
  // While a header is open, no other frame can arrive: the whole connection waits for it.
  if (stream.phase == Http2Stream::Phase::head) end_session(NGHTTP2_ENHANCE_YOUR_CALM);
  // After an answer, NO_ERROR tells the peer that the rest of its request is not wanted (RFC 9113, 8.1).
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, lingers ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
}

bool Http2Connection::is_too_slow(const Http2Stream& stream) const noexcept {
  const HttpSettings& settings = context_->settings;
  const Duration spent = context_->core.now() - stream.phase_began;
  switch (stream.phase) {
    case Http2Stream::Phase::head: return spent > settings.header_timeout.get();
    case Http2Stream::Phase::body:
      return spent > transfer_allowance(settings, settings.body_timeout.get(), stream.phase_bytes);
    case Http2Stream::Phase::response:
      return spent > transfer_allowance(settings, settings.write_timeout.get(), stream.phase_bytes);
    case Http2Stream::Phase::lingering: return spent > settings.lingering_timeout.get();
    case Http2Stream::Phase::ready:
    case Http2Stream::Phase::handling: return false;
  }
  return false;
}

}  // namespace weir::net
