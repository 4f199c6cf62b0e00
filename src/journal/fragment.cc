#include "journal/fragment.h"

#include <array>
#include <string>

#include "base/assert.h"
#include "base/crc32c.h"
#include "journal/format.h"

namespace weir::journal {
namespace {

// Where each field of a fragment's header lies (docs/format.md, "Fragment").
constexpr std::size_t checksum_at = 0;  // of everything behind it
constexpr std::size_t magic_at = 4;
constexpr std::size_t version_at = 6;
constexpr std::size_t total_bytes_at = 8;
constexpr std::size_t record_count_at = 12;
constexpr std::size_t stream_at = 16;
constexpr std::size_t shard_at = 24;
constexpr std::size_t payload_bytes_at = 28;
constexpr std::size_t first_index_at = 32;
constexpr std::size_t arrival_at = 40;
constexpr std::size_t header_bytes = 64;  // 48 to 63: a producer's invocation id, zero until it is used

constexpr std::uint16_t fragment_magic = 0x4657;  // "WF"
constexpr std::size_t record_header_bytes = 8;
constexpr std::size_t hash_key_bytes = 16;
constexpr std::uint16_t flag_explicit_hash_key = 1;
constexpr std::size_t alignment = 8;

void append(std::vector<std::byte>& buffer, BytesView bytes) {
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
}

// The length of the record at the start of `bytes`, or 0 when it does not fit or breaks the grammar.
std::size_t record_length(BytesView bytes) noexcept {
  if (bytes.size() < record_header_bytes) return 0;
  const std::uint16_t flags = load_le<std::uint16_t>(bytes.data() + 6);
  if ((flags & ~flag_explicit_hash_key) != 0) return 0;
  const std::size_t length = record_header_bytes + load_le<std::uint16_t>(bytes.data() + 4) +
                             ((flags & flag_explicit_hash_key) != 0 ? hash_key_bytes : 0) +
                             load_le<std::uint32_t>(bytes.data());
  return length <= bytes.size() ? length : 0;
}

// Pads the encoded records and fills in what the header says of them; numbers, time and checksum come with stamp().
void seal_header(std::vector<std::byte>& buffer, std::uint32_t record_count, std::uint64_t payload_bytes) {
  buffer.resize(align_up(buffer.size(), alignment));
  WEIR_ASSERT_NOTE(buffer.size() <= fragment_bytes_max, "a fragment is larger than any request may be");
  store_le(buffer.data() + total_bytes_at, static_cast<std::uint32_t>(buffer.size()));
  store_le(buffer.data() + record_count_at, record_count);
  store_le(buffer.data() + payload_bytes_at, static_cast<std::uint32_t>(payload_bytes));
}

}  // namespace

ShardKey Fragment::shard() const noexcept {
  return {StreamId{load_le<std::uint64_t>(buffer_.data() + stream_at)},
          ShardIndex{load_le<std::uint32_t>(buffer_.data() + shard_at)}};
}

std::uint32_t Fragment::record_count() const noexcept {
  return load_le<std::uint32_t>(buffer_.data() + record_count_at);
}

Result<Fragment> Fragment::copy_of(BytesView bytes) {
  WEIR_TRY(const FragmentView view, FragmentView::parse(bytes));
  if (view.stored_bytes() > fragment_bytes_max) return fail(ErrorCode::corrupt, "fragment: larger than any may be");
  const BytesView stored = bytes.first(view.stored_bytes());
  return Fragment(std::vector<std::byte>(stored.begin(), stored.end()), view.payload_bytes());
}

void Fragment::keep_first(std::uint32_t count) {
  WEIR_ASSERT(count >= 1 && count <= record_count());
  std::size_t position = header_bytes;
  payload_bytes_ = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::byte* const record = buffer_.data() + position;
    payload_bytes_ += load_le<std::uint32_t>(record) + load_le<std::uint16_t>(record + 4);
    position += record_length(BytesView(buffer_).subspan(position));
  }
  buffer_.resize(position);
  seal_header(buffer_, count, payload_bytes_);
}

void Fragment::stamp(RecordIndex first, WallTime arrival) noexcept {
  store_le(buffer_.data() + first_index_at, first.value);
  store_le(buffer_.data() + arrival_at, static_cast<std::uint64_t>(unix_milliseconds(arrival)));
  store_le(buffer_.data() + checksum_at, crc32c(BytesView(buffer_).subspan(magic_at)));
}

RecordIndex Fragment::first_index() const noexcept { return {load_le<std::uint64_t>(buffer_.data() + first_index_at)}; }

WallTime Fragment::arrival() const noexcept {
  return wall_time_ms(static_cast<std::int64_t>(load_le<std::uint64_t>(buffer_.data() + arrival_at)));
}

FragmentView Fragment::view() const noexcept { return FragmentView::from_header(buffer_); }

FragmentBuilder::FragmentBuilder(ShardKey shard, std::uint32_t records_expected, std::uint64_t bytes_expected) {
  buffer_.reserve(header_bytes + (record_header_bytes + hash_key_bytes) * records_expected + bytes_expected +
                  alignment);
  buffer_.resize(header_bytes);
  store_le(buffer_.data() + magic_at, fragment_magic);
  store_le(buffer_.data() + version_at, static_cast<std::uint16_t>(format_version));
  store_le(buffer_.data() + stream_at, shard.stream.value);
  store_le(buffer_.data() + shard_at, shard.shard.value);
}

