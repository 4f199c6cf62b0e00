#include "net/http2/http2_callbacks.h"

#include <array>
#include <limits>

#include "base/assert.h"

namespace weir::net {

namespace {

// A header beyond its limit is answered with 431, but somebody who goes on and on is not listening.
constexpr std::uint64_t header_excess_factor = 4;

std::string_view view(const std::uint8_t* data, std::size_t bytes) noexcept {
  return {reinterpret_cast<const char*>(data), bytes};
}

nghttp2_session_callbacks* make_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  WEIR_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &Http2Callbacks::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &Http2Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Http2Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Http2Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, &Http2Callbacks::on_invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Http2Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Http2Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &Http2Callbacks::on_frame_sent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, &Http2Callbacks::on_send_data);
  return callbacks;
}

nghttp2_option* make_options() {
  nghttp2_option* options = nullptr;
  WEIR_ASSERT(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_closed_streams(options, 1);
  // Weir counts resets itself: a consumer that leaves with thousands of answered streams is no attack.
  constexpr std::uint64_t without_limit = std::numeric_limits<std::uint32_t>::max();
  nghttp2_option_set_stream_reset_rate_limit(options, without_limit, without_limit);
  return options;
}

}  // namespace

nghttp2_session* Http2Callbacks::make_session(Http2Connection& connection) {
  // Made once and never freed; every session copies what it needs.
  static nghttp2_session_callbacks* const callbacks = make_callbacks();
  static nghttp2_option* const options = make_options();
  nghttp2_session* session = nullptr;
  WEIR_ASSERT(nghttp2_session_server_new2(&session, callbacks, &connection, options) == 0);
  const HttpSettings& settings = connection.context_->settings;
  const std::array<nghttp2_settings_entry, 3> entries{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(settings.h2_streams_max.get())},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(settings.h2_stream_window_bytes.get())},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(settings.header_bytes_max.get())},
  }};
  WEIR_ASSERT(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) == 0);
  const auto window = static_cast<std::int32_t>(settings.h2_connection_window_bytes.get());
  WEIR_ASSERT(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, window) == 0);
  return session;
}

Http2Stream* Http2Callbacks::find(void* user_data, std::int32_t stream_id) noexcept {
  const auto found = self(user_data).streams_.find(stream_id);
  return found == self(user_data).streams_.end() ? nullptr : found->second.get();
}

int Http2Callbacks::cut_off(Http2Connection& connection, Http2Connection::CutOff why) noexcept {
  connection.cut_off_ = why;
  return NGHTTP2_ERR_CALLBACK_FAILURE;  // ends nghttp2_session_mem_recv() at once
}

int Http2Callbacks::count_control_frame(Http2Connection& connection) noexcept {
  if (!connection.control_frames_.is_flood(connection.context_->core.now())) return 0;
  return cut_off(connection, Http2Connection::CutOff::control_frames);
}

int Http2Callbacks::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data) {
  const bool acknowledges = (header->flags & NGHTTP2_FLAG_ACK) != 0;
  switch (header->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_DATA:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_WINDOW_UPDATE: return 0;
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING: return acknowledges ? 0 : count_control_frame(self(user_data));
    default: return count_control_frame(self(user_data));
  }
}

int Http2Callbacks::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  Http2Connection& connection = self(user_data);
  auto stream = std::make_unique<Http2Stream>(*connection.context_, frame->hd.stream_id);
  // Handlers of cancelled requests still run and count.
  const bool too_many = connection.handlers_running_ >= connection.context_->settings.h2_streams_max.get();
  if (too_many || !stream->reserve()) {
    connection.context_->metrics.count_refusal(503);
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
  }
  stream->phase_began = connection.context_->core.now();
  connection.streams_.insert_or_assign(frame->hd.stream_id, std::move(stream));
  ++connection.requests_arriving_;
  connection.had_requests_ = true;
  if (connection.streams_.size() == 1) connection.arm_timer();
  return 0;
}

int Http2Callbacks::on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                              std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                              std::uint8_t /*flags*/, void* user_data) {
  Http2Stream* const stream = find(user_data, frame->hd.stream_id);
  if (stream == nullptr || stream->phase != Http2Stream::Phase::head) return 0;  // refused, or a trailer
  stream->add_header(view(name, name_bytes), view(value, value_bytes));
  Http2Connection& connection = self(user_data);
  if (stream->header_bytes() > header_excess_factor * connection.context_->settings.header_bytes_max.get()) {
    return cut_off(connection, Http2Connection::CutOff::headers);
  }
  return 0;
}

