// CRC-32C (Castagnoli), the checksum of everything Weir stores.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weir {

// The checksum of `bytes`, continuing from `seed` (the checksum of what came before; 0 to start), so that
// crc32c(b, crc32c(a)) == crc32c(a followed by b). Any thread.
[[nodiscard]] std::uint32_t crc32c(BytesView bytes, std::uint32_t seed = 0) noexcept;

}  // namespace weir
