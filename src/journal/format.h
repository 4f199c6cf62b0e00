// Numbers that every part of the stored format shares. docs/format.md describes the bytes.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weir::journal {

// The version written into every header. A reader refuses what it does not know (ErrorCode::unsupported).
inline constexpr std::uint32_t format_version = 1;

// Batches start at multiples of this, so that no sector that was acknowledged as durable is ever written again.
inline constexpr std::uint64_t sector_bytes = 512;

// The largest stored fragment: the API admits 10 MiB of data and keys in a request; the rest is record headers.
inline constexpr std::uint64_t fragment_bytes_max = 12 * mebibyte;
// The largest batch, header included. A lane collects at most 16 MiB and then one more fragment.
inline constexpr std::uint64_t batch_bytes_max = 32 * mebibyte;
// The largest segment that may be asked for.
inline constexpr std::uint64_t segment_bytes_max = gibibyte;

}  // namespace weir::journal
