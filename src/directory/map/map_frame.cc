#include "directory/map/map_frame.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace weir::directory {
namespace {

constexpr std::string_view magic = "WMAP";
constexpr std::size_t kind_at = 4;
constexpr std::size_t version_at = 6;
constexpr std::size_t length_at = 8;
constexpr std::size_t checksum_at = 16;

std::uint32_t checksum_of(std::string_view bytes) noexcept {
  return crc32c(as_bytes(bytes.substr(map_frame_bytes)), crc32c(as_bytes(bytes.substr(0, checksum_at))));
}

}  // namespace

std::string make_frame(FrameKind kind, std::string_view payload) {
  std::string frame(map_frame_bytes, '\0');
  auto* const bytes = reinterpret_cast<std::byte*>(frame.data());
  frame.replace(0, magic.size(), magic);
  store_le<std::uint16_t>(bytes + kind_at, static_cast<std::uint16_t>(kind));
  store_le<std::uint16_t>(bytes + version_at, map_format_version);
  store_le<std::uint64_t>(bytes + length_at, payload.size());
  frame.append(payload);
  store_le<std::uint32_t>(reinterpret_cast<std::byte*>(frame.data()) + checksum_at, checksum_of(frame));
  return frame;
}

Result<std::string_view> open_frame(FrameKind kind, std::string_view bytes) {
  if (bytes.size() < map_frame_bytes) return fail(ErrorCode::corrupt, "a shard map is cut off in its first bytes");
  if (!bytes.starts_with(magic)) return fail(ErrorCode::corrupt, "these bytes are not a shard map");
  const auto* const header = reinterpret_cast<const std::byte*>(bytes.data());
  const auto length = load_le<std::uint64_t>(header + length_at);
  if (length != bytes.size() - map_frame_bytes) {
    return fail(ErrorCode::corrupt,
                fmt::format("a shard map of {} bytes has {}", length, bytes.size() - map_frame_bytes));
  }
  if (load_le<std::uint32_t>(header + checksum_at) != checksum_of(bytes)) {
    return fail(ErrorCode::corrupt, "a shard map fails its checksum");
  }
  const auto version = load_le<std::uint16_t>(header + version_at);
  if (version > map_format_version) {
    return fail(ErrorCode::unsupported,
                fmt::format("a shard map of format {}, this program knows {}", version, map_format_version));
  }
  if (load_le<std::uint16_t>(header + kind_at) != static_cast<std::uint16_t>(kind)) {
    return fail(ErrorCode::corrupt, "these bytes are of another kind than was asked for");
  }
  return bytes.substr(map_frame_bytes);
}

}  // namespace weir::directory
