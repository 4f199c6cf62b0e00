// Frames: bytes that say what they are, in which format, how long they are, and whether they are whole.
//
//   4 bytes   "WMAP"
//   2 bytes   kind
//   2 bytes   format version
//   8 bytes   length of the payload
//   4 bytes   CRC-32C of the 16 bytes above and the payload
//   payload
//
// All numbers little-endian. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::directory {

inline constexpr std::uint16_t map_format_version = 1;
inline constexpr std::size_t map_frame_bytes = 20;

enum class FrameKind : std::uint16_t { map = 1, delta = 2, saved_map = 3 };

[[nodiscard]] std::string make_frame(FrameKind kind, std::string_view payload);
// The payload: a view into `bytes`, which are one whole frame and nothing else. Errors: corrupt; unsupported for a
// sound frame of a newer format.
[[nodiscard]] Result<std::string_view> open_frame(FrameKind kind, std::string_view bytes);

}  // namespace weir::directory
