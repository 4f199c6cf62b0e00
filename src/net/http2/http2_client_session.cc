#include "net/http2/http2_client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.h"

namespace weir::net {

namespace {

// What the server may send ahead of the reader: on one stream, and on all together.
constexpr std::int32_t stream_window_bytes = 4 * mebibyte;
constexpr std::int32_t connection_window_bytes = 32 * mebibyte;
constexpr std::uint32_t response_header_bytes_max = 64 * kibibyte;
// Room made at once for a body of known length; more only for bytes that have come. Room that is not used takes no
// memory.
constexpr std::uint64_t first_body_room_bytes = 16 * mebibyte;
constexpr std::uint16_t first_final_status = 200;

std::string_view view(const std::uint8_t* data, std::size_t bytes) noexcept {
  return {reinterpret_cast<const char*>(data), bytes};
}

nghttp2_nv header_pair(std::string_view name, std::string_view value) noexcept {
  // nghttp2 copies both; its interface merely lacks a const.
  return {.name = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data())),    // NOLINT
          .value = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data())),  // NOLINT
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

template <class Number>
Number number_of(std::string_view text) noexcept {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);  // nghttp2 has checked the grammar
  return number;
}

}  // namespace

// What nghttp2 calls back with, from within receive() or fill() of the session in `user_data`.
struct Http2ClientCallbacks {
  static Http2ClientSession& self(void* user_data) noexcept { return *static_cast<Http2ClientSession*>(user_data); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Exchange* const exchange = self(user_data).find(frame->hd.stream_id);
    if (exchange != nullptr && !exchange->head_received) exchange->response = {};  // what came was a 1xx
    return 0;
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_bytes,
                       const std::uint8_t* value, std::size_t value_bytes, std::uint8_t, void* user_data) {
    Http2Exchange* const exchange = self(user_data).find(frame->hd.stream_id);
    if (exchange != nullptr) {
      self(user_data).take_header(*exchange, view(name, name_bytes), view(value, value_bytes));
    }
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2ClientSession& session = self(user_data);
    if (frame->hd.type == NGHTTP2_SETTINGS) session.ready_ = true;
    if (frame->hd.type == NGHTTP2_GOAWAY) session.goaway_received_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Exchange* const exchange = session.find(frame->hd.stream_id);
    if (exchange == nullptr) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !exchange->head_received) session.take_head(*exchange);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) session.take_end(*exchange);
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream_id, const std::uint8_t* data,
                     std::size_t bytes, void* user_data) {
    Http2Exchange* const exchange = self(user_data).find(stream_id);
    if (exchange != nullptr) self(user_data).take_body(*exchange, as_bytes(view(data, bytes)));
    return 0;
  }
  static int on_stream_close(nghttp2_session*, std::int32_t stream_id, std::uint32_t error_code, void* user_data) {
    Http2Exchange* const exchange = self(user_data).find(stream_id);
    if (exchange != nullptr) self(user_data).take_stream_close(*exchange, error_code);
    return 0;
  }
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    Http2Exchange* const exchange = self(user_data).find(frame->hd.stream_id);
    if (exchange != nullptr) exchange->head_sent = true;
    return 0;
  }
  static ssize_t on_body_wanted(nghttp2_session*, std::int32_t stream_id, std::uint8_t*, std::size_t bytes_max,
                                std::uint32_t* data_flags, nghttp2_data_source*, void* user_data) {
    const Http2Exchange* const exchange = self(user_data).find(stream_id);
    if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // dropped; resets the stream
    const std::size_t left = exchange->request.body.size() - exchange->body_sent;
    *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left <= bytes_max) *data_flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(std::min(left, bytes_max));
  }
  static int on_send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_header, std::size_t bytes,
                          nghttp2_data_source*, void* user_data) {
    constexpr std::size_t frame_header_bytes = 9;
    Http2Exchange* const exchange = self(user_data).find(frame->hd.stream_id);
    if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    std::string& output = *self(user_data).output_;
    output.append(view(frame_header, frame_header_bytes));
    output.append(exchange->request.body, exchange->body_sent, bytes);
    exchange->body_sent += bytes;
    return 0;
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* callbacks = nullptr;
    WEIR_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, &on_send_data);
    return callbacks;
  }
  static nghttp2_option* make_options() {
    nghttp2_option* options = nullptr;
    WEIR_ASSERT(nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_closed_streams(options, 1);
    return options;
  }
};

