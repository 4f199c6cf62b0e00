#include "journal/footer.h"

#include <string>

#include "base/assert.h"
#include "base/crc32c.h"
#include "journal/format.h"
#include "journal/segment_header.h"
#include "journal/varint.h"

namespace weir::journal {
namespace {

constexpr std::uint64_t marker_magic = 0x544f4f4652494557;   // "WEIRFOOT"
constexpr std::uint64_t trailer_magic = 0x444e454752494557;  // "WEIRGEND"
constexpr std::size_t gap_bytes = 16;
constexpr std::size_t summary_entry_bytes = 96;
constexpr std::uint32_t flag_rewritten = 1;

std::uint64_t to_stored(WallTime time) noexcept { return static_cast<std::uint64_t>(unix_milliseconds(time)); }
WallTime to_time(std::uint64_t stored) noexcept { return wall_time_ms(static_cast<std::int64_t>(stored)); }

// Modulo 2^64, so that any two times that a disk may hold have one, and adding it back gives the first again.
std::int64_t difference(WallTime a, WallTime b) noexcept {
  return static_cast<std::int64_t>(to_stored(a) - to_stored(b));
}

// Writes fixed-width fields one behind the other.
class FieldWriter {
 public:
  explicit FieldWriter(std::byte* to) noexcept : at_(to) {}
  template <class T>
  FieldWriter& operator<<(T value) noexcept {
    store_le(at_, value);
    at_ += sizeof(T);
    return *this;
  }

 private:
  std::byte* at_;
};

class FieldReader {
 public:
  explicit FieldReader(const std::byte* from) noexcept : at_(from) {}
  std::uint64_t u64() noexcept { return take<std::uint64_t>(); }
  std::uint32_t u32() noexcept { return take<std::uint32_t>(); }
  WallTime time() noexcept { return to_time(u64()); }

