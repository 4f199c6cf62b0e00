// HttpDate: the value of the Date header, made once per second.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace weir::net {

// Belongs to one core.
class HttpDate {
 public:
  // "Mon, 23 Nov 2026 15:11:29 GMT" for `now`. Valid until the next call.
  [[nodiscard]] std::string_view text(WallTime now) noexcept;

 private:
  static constexpr std::size_t text_bytes = 29;
  std::int64_t unix_second_ = -1;
  std::array<char, text_bytes> text_{};
};

}  // namespace weir::net
