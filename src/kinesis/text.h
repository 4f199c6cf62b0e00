// Small helpers for UTF-8 text. Any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::kinesis {

// What Java calls the length of a string: UTF-16 units. Characters of four bytes take two.
[[nodiscard]] inline std::size_t utf16_units(std::string_view text) noexcept {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    units += (byte & 0xC0) != 0x80;
    units += byte >= 0xF0;
  }
  return units;
}

// The longest front part of `text` that has at most `bytes_max` bytes and ends with a whole character.
[[nodiscard]] inline std::string_view clip(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

}  // namespace weir::kinesis