void FragmentBuilder::add(std::string_view partition_key, std::optional<HashKey> explicit_hash_key, BytesView data) {
  WEIR_ASSERT(partition_key.size() <= 0xffff && data.size() <= fragment_bytes_max);
  std::array<std::byte, record_header_bytes> header;
  store_le(header.data(), static_cast<std::uint32_t>(data.size()));
  store_le(header.data() + 4, static_cast<std::uint16_t>(partition_key.size()));
  store_le(header.data() + 6, explicit_hash_key ? flag_explicit_hash_key : std::uint16_t{0});
  append(buffer_, header);
  append(buffer_, as_bytes(partition_key));
  if (explicit_hash_key) {
    std::array<std::byte, hash_key_bytes> hash;
    store_le(hash.data(), static_cast<std::uint64_t>(explicit_hash_key->value));
    store_le(hash.data() + 8, static_cast<std::uint64_t>(explicit_hash_key->value >> 64));
    append(buffer_, hash);
  }
  append(buffer_, data);
  ++record_count_;
  payload_bytes_ += partition_key.size() + data.size();
}

Fragment FragmentBuilder::finish() && {
  WEIR_ASSERT(record_count_ > 0);
  seal_header(buffer_, record_count_, payload_bytes_);
  return Fragment(std::move(buffer_), payload_bytes_);
}

BytesView FragmentView::bytes() const noexcept { return {records_.data() - header_bytes, stored_bytes_}; }

FragmentView FragmentView::from_header(BytesView bytes) noexcept {
  const std::byte* const at = bytes.data();
  FragmentView view;
  view.shard_ = {StreamId{load_le<std::uint64_t>(at + stream_at)}, ShardIndex{load_le<std::uint32_t>(at + shard_at)}};
  view.first_index_ = {load_le<std::uint64_t>(at + first_index_at)};
  view.record_count_ = load_le<std::uint32_t>(at + record_count_at);
  view.arrival_ = wall_time_ms(static_cast<std::int64_t>(load_le<std::uint64_t>(at + arrival_at)));
  view.payload_bytes_ = load_le<std::uint32_t>(at + payload_bytes_at);
  view.stored_bytes_ = load_le<std::uint32_t>(at + total_bytes_at);
  view.records_ = bytes.subspan(header_bytes, view.stored_bytes_ - header_bytes);
  return view;
}

Result<FragmentView> FragmentView::parse(BytesView bytes) {
  if (bytes.size() < header_bytes) return fail(ErrorCode::corrupt, "fragment: cut off within its header");
  if (load_le<std::uint16_t>(bytes.data() + magic_at) != fragment_magic) {
    return fail(ErrorCode::corrupt, "fragment: bad magic");
  }
  const std::uint16_t version = load_le<std::uint16_t>(bytes.data() + version_at);
  const std::uint32_t total = load_le<std::uint32_t>(bytes.data() + total_bytes_at);
  if (total < header_bytes || total % alignment != 0 || total > bytes.size()) {
    return fail(ErrorCode::corrupt, "fragment: impossible length " + std::to_string(total));
  }
  const std::uint32_t checksum = load_le<std::uint32_t>(bytes.data() + checksum_at);
  if (crc32c(bytes.subspan(magic_at, total - magic_at)) != checksum) {
    return fail(ErrorCode::corrupt, "fragment: checksum does not match");
  }
  if (version != format_version) {
    return fail(ErrorCode::unsupported, "fragment: format version " + std::to_string(version));
  }
  const FragmentView view = from_header(bytes);
  if (!view.records_fit()) return fail(ErrorCode::corrupt, "fragment: records do not fill it");
  return view;
}

// True when the records lie one behind the other, their payload adds up, and only padding follows. This is what lets
// decode_next() go without checks.
bool FragmentView::records_fit() const noexcept {
  // Indexes stay below 2^63, so that a last index never wraps round.
  constexpr std::uint64_t index_end = std::uint64_t{1} << 63;
  if (record_count_ == 0 || first_index_.value >= index_end - record_count_) return false;
  std::size_t position = 0;
  std::uint64_t payload = 0;
  for (std::uint32_t i = 0; i < record_count_; ++i) {
    const BytesView rest = records_.subspan(position);
    const std::size_t length = record_length(rest);
    if (length == 0) return false;
    payload += load_le<std::uint32_t>(rest.data()) + load_le<std::uint16_t>(rest.data() + 4);
    position += length;
  }
  return payload == payload_bytes_ && records_.size() - position < alignment;
}

void FragmentView::decode_next(std::size_t& position, std::uint32_t ordinal, RecordView& record) const noexcept {
  const std::byte* at = records_.data() + position;
  const std::uint32_t data_bytes = load_le<std::uint32_t>(at);
  const std::uint16_t key_bytes = load_le<std::uint16_t>(at + 4);
  const std::uint16_t flags = load_le<std::uint16_t>(at + 6);
  at += record_header_bytes;
  record.index = {first_index_.value + ordinal};
  record.arrival = arrival_;
  record.partition_key = as_text({at, key_bytes});
  at += key_bytes;
  record.explicit_hash_key.reset();
  if ((flags & flag_explicit_hash_key) != 0) {
    const auto low = static_cast<unsigned __int128>(load_le<std::uint64_t>(at));
    const auto high = static_cast<unsigned __int128>(load_le<std::uint64_t>(at + 8));
    record.explicit_hash_key = HashKey{(high << 64) | low};
    at += hash_key_bytes;
  }
  record.data = {at, data_bytes};
  position = static_cast<std::size_t>(at - records_.data()) + data_bytes;
}

}  // namespace weir::journal