Http2ClientSession::Http2ClientSession(const HttpClientOptions& options) : options_(options) {
  // Made once and never freed; every session copies what it needs.
  static nghttp2_session_callbacks* const callbacks = Http2ClientCallbacks::make();
  static nghttp2_option* const session_options = Http2ClientCallbacks::make_options();
  WEIR_ASSERT(nghttp2_session_client_new2(&session_, callbacks, this, session_options) == 0);
  const std::array<nghttp2_settings_entry, 3> entries{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, response_header_bytes_max},
  }};
  WEIR_ASSERT(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) == 0);
  WEIR_ASSERT(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window_bytes) == 0);
}

Http2ClientSession::~Http2ClientSession() { nghttp2_session_del(session_); }

void Http2ClientSession::submit(Http2Exchange& exchange) {
  const HttpClientRequest& request = exchange.request;
  const std::string length = std::to_string(request.body.size());
  std::vector<std::string> names;  // in lower case, as HTTP/2 wants them
  names.reserve(request.headers.size());
  std::vector<nghttp2_nv> headers{header_pair(":method", request.method),
                                  header_pair(":scheme", options_.tls == nullptr ? "http" : "https"),
                                  header_pair(":authority", options_.host), header_pair(":path", request.target),
                                  header_pair("content-length", length)};
  for (const auto& [name, value] : request.headers) {
    std::string& lower = names.emplace_back(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    headers.push_back(header_pair(lower, value));
  }
  nghttp2_data_provider body{.source = {.ptr = nullptr}, .read_callback = &Http2ClientCallbacks::on_body_wanted};
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(),
                                                 request.body.empty() ? nullptr : &body, nullptr);
  if (id < 0) {
    exchange.finish(fail(ErrorCode::unavailable, std::string("HTTP/2 takes no request: ") + nghttp2_strerror(id)));
    return;
  }
  exchange.stream_id = id;
  exchanges_.emplace(id, &exchange);
}

bool Http2ClientSession::drop(Http2Exchange& exchange) {
  const bool head_sent = exchange.head_sent;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, exchange.stream_id, NGHTTP2_CANCEL);
  forget(exchange);
  return head_sent;
}

void Http2ClientSession::fail_all(const Error& error) {
  std::vector<std::pair<std::int32_t, Http2Exchange*>> failed(exchanges_.begin(), exchanges_.end());
  std::ranges::sort(failed);  // a simulation wants them in the same order each time
  exchanges_.clear();
  response_bytes_ = 0;
  for (const auto& [id, exchange] : failed) {
    Error with_error = error;
    if (!exchange->head_sent) with_error.code = ErrorCode::unavailable;
    exchange->finish(std::unexpected(std::move(with_error)));
  }
}

Result<void> Http2ClientSession::receive(BytesView bytes) {
  const ssize_t taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return {};
  return fail(ErrorCode::corrupt,
              std::string("not HTTP/2, or not as it should be: ") + nghttp2_strerror(static_cast<int>(taken)));
}

Result<void> Http2ClientSession::fill(std::string& output, std::size_t bytes_wanted) {
  output_ = &output;
  while (output.size() < bytes_wanted) {
    const std::uint8_t* frames = nullptr;
    const std::size_t had = output.size();
    const ssize_t bytes = nghttp2_session_mem_send(session_, &frames);
    if (bytes < 0) {
      return fail(ErrorCode::internal, std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(bytes)));
    }
    output.append(view(frames, static_cast<std::size_t>(bytes)));
    if (output.size() == had) break;
  }
  return {};
}

void Http2ClientSession::ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

