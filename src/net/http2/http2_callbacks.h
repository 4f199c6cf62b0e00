// What nghttp2 calls back with. Part of http2_connection; kept apart because its shape is a C library's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>

#include "net/http2/http2_connection.h"

namespace weir::net {

// Every function is called by nghttp2 from within receive() or fill_output() of the connection in `user_data`.
struct Http2Callbacks {
  [[nodiscard]] static nghttp2_session* make_session(Http2Connection& connection);

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_bytes,
                       const std::uint8_t* value, std::size_t value_bytes, std::uint8_t flags, void* user_data);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user_data);
  static int on_data(nghttp2_session*, std::uint8_t flags, std::int32_t stream_id, const std::uint8_t* data,
                     std::size_t bytes, void* user_data);
  static int on_stream_close(nghttp2_session*, std::int32_t stream_id, std::uint32_t error_code, void* user_data);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static ssize_t on_body_wanted(nghttp2_session*, std::int32_t stream_id, std::uint8_t* buffer, std::size_t bytes_max,
                                std::uint32_t* data_flags, nghttp2_data_source* source, void* user_data);
  static int on_send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_header, std::size_t bytes,
                          nghttp2_data_source* source, void* user_data);

 private:
  [[nodiscard]] static Http2Connection& self(void* user_data) noexcept {
    return *static_cast<Http2Connection*>(user_data);
  }
  // Null for a stream that was refused at its first header, or is gone.
  [[nodiscard]] static Http2Stream* find(void* user_data, std::int32_t stream_id) noexcept;
  [[nodiscard]] static int cut_off(Http2Connection& connection, Http2Connection::CutOff why) noexcept;
  [[nodiscard]] static int count_control_frame(Http2Connection& connection) noexcept;
  [[nodiscard]] static int on_request_frame(Http2Connection& connection, const nghttp2_frame& frame);
};

}  // namespace weir::net
