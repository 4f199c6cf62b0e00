// Http2Stream: one request of an HTTP/2 connection, from its first header to the last byte of its response.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/buffer_pool.h"
#include "net/http.h"
#include "net/memory_budget.h"

namespace weir::net {

struct HttpContext;

// Collects a request within the process's memory budget. The connection drives it; no I/O here.
class Http2Stream {
 public:
  enum class Phase : std::uint8_t {
    head,       // header fields arrive
    body,       // DATA arrives
    ready,      // whole; the handler has not been called yet
    handling,   // the handler runs
    response,   // the response goes out
    lingering,  // answered before the request was whole; the rest is dropped
  };

  // What a stream costs besides the bytes of its request: this object, nghttp2's own, a coroutine.
  static constexpr std::size_t overhead_bytes = 2 * kibibyte;

  Http2Stream(HttpContext& context, std::int32_t stream_id);

  // Takes the stream's overhead from the budget. False when it does not fit.
  [[nodiscard]] bool reserve();
  // Once the request is refused, nothing more is kept of it.
  void add_header(std::string_view name, std::string_view value);
  // Turns the header into request.method, path, query and headers, with :authority as "host".
  void finish_head();
  void add_body(BytesView bytes);
  // The request is whole: its body gets its place, with padding behind.
  void finish_body() noexcept;
  // Frees what the request holds, once its handler has ended.
  void release_request() noexcept;
  // The connection goes on on another core.
  void move_to(HttpContext& context) noexcept;
  void refuse(std::uint16_t status) noexcept;

  void set_response(HttpResponse with_response) noexcept;
  // Bytes of the response's body that have not been taken.
  [[nodiscard]] std::size_t response_left() const noexcept { return response_left_; }
  // Appends the next `bytes` of them, at most response_left().
  void take_response(std::size_t bytes, std::string& output);

  [[nodiscard]] std::uint64_t header_bytes() const noexcept { return header_bytes_; }

  const std::int32_t id;
  Phase phase = Phase::head;
  std::uint16_t refusal = 0;   // the status to answer with instead of calling the handler
  bool closed = false;         // nghttp2 knows it no longer
  bool request_ended = false;  // the peer has sent all of it
  MonotonicTime phase_began{};
  std::uint64_t phase_bytes = 0;  // moved since phase_began
  HttpRequest request;
  HttpResponse response;
  MemoryReservation response_memory;

 private:
  // A part of text_, which moves while it grows.
  struct Part {
    std::uint32_t at = 0;
    std::uint32_t bytes = 0;
  };
  [[nodiscard]] Part keep(std::string_view text);
  [[nodiscard]] std::string_view view(Part part) const noexcept {
    return std::string_view(text_).substr(part.at, part.bytes);
  }
  [[nodiscard]] bool make_body_room(std::size_t bytes);

  HttpContext* context_;
  MemoryReservation memory_;
  std::uint64_t header_bytes_ = 0;
  std::string text_;
  std::vector<std::pair<Part, Part>> fields_;
  Part method_;
  Part target_;
  std::optional<Part> authority_;
  PooledBuffer body_;
  std::size_t body_bytes_ = 0;
  std::array<std::byte, body_padding_bytes> empty_body_{};
  std::size_t response_left_ = 0;
  BytesView response_part_;               // what is left of the part that goes out
  std::size_t response_parts_begun_ = 0;  // of response.body_rest
};

}  // namespace weir::net
