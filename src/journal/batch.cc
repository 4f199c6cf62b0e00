#include "journal/batch.h"

#include <algorithm>
#include <string>

#include "base/assert.h"
#include "base/crc32c.h"
#include "journal/format.h"

namespace weir::journal {
namespace {

// Where each field of a batch header lies (docs/format.md, "Batch").
constexpr std::size_t magic_at = 0;
constexpr std::size_t version_at = 4;
constexpr std::size_t header_bytes_at = 8;
constexpr std::size_t total_bytes_at = 12;
constexpr std::size_t epoch_at = 16;
constexpr std::size_t number_at = 24;
constexpr std::size_t salt_at = 32;
constexpr std::size_t committed_at_at = 40;
constexpr std::size_t lane_at = 48;
constexpr std::size_t extent_count_at = 52;
constexpr std::size_t checksum_at = 60;  // of the header and the table, this field left out; 56 to 59 reserved
constexpr std::size_t fixed_bytes = batch_preview_bytes;
constexpr std::size_t entry_bytes = 64;

constexpr std::uint32_t batch_magic = 0x54414257;  // "WBAT"

std::uint32_t header_checksum(BytesView header) noexcept {
  return crc32c(header.subspan(fixed_bytes), crc32c(header.first(checksum_at)));
}

void store_time(std::byte* to, WallTime time) noexcept {
  store_le(to, static_cast<std::uint64_t>(unix_milliseconds(time)));
}

WallTime load_time(const std::byte* from) noexcept {
  return wall_time_ms(static_cast<std::int64_t>(load_le<std::uint64_t>(from)));
}

void encode_entry(const BatchExtent& entry, std::byte* to) noexcept {
  store_le(to, entry.shard.stream.value);
  store_le(to + 8, entry.shard.shard.value);
  store_le(to + 12, entry.extent.record_count);
  store_le(to + 16, entry.extent.first.value);
  store_le(to + 24, entry.extent.last.value);
  store_time(to + 32, entry.extent.first_arrival);
  store_time(to + 40, entry.extent.last_arrival);
  store_le(to + 48, static_cast<std::uint32_t>(entry.extent.offset));
  store_le(to + 52, entry.extent.length);
  store_le(to + 56, entry.extent.payload_bytes);
  store_le(to + 60, entry.fragment_count);
}

BatchExtent decode_entry(const std::byte* from) noexcept {
  BatchExtent entry;
  entry.shard = {StreamId{load_le<std::uint64_t>(from)}, ShardIndex{load_le<std::uint32_t>(from + 8)}};
  entry.extent.record_count = load_le<std::uint32_t>(from + 12);
  entry.extent.first = {load_le<std::uint64_t>(from + 16)};
  entry.extent.last = {load_le<std::uint64_t>(from + 24)};
  entry.extent.first_arrival = load_time(from + 32);
  entry.extent.last_arrival = load_time(from + 40);
  entry.extent.offset = load_le<std::uint32_t>(from + 48);
  entry.extent.length = load_le<std::uint32_t>(from + 52);
  entry.extent.payload_bytes = load_le<std::uint32_t>(from + 56);
  entry.fragment_count = load_le<std::uint32_t>(from + 60);
  return entry;
}

// Whether the table describes extents of rising shards that fill the batch from its header to its padding.
bool table_is_sound(const BatchHeader& header) noexcept {
  std::uint64_t end = header.header_bytes;
  const ShardKey* previous = nullptr;
  for (const BatchExtent& entry : header.extents) {
    const Extent& extent = entry.extent;
    if (previous != nullptr && *previous >= entry.shard) return false;
    if (extent.offset != end || extent.length == 0 || extent.length % 8 != 0) return false;
    if (extent.first > extent.last || extent.record_count == 0) return false;
    if (extent.record_count - 1 > extent.last.value - extent.first.value) return false;
    end += extent.length;
    previous = &entry.shard;
  }
  return align_up(end, sector_bytes) == header.total_bytes;
}

}  // namespace

Result<BatchHeader> plan_batch(std::vector<Fragment>& fragments) {
  WEIR_ASSERT(!fragments.empty());
  // Numbers rise in the order in which the lane stamped a shard's fragments, so this keeps each shard's order.
  std::ranges::sort(fragments, [](const Fragment& a, const Fragment& b) {
    const auto by_shard = a.shard() <=> b.shard();
    return by_shard != 0 ? by_shard < 0 : a.first_index() < b.first_index();
  });
  BatchHeader header;
  std::uint64_t bytes = 0;
  for (const Fragment& fragment : fragments) {
    const std::uint64_t length = fragment.bytes().size();
    const RecordIndex last{fragment.first_index().value + fragment.record_count() - 1};
    if (header.extents.empty() || header.extents.back().shard != fragment.shard()) {
      header.extents.push_back({fragment.shard(),
                                {.first = fragment.first_index(), .first_arrival = fragment.arrival(), .offset = bytes},
                                0});
    } else {
      WEIR_ASSERT_NOTE(header.extents.back().extent.last < fragment.first_index(), "numbers must rise within a shard");
    }
    BatchExtent& entry = header.extents.back();
    entry.extent.last = last;
    entry.extent.last_arrival = fragment.arrival();
    entry.extent.length += static_cast<std::uint32_t>(length);
    entry.extent.record_count += fragment.record_count();
    entry.extent.payload_bytes += static_cast<std::uint32_t>(fragment.payload_bytes());
    ++entry.fragment_count;
    bytes += length;
    if (bytes > batch_bytes_max) break;
  }
  const std::uint32_t header_bytes = batch_header_bytes(header.extents.size());
  const std::uint64_t total = align_up(header_bytes + bytes, sector_bytes);
  if (total > batch_bytes_max) return fail(ErrorCode::limit_exceeded, "batch larger than batch_bytes_max");
  for (BatchExtent& entry : header.extents) entry.extent.offset += header_bytes;
  header.header_bytes = header_bytes;
  header.total_bytes = static_cast<std::uint32_t>(total);
  return header;
}

std::uint32_t batch_header_bytes(std::size_t extent_count) noexcept {
  return static_cast<std::uint32_t>(fixed_bytes + entry_bytes * extent_count);
}

void encode_batch_header(const BatchHeader& header, std::vector<std::byte>& out) {
  out.assign(header.header_bytes, std::byte{0});
  std::byte* const at = out.data();
  store_le(at + magic_at, batch_magic);
  store_le(at + version_at, format_version);
  store_le(at + header_bytes_at, header.header_bytes);
  store_le(at + total_bytes_at, header.total_bytes);
  store_le(at + epoch_at, header.epoch.value);
  store_le(at + number_at, header.number);
  store_le(at + salt_at, header.salt);
  store_time(at + committed_at_at, header.committed_at);
  store_le(at + lane_at, header.lane.value);
  store_le(at + extent_count_at, static_cast<std::uint32_t>(header.extents.size()));
  std::byte* entry = at + fixed_bytes;
  for (const BatchExtent& extent : header.extents) {
    encode_entry(extent, entry);
    entry += entry_bytes;
  }
  store_le(at + checksum_at, header_checksum(out));
}

std::optional<BatchPreview> preview_batch(BytesView bytes) noexcept {
  if (bytes.size() < fixed_bytes || load_le<std::uint32_t>(bytes.data() + magic_at) != batch_magic) return {};
  const std::uint32_t header_bytes = load_le<std::uint32_t>(bytes.data() + header_bytes_at);
  const std::uint64_t extents = load_le<std::uint32_t>(bytes.data() + extent_count_at);
  if (extents == 0 || header_bytes > batch_bytes_max || header_bytes != fixed_bytes + entry_bytes * extents) return {};
  return BatchPreview{load_le<std::uint64_t>(bytes.data() + salt_at), load_le<std::uint64_t>(bytes.data() + number_at),
                      header_bytes};
}

Result<BatchHeader> parse_batch_header(BytesView bytes) {
  const auto preview = preview_batch(bytes);
  if (!preview || bytes.size() < preview->header_bytes) return fail(ErrorCode::corrupt, "batch: no header here");
  const std::byte* const at = bytes.data();
  if (header_checksum(bytes.first(preview->header_bytes)) != load_le<std::uint32_t>(at + checksum_at)) {
    return fail(ErrorCode::corrupt, "batch: header checksum does not match");
  }
  if (const auto version = load_le<std::uint32_t>(at + version_at); version != format_version) {
    return fail(ErrorCode::unsupported, "batch: format version " + std::to_string(version));
  }
  BatchHeader header;
  header.lane = {load_le<std::uint32_t>(at + lane_at)};
  header.epoch = {load_le<std::uint64_t>(at + epoch_at)};
  header.number = preview->number;
  header.salt = preview->salt;
  header.committed_at = load_time(at + committed_at_at);
  header.header_bytes = preview->header_bytes;
  header.total_bytes = load_le<std::uint32_t>(at + total_bytes_at);
  const std::size_t count = load_le<std::uint32_t>(at + extent_count_at);
  header.extents.reserve(count);
  for (std::size_t i = 0; i < count; ++i) header.extents.push_back(decode_entry(at + fixed_bytes + i * entry_bytes));
  if (header.total_bytes > batch_bytes_max || !table_is_sound(header)) {
    return fail(ErrorCode::corrupt, "batch: the table of extents makes no sense");
  }
  return header;
}

Result<void> parse_extent(ShardKey shard, const Extent& extent, BytesView bytes, std::vector<FragmentView>* fragments) {
  if (bytes.size() != extent.length) return fail(ErrorCode::corrupt, "extent: cut off");
  std::size_t position = 0;
  std::uint64_t records = 0;
  std::uint64_t payload = 0;
  RecordIndex last{};
  while (position < bytes.size()) {
    WEIR_TRY(const FragmentView fragment, FragmentView::parse(bytes.subspan(position)));
    if (fragment.shard() != shard) return fail(ErrorCode::corrupt, "extent: holds another shard's records");
    const bool rises = position == 0 ? fragment.first_index() == extent.first : fragment.first_index() > last;
    if (!rises) return fail(ErrorCode::corrupt, "extent: record numbers do not follow");
    last = fragment.last_index();
    records += fragment.record_count();
    payload += fragment.payload_bytes();
    position += fragment.stored_bytes();
    if (fragments != nullptr) fragments->push_back(fragment);
  }
  if (last != extent.last || records != extent.record_count || payload != extent.payload_bytes) {
    return fail(ErrorCode::corrupt, "extent: does not hold what the index promises");
  }
  return {};
}

Result<void> check_batch(const BatchHeader& header, BytesView batch) {
  if (batch.size() < header.total_bytes) return fail(ErrorCode::corrupt, "batch: cut off");
  for (const BatchExtent& entry : header.extents) {
    WEIR_CHECK(
        parse_extent(entry.shard, entry.extent, batch.subspan(entry.extent.offset, entry.extent.length), nullptr));
  }
  return {};
}

}  // namespace weir::journal