int Http2Callbacks::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  Http2Connection& connection = self(user_data);
  switch (frame->hd.type) {
    case NGHTTP2_DATA: {
      const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (!ends && frame->hd.length == frame->data.padlen && count_control_frame(connection) != 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
      }
      return on_request_frame(connection, *frame);
    }
    case NGHTTP2_HEADERS: return on_request_frame(connection, *frame);
    case NGHTTP2_RST_STREAM: {
      connection.context_->metrics.h2_streams_reset_by_peer.add();
      const Http2Stream* const stream = find(user_data, frame->hd.stream_id);
      // A stream that is gone was answered, or refused before it cost anything.
      if (stream == nullptr) return count_control_frame(connection);
      const bool answered = stream->phase >= Http2Stream::Phase::response;
      if (answered || !connection.resets_.is_flood(connection.context_->core.now())) return 0;
      return cut_off(connection, Http2Connection::CutOff::resets);
    }
    default: return 0;
  }
}

int Http2Callbacks::on_request_frame(Http2Connection& connection, const nghttp2_frame& frame) {
  Http2Stream* const stream = find(&connection, frame.hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame.hd.type == NGHTTP2_HEADERS && stream->phase == Http2Stream::Phase::head) {
    stream->finish_head();
    stream->phase_began = connection.context_->core.now();
  }
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && !stream->request_ended) {
    stream->finish_body();
    --connection.requests_arriving_;
  }
  const bool waits = stream->phase == Http2Stream::Phase::ready || stream->phase == Http2Stream::Phase::body;
  if (waits && (stream->request_ended || stream->refusal != 0)) connection.ready_streams_.push_back(stream->id);
  return 0;
}

int Http2Callbacks::on_invalid_frame(nghttp2_session*, const nghttp2_frame* /*frame*/, int /*error*/, void* user_data) {
  return count_control_frame(self(user_data));
}

int Http2Callbacks::on_data(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t stream_id,
                            const std::uint8_t* data, std::size_t bytes, void* user_data) {
  Http2Stream* const stream = find(user_data, stream_id);
  if (stream == nullptr) return 0;
  if (stream->phase == Http2Stream::Phase::body) {
    stream->add_body({reinterpret_cast<const std::byte*>(data), bytes});
  } else if (stream->phase == Http2Stream::Phase::lingering) {
    stream->phase_bytes += bytes;
    if (stream->phase_bytes > self(user_data).context_->settings.body_bytes_max.get()) {
      return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
    }
  }
  return 0;
}

int Http2Callbacks::on_stream_close(nghttp2_session*, std::int32_t stream_id, std::uint32_t /*error_code*/,
                                    void* user_data) {
  Http2Stream* const stream = find(user_data, stream_id);
  if (stream == nullptr) return 0;
  stream->closed = true;
  // A handler that runs still uses the request; it forgets the stream when it ends.
  if (stream->phase != Http2Stream::Phase::handling) self(user_data).forget(*stream);
  return 0;
}

int Http2Callbacks::on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)) return 0;
  Http2Stream* const stream = find(user_data, frame->hd.stream_id);
  if (stream == nullptr || stream->request_ended) return 0;
  // Some clients lose an answer that is followed at once by a reset. Let this one send on for a while.
  stream->phase = Http2Stream::Phase::lingering;
  stream->phase_began = self(user_data).context_->core.now();
  stream->phase_bytes = 0;
  return 0;
}

ssize_t Http2Callbacks::on_body_wanted(nghttp2_session*, std::int32_t /*stream_id*/, std::uint8_t* /*buffer*/,
                                       std::size_t bytes_max, std::uint32_t* data_flags, nghttp2_data_source* source,
                                       void* /*user_data*/) {
  const auto& stream = *static_cast<const Http2Stream*>(source->ptr);
  const std::size_t left = stream.response_left();
  *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (left <= bytes_max) *data_flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(std::min(left, bytes_max));
}

int Http2Callbacks::on_send_data(nghttp2_session*, nghttp2_frame* /*frame*/, const std::uint8_t* frame_header,
                                 std::size_t bytes, nghttp2_data_source* source, void* user_data) {
  constexpr std::size_t frame_header_bytes = 9;
  auto& stream = *static_cast<Http2Stream*>(source->ptr);
  std::string& output = self(user_data).output_;
  output.append(view(frame_header, frame_header_bytes));
  stream.take_response(bytes, output);
  stream.phase_bytes += bytes;
  return 0;
}

}  // namespace weir::net
