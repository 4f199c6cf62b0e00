// An HTTP/2 client for tests: nghttp2's client session, alone or over a connection served in memory.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "net/http2/http2_connection.h"
#include "tests/net/http_test_support.h"

namespace weir::net {

// Bytes in, bytes out; the test moves them.
class Http2TestSession {
 public:
  struct Answer {
    std::string status;
    std::map<std::string, std::string> headers;
    std::string body;
    bool closed = false;
    std::uint32_t error_code = 0;
  };

  Http2TestSession() {
    nghttp2_session_callbacks* callbacks = nullptr;
    WEIR_ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
    WEIR_ASSERT(nghttp2_session_client_new(&session_, callbacks, this) == 0);
    nghttp2_session_callbacks_del(callbacks);
    WEIR_ASSERT(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0) == 0);
  }
  Http2TestSession(const Http2TestSession&) = delete;
  Http2TestSession& operator=(const Http2TestSession&) = delete;
  ~Http2TestSession() { nghttp2_session_del(session_); }

  // Queues a request; exchange() sends it. `complete` false leaves the stream open after the body.
  std::int32_t request(const std::string& path, std::string body = "",
                       const std::vector<std::pair<std::string, std::string>>& more = {}, bool complete = true,
                       const std::string& method = "POST") {
    std::vector<std::pair<std::string, std::string>> fields{
        {":method", method}, {":scheme", "http"}, {":authority", "here:4567"}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> headers;
    for (auto& [name, value] : fields) {
      headers.push_back({reinterpret_cast<std::uint8_t*>(name.data()), reinterpret_cast<std::uint8_t*>(value.data()),
                         name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    bodies_.push_back(std::make_unique<Body>(Body{std::move(body), 0, complete}));
    nghttp2_data_provider provider{.source = {.ptr = bodies_.back().get()}, .read_callback = &on_body_wanted};
    const bool has_body = !bodies_.back()->bytes.empty() || !complete;
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(),
                                                   has_body ? &provider : nullptr, nullptr);
    WEIR_ASSERT(id > 0);
    return id;
  }
  void reset(std::int32_t id) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL); }
  void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

  // What the client has to send now.
  std::string output() {
    std::string bytes;
    for (;;) {
      const std::uint8_t* data = nullptr;
      const ssize_t length = nghttp2_session_mem_send(session_, &data);
      if (length <= 0) return bytes;
      bytes.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
    }
  }
  static std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::string_view payload) {
    std::string bytes;
    for (const unsigned shift : {16U, 8U, 0U}) bytes.push_back(static_cast<char>(payload.size() >> shift & 0xffU));
    bytes.push_back(static_cast<char>(type));
    bytes.push_back(static_cast<char>(flags));
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      bytes.push_back(static_cast<char>(static_cast<std::uint32_t>(stream) >> shift & 0xffU));
    }
    return bytes.append(payload);
  }

  void input(std::string_view bytes) {
    look_for_goaway(bytes);
    const ssize_t taken =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    WEIR_ASSERT(taken == static_cast<ssize_t>(bytes.size()));
  }
  Answer& answer(std::int32_t id) { return answers_[id]; }
  bool went_away = false;
  std::uint32_t goaway_code = 0;
  std::size_t pongs = 0;

 private:
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
    bool complete = true;
  };

  // Looks for a GOAWAY without nghttp2, which stops listening to a server that acknowledges what it never sent.
  void look_for_goaway(std::string_view bytes) {
    received_.append(bytes);
    constexpr std::size_t frame_header_bytes = 9;
    while (received_.size() >= frame_header_bytes) {
      const auto byte = [this](std::size_t at) { return std::size_t{static_cast<unsigned char>(received_[at])}; };
      const std::size_t frame_bytes = frame_header_bytes + (byte(0) << 16U | byte(1) << 8U | byte(2));
      if (received_.size() < frame_bytes) return;
      if (byte(3) == NGHTTP2_GOAWAY) {
        went_away = true;
        goaway_code = static_cast<std::uint32_t>(byte(13) << 24U | byte(14) << 16U | byte(15) << 8U | byte(16));
      }
      received_.erase(0, frame_bytes);
    }
  }
  static Http2TestSession& self(void* user_data) { return *static_cast<Http2TestSession*>(user_data); }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_bytes,
                       const std::uint8_t* value, std::size_t value_bytes, std::uint8_t, void* user_data) {
    Answer& answer = self(user_data).answers_[frame->hd.stream_id];
    const std::string key(reinterpret_cast<const char*>(name), name_bytes);
    const std::string text(reinterpret_cast<const char*>(value), value_bytes);
    (key == ":status" ? answer.status : answer.headers[key]) = text;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t bytes,
                     void* user_data) {
    self(user_data).answers_[id].body.append(reinterpret_cast<const char*>(data), bytes);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user_data) {
    self(user_data).answers_[id].closed = true;
    self(user_data).answers_[id].error_code = error_code;
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) ++self(user_data).pongs;
    return 0;
  }
  static ssize_t on_body_wanted(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t bytes_max,
                                std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& body = *static_cast<Body*>(source->ptr);
    const std::size_t bytes = std::min(bytes_max, body.bytes.size() - body.sent);
    if (bytes == 0 && !body.complete) return NGHTTP2_ERR_DEFERRED;
    std::copy_n(body.bytes.begin() + static_cast<std::ptrdiff_t>(body.sent), bytes, buffer);
    body.sent += bytes;
    if (body.sent == body.bytes.size() && body.complete) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(bytes);
  }

  std::string received_;
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
  std::map<std::int32_t, Answer> answers_;
};

// The same, talking to an Http2Connection.
class Http2TestClient : public Http2TestSession {
 public:
  explicit Http2TestClient(HttpFixture& fixture) : served_(fixture) {}

  // Moves bytes both ways until neither side has more to say.
  void exchange() {
    for (bool moved = true; moved;) {
      const std::string out = output();
      const std::string in = served_.exchange(out);
      if (!in.empty()) input(in);
      moved = !out.empty() || !in.empty();
    }
  }
  // Frames that nghttp2 would not make.
  void send_raw(std::string_view bytes) {
    const std::string in = served_.exchange(bytes);
    if (!in.empty()) input(in);
  }
  ServedConnection<Http2Connection>& served() { return served_; }

 private:
  ServedConnection<Http2Connection> served_;
};

}  // namespace weir::net