 private:
  template <class T>
  T take() noexcept {
    const T value = load_le<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  const std::byte* at_;
};

void encode_extents(std::span<const Extent> extents, std::vector<std::byte>& out) {
  Extent previous;
  for (const Extent& extent : extents) {
    put_varint(out, extent.first.value - previous.last.value);
    put_varint(out, extent.last.value - extent.first.value);
    put_signed_varint(out, difference(extent.first_arrival, previous.last_arrival));
    put_signed_varint(out, difference(extent.last_arrival, extent.first_arrival));
    put_varint(out, extent.offset - previous.offset - previous.length);
    put_varint(out, extent.length);
    put_varint(out, extent.record_count);
    put_varint(out, extent.payload_bytes);
    previous = extent;
  }
}

void encode_summary(const ShardSummary& summary, std::byte* to) noexcept {
  FieldWriter(to) << summary.shard.stream.value << summary.shard.shard.value << summary.list.extent_count
                  << summary.first.value << summary.last.value << to_stored(summary.first_arrival)
                  << to_stored(summary.last_arrival) << summary.record_count << summary.payload_bytes
                  << summary.stored_bytes << summary.last_offset << summary.list.offset << summary.list.length
                  << summary.list.checksum;
}

ShardSummary decode_summary(const std::byte* from) noexcept {
  FieldReader in(from);
  ShardSummary summary;
  summary.shard.stream = {in.u64()};
  summary.shard.shard = {in.u32()};
  summary.list.extent_count = in.u32();
  summary.first = {in.u64()};
  summary.last = {in.u64()};
  summary.first_arrival = in.time();
  summary.last_arrival = in.time();
  summary.record_count = in.u64();
  summary.payload_bytes = in.u64();
  summary.stored_bytes = in.u64();
  summary.last_offset = in.u64();
  summary.list.offset = in.u64();
  summary.list.length = in.u32();
  summary.list.checksum = in.u32();
  return summary;
}

void encode_trailer(const Trailer& trailer, std::byte* to) noexcept {
  FieldWriter(to) << trailer_magic << format_version << trailer.lane.value << trailer.number.value
                  << trailer.epoch.value << trailer.salt << trailer.previous_batch << to_stored(trailer.created_at)
                  << trailer.last_batch << trailer.last_batch_offset << trailer.footer_offset << trailer.summary_offset
                  << trailer.segment_bytes << trailer.gap_count << trailer.shard_count << trailer.summary_checksum
                  << (trailer.rewritten ? flag_rewritten : 0U);
  store_le(to + trailer_bytes - 4, crc32c({to, trailer_bytes - 4}));
}

Trailer decode_trailer(const std::byte* from) noexcept {
  FieldReader in(from + 12);
  Trailer trailer;
  trailer.lane = {in.u32()};
  trailer.number = {in.u64()};
  trailer.epoch = {in.u64()};
  trailer.salt = in.u64();
  trailer.previous_batch = in.u64();
  trailer.created_at = in.time();
  trailer.last_batch = in.u64();
  trailer.last_batch_offset = in.u64();
  trailer.footer_offset = in.u64();
  trailer.summary_offset = in.u64();
  trailer.segment_bytes = in.u64();
  trailer.gap_count = in.u32();
  trailer.shard_count = in.u32();
  trailer.summary_checksum = in.u32();
  trailer.rewritten = (in.u32() & flag_rewritten) != 0;
  return trailer;
}

// Whether `place` lies within the footer's lists.
bool list_is_inside(const ExtentListPlace& place, const Trailer& trailer) noexcept {
  return place.offset >= trailer.footer_offset + footer_marker_bytes && place.offset <= trailer.summary_offset &&
         place.length <= trailer.summary_offset - place.offset;
}

}  // namespace

std::vector<std::byte> encode_footer(Trailer& trailer, std::span<const Gap> gaps, std::span<FooterShard> shards) {
  std::vector<std::byte> out(footer_marker_bytes);
  for (FooterShard& shard : shards) {
    const std::size_t start = out.size();
    encode_extents(shard.extents, out);
    const BytesView list = BytesView(out).subspan(start);
    shard.summary.list = {trailer.footer_offset + start, static_cast<std::uint32_t>(list.size()), crc32c(list),
                          static_cast<std::uint32_t>(shard.extents.size())};
  }
  const std::size_t summary_start = out.size();
  out.resize(summary_start + gaps.size() * gap_bytes + shards.size() * summary_entry_bytes);
  std::byte* to = out.data() + summary_start;
  for (const Gap& gap : gaps) {
    FieldWriter(to) << gap.offset << gap.length;
    to += gap_bytes;
  }
  for (const FooterShard& shard : shards) {
    encode_summary(shard.summary, to);
    to += summary_entry_bytes;
  }
  trailer.summary_offset = trailer.footer_offset + summary_start;
  trailer.gap_count = static_cast<std::uint32_t>(gaps.size());
  trailer.shard_count = static_cast<std::uint32_t>(shards.size());
  trailer.summary_checksum = crc32c(BytesView(out).subspan(summary_start));
  out.resize(align_up(out.size() + trailer_bytes, sector_bytes));
  trailer.segment_bytes = trailer.footer_offset + out.size();
  encode_trailer(trailer, out.data() + out.size() - trailer_bytes);
  FieldWriter(out.data()) << marker_magic << trailer.salt << static_cast<std::uint64_t>(out.size()) << 0U;
  store_le(out.data() + footer_marker_bytes - 4, crc32c(BytesView(out).first(footer_marker_bytes - 4)));
  return out;
}

Result<Trailer> parse_trailer(BytesView bytes, std::uint64_t segment_bytes) {
  if (bytes.size() != trailer_bytes || load_le<std::uint64_t>(bytes.data()) != trailer_magic) {
    return fail(ErrorCode::corrupt, "footer: no trailer here");
  }
  if (crc32c(bytes.first(trailer_bytes - 4)) != load_le<std::uint32_t>(bytes.data() + trailer_bytes - 4)) {
    return fail(ErrorCode::corrupt, "footer: trailer checksum does not match");
  }
  if (const auto version = load_le<std::uint32_t>(bytes.data() + 8); version != format_version) {
    return fail(ErrorCode::unsupported, "footer: format version " + std::to_string(version));
  }
  const Trailer trailer = decode_trailer(bytes.data());
  const bool places_fit = trailer.segment_bytes == segment_bytes && segment_bytes >= trailer_bytes &&
                          trailer.footer_offset >= segment_header_bytes && trailer.footer_offset % sector_bytes == 0 &&
                          trailer.last_batch_offset < trailer.footer_offset &&
                          trailer.last_batch_offset % sector_bytes == 0 &&
                          trailer.last_batch >= trailer.previous_batch && trailer.footer_offset < segment_bytes &&
                          trailer.summary_offset >= trailer.footer_offset + footer_marker_bytes &&
                          trailer.summary_offset <= segment_bytes - trailer_bytes &&
                          summary_bytes(trailer) <= segment_bytes - trailer_bytes - trailer.summary_offset;
  if (!places_fit) return fail(ErrorCode::corrupt, "footer: trailer points outside the segment");
  return trailer;
}

std::uint64_t summary_bytes(const Trailer& trailer) noexcept {
  return std::uint64_t{trailer.gap_count} * gap_bytes + std::uint64_t{trailer.shard_count} * summary_entry_bytes;
}

Result<FooterSummary> parse_summary(const Trailer& trailer, BytesView bytes) {
  if (bytes.size() != summary_bytes(trailer) || crc32c(bytes) != trailer.summary_checksum) {
    return fail(ErrorCode::corrupt, "footer: summary checksum does not match");
  }
  FooterSummary footer;
  footer.gaps.reserve(trailer.gap_count);
  footer.shards.reserve(trailer.shard_count);
  const std::byte* from = bytes.data();
  for (std::uint32_t i = 0; i < trailer.gap_count; ++i, from += gap_bytes) {
    footer.gaps.push_back({load_le<std::uint64_t>(from), load_le<std::uint64_t>(from + 8)});
  }
  for (std::uint32_t i = 0; i < trailer.shard_count; ++i, from += summary_entry_bytes) {
    const ShardSummary summary = decode_summary(from);
    const bool rises = footer.shards.empty() || footer.shards.back().shard < summary.shard;
    if (!rises || summary.first > summary.last || !list_is_inside(summary.list, trailer)) {
      return fail(ErrorCode::corrupt, "footer: summary makes no sense");
    }
    footer.shards.push_back(summary);
  }
  return footer;
}

Result<std::vector<Extent>> parse_extent_list(const ShardSummary& summary, BytesView bytes) {
  if (bytes.size() != summary.list.length || crc32c(bytes) != summary.list.checksum) {
    return fail(ErrorCode::corrupt, "footer: extent list checksum does not match");
  }
  // Eight numbers of at least one byte each: so a count that lies cannot make this reserve much.
  if (summary.list.extent_count > bytes.size() / 8) return fail(ErrorCode::corrupt, "footer: extent list too short");
  std::vector<Extent> extents;
  extents.reserve(summary.list.extent_count);
  VarintReader in(bytes);
  Extent previous;
  for (std::uint32_t i = 0; i < summary.list.extent_count; ++i) {
    Extent extent;
    extent.first = {previous.last.value + in.next()};
    extent.last = {extent.first.value + in.next()};
    extent.first_arrival = to_time(to_stored(previous.last_arrival) + static_cast<std::uint64_t>(in.next_signed()));
    extent.last_arrival = to_time(to_stored(extent.first_arrival) + static_cast<std::uint64_t>(in.next_signed()));
    extent.offset = previous.offset + previous.length + in.next();
    extent.length = static_cast<std::uint32_t>(in.next());
    extent.record_count = static_cast<std::uint32_t>(in.next());
    extent.payload_bytes = static_cast<std::uint32_t>(in.next());
    const bool rises = (i == 0 || extent.first > previous.last) && extent.last >= extent.first &&
                       extent.offset >= previous.offset && extent.length <= batch_bytes_max && extent.length != 0 &&
                       extent.record_count != 0;
    if (!in.ok() || !rises) return fail(ErrorCode::corrupt, "footer: extent list makes no sense");
    extents.push_back(extent);
    previous = extent;
  }
  const bool matches = in.at_end() && !extents.empty() && extents.front().first == summary.first &&
                       extents.back().last == summary.last && extents.back().offset == summary.last_offset &&
                       extents.back().offset + extents.back().length <= summary.list.offset;
  if (!matches) return fail(ErrorCode::corrupt, "footer: extent list does not match its summary");
  return extents;
}

std::uint64_t footer_bytes_from_marker(BytesView bytes, std::uint64_t salt) noexcept {
  if (bytes.size() < footer_marker_bytes || load_le<std::uint64_t>(bytes.data()) != marker_magic ||
      load_le<std::uint64_t>(bytes.data() + 8) != salt) {
    return 0;
  }
  const auto checksum = load_le<std::uint32_t>(bytes.data() + footer_marker_bytes - 4);
  if (crc32c(bytes.first(footer_marker_bytes - 4)) != checksum) return 0;
  return load_le<std::uint64_t>(bytes.data() + 16);
}

}  // namespace weir::journal
