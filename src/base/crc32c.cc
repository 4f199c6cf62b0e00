#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace weir {

std::uint32_t crc32c(BytesView bytes, std::uint32_t seed) noexcept {
  // The library takes and gives the register without the inversions that CRC-32C puts at both ends, and its length is
  // an int.
  constexpr std::size_t piece_bytes_max = gibibyte;
  std::uint32_t state = ~seed;
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), piece_bytes_max);
    // The library only reads the buffer; its signature lacks the const.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(piece), state);
    bytes = bytes.subspan(piece);
  }
  return ~state;
}

}  // namespace weir
