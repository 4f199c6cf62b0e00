// A request body with the padding that the server's transport gives it.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "kinesis/decode.h"

namespace weir::kinesis {

class Body {
 public:
  explicit Body(std::string_view text) : memory_(text.size() + body_padding_bytes, std::byte{'}'}) {
    std::memcpy(memory_.data(), text.data(), text.size());
    size_ = text.size();
  }
  [[nodiscard]] MutableBytes bytes() { return MutableBytes(memory_).first(size_); }

 private:
  std::vector<std::byte> memory_;
  std::size_t size_ = 0;
};

// Bytes written as hexadecimal digits; blanks are ignored.
inline std::string from_hex(std::string_view hex) {
  std::string out;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() == 2) {
      out += static_cast<char>(std::stoi(digits, nullptr, 16));
      digits.clear();
    }
  }
  return out;
}

}  // namespace weir::kinesis
