// Base64: the standard alphabet, padded, no blanks, no spare bits. SSE at several gigabytes a second, since every
// record of a JSON request passes through here twice. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace weir {

[[nodiscard]] constexpr std::size_t base64_encoded_size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

// Writes base64_encoded_size(data.size()) characters at `out`.
void base64_encode(BytesView data, char* out) noexcept;

enum class Base64Fault : std::uint8_t {
  none,
  length,      // not a multiple of four
  character,   // outside the alphabet, or a '=' that is not at the end; `position` is its place
  spare_bits,  // the last character before the padding holds bits that no byte takes, or there is too much padding
};

struct Base64Decoded {
  Base64Fault fault = Base64Fault::none;
  std::size_t size = 0;      // bytes decoded to `out`; after a fault a multiple of three
  std::size_t position = 0;  // of the faulty character
};

// Decodes `text` to `out`, which may be text.data() itself: decoding in place is what this is for. At most text.size()
// bytes at `out` are written. After a fault the text from character base64_encoded_size(size) on is as it was.
[[nodiscard]] Base64Decoded base64_decode(std::string_view text, std::byte* out) noexcept;

}  // namespace weir