bool Http2ClientSession::has_room() const noexcept {
  const std::uint32_t streams_max =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return ready_ && !is_retired() && exchanges_.size() < streams_max;
}

bool Http2ClientSession::is_retired() const noexcept {
  constexpr std::uint32_t ids_per_request = 2;
  const std::uint32_t next = nghttp2_session_get_next_stream_id(session_);
  return goaway_received_ || next / ids_per_request >= options_.requests_per_connection_max;
}

bool Http2ClientSession::is_over() const noexcept {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

Http2Exchange* Http2ClientSession::find(std::int32_t stream_id) const noexcept {
  const auto found = exchanges_.find(stream_id);
  return found == exchanges_.end() ? nullptr : found->second;
}

void Http2ClientSession::forget(Http2Exchange& exchange) {
  exchanges_.erase(exchange.stream_id);
  response_bytes_ -= exchange.response.body.size();
}

void Http2ClientSession::finish(Http2Exchange& exchange, Result<HttpClientResponse> outcome) {
  forget(exchange);
  exchange.finish(std::move(outcome));
}

void Http2ClientSession::refuse_response(Http2Exchange& exchange, ErrorCode code, std::string why) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, exchange.stream_id, NGHTTP2_CANCEL);
  finish(exchange, fail(code, std::move(why)));
}

void Http2ClientSession::take_header(Http2Exchange& exchange, std::string_view name, std::string_view value) {
  exchange.header_bytes += name.size() + value.size();
  if (exchange.header_bytes > response_header_bytes_max) {
    refuse_response(exchange, ErrorCode::corrupt,
                    "response headers of more than " + std::to_string(response_header_bytes_max) + " bytes");
  } else if (exchange.head_received) {
    return;  // a trailer
  } else if (name == ":status") {
    exchange.response.status = number_of<std::uint16_t>(value);
  } else {
    exchange.response.headers.emplace_back(name, value);
  }
}

void Http2ClientSession::take_head(Http2Exchange& exchange) {
  if (exchange.response.status < first_final_status) return;
  exchange.head_received = true;
  const auto length = number_of<std::uint64_t>(exchange.response.header("content-length").value_or("0"));
  if (length <= options_.response_bytes_max) {
    exchange.response.body.reserve(static_cast<std::size_t>(std::min(length, first_body_room_bytes)));
  }
}

void Http2ClientSession::take_body(Http2Exchange& exchange, BytesView bytes) {
  if (exchange.response.body.size() + bytes.size() > options_.response_bytes_max) {
    refuse_response(exchange, ErrorCode::corrupt,
                    "response of more than " + std::to_string(options_.response_bytes_max) + " bytes");
  } else if (response_bytes_ + bytes.size() > options_.responses_bytes_max) {
    refuse_response(exchange, ErrorCode::closed,
                    "responses of more than " + std::to_string(options_.responses_bytes_max) + " bytes arrive at once");
  } else {
    exchange.response.body.append(as_text(bytes));
    response_bytes_ += bytes.size();
  }
}

void Http2ClientSession::take_end(Http2Exchange& exchange) {
  // A server that refuses a request answers before it has read all of it; the rest need not be sent.
  if (nghttp2_session_get_stream_local_close(session_, exchange.stream_id) == 0) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, exchange.stream_id, NGHTTP2_CANCEL);
  }
  forget(exchange);
  exchange.finish(std::move(exchange.response));
}

void Http2ClientSession::take_stream_close(Http2Exchange& exchange, std::uint32_t error_code) {
  const std::string name = nghttp2_http2_strerror(error_code);
  if (!exchange.head_sent) {
    finish(exchange, fail(ErrorCode::unavailable, "the request was not sent: " + name));
  } else if (error_code == NGHTTP2_REFUSED_STREAM) {  // also for what is beyond a GOAWAY
    finish(exchange, fail(ErrorCode::unavailable, "the server has not taken the request: " + name));
  } else {
    finish(exchange, fail(ErrorCode::closed, "the request was cut off: " + name));
  }
}

}  // namespace weir::net
