#include "journal/segment_header.h"

#include <string>

#include "base/crc32c.h"

namespace weir::journal {
namespace {

// Where each field lies (docs/format.md, "Segment header").
constexpr std::size_t magic_at = 0;
constexpr std::size_t version_at = 8;
constexpr std::size_t lane_at = 12;
constexpr std::size_t number_at = 16;
constexpr std::size_t epoch_at = 24;
constexpr std::size_t salt_at = 32;
constexpr std::size_t created_at_at = 40;
constexpr std::size_t previous_batch_at = 48;
constexpr std::size_t flags_at = 56;  // 60 to 507 reserved
constexpr std::size_t checksum_at = segment_header_bytes - 4;

constexpr std::uint64_t segment_magic = 0x0047455352494557;  // "WEIRSEG\0"
constexpr std::uint32_t flag_rewritten = 1;

}  // namespace

SegmentHeaderBlock encode_segment_header(const SegmentHeader& header) noexcept {
  SegmentHeaderBlock block{};
  std::byte* const at = block.data();
  store_le(at + magic_at, segment_magic);
  store_le(at + version_at, format_version);
  store_le(at + lane_at, header.lane.value);
  store_le(at + number_at, header.number.value);
  store_le(at + epoch_at, header.epoch.value);
  store_le(at + salt_at, header.salt);
  store_le(at + created_at_at, static_cast<std::uint64_t>(unix_milliseconds(header.created_at)));
  store_le(at + previous_batch_at, header.previous_batch);
  store_le(at + flags_at, header.rewritten ? flag_rewritten : 0U);
  store_le(at + checksum_at, crc32c(BytesView(block).first(checksum_at)));
  return block;
}

Result<SegmentHeader> parse_segment_header(BytesView bytes) {
  if (bytes.size() < segment_header_bytes) return fail(ErrorCode::corrupt, "segment: cut off within its header");
  const std::byte* const at = bytes.data();
  if (load_le<std::uint64_t>(at + magic_at) != segment_magic) return fail(ErrorCode::corrupt, "segment: bad magic");
  if (crc32c(bytes.first(checksum_at)) != load_le<std::uint32_t>(at + checksum_at)) {
    return fail(ErrorCode::corrupt, "segment: header checksum does not match");
  }
  if (const auto version = load_le<std::uint32_t>(at + version_at); version != format_version) {
    return fail(ErrorCode::unsupported, "segment: format version " + std::to_string(version));
  }
  SegmentHeader header;
  header.lane = {load_le<std::uint32_t>(at + lane_at)};
  header.number = {load_le<std::uint64_t>(at + number_at)};
  header.epoch = {load_le<std::uint64_t>(at + epoch_at)};
  header.salt = load_le<std::uint64_t>(at + salt_at);
  header.created_at = wall_time_ms(static_cast<std::int64_t>(load_le<std::uint64_t>(at + created_at_at)));
  header.previous_batch = load_le<std::uint64_t>(at + previous_batch_at);
  header.rewritten = (load_le<std::uint32_t>(at + flags_at) & flag_rewritten) != 0;
  return header;
}

}  // namespace weir::journal
