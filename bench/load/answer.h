// Finds where an answer ends, and whether it is a good one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::bench {

enum class Protocol { http, redis };

// Collects the bytes of one answer at a time. The buffer keeps its capacity, so that a steady run allocates nothing.
class Answer {
 public:
  explicit Answer(Protocol protocol) noexcept : protocol_(protocol) {}

  // Room for at least `least` bytes more; written bytes are reported with `received`.
  [[nodiscard]] char* room(std::size_t least);
  [[nodiscard]] std::size_t room_bytes() const noexcept { return buffer_.size() - used_; }
  void received(std::size_t bytes) noexcept { used_ += bytes; }

  // True once a whole answer is there. Must be called after each `received`.
  [[nodiscard]] bool complete() noexcept;
  // Of a complete answer: 200 for HTTP, not an error for Redis, and `expected` (when not empty) somewhere in it.
  [[nodiscard]] bool good(std::string_view expected) const noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept { return end_; }
  [[nodiscard]] std::string_view text() const noexcept { return {buffer_.data(), end_}; }
  // Forgets the answer. Nothing may follow it: requests are not sent ahead.
  void clear() noexcept;

 private:
  void find_http_end() noexcept;
  void find_redis_end() noexcept;

  Protocol protocol_;
  std::string buffer_;
  std::size_t used_ = 0;
  std::size_t end_ = 0;  // 0: not known yet
};

}  // namespace weir::bench
