#include "journal/segment.h"

#include <algorithm>
#include <array>

namespace weir::journal {

Trailer trailer_of(const Segment& segment) {
  Trailer trailer;
  trailer.lane = segment.header.lane;
  trailer.number = segment.header.number;
  trailer.epoch = segment.header.epoch;
  trailer.salt = segment.header.salt;
  trailer.previous_batch = segment.header.previous_batch;
  trailer.rewritten = segment.header.rewritten;
  trailer.created_at = segment.header.created_at;
  trailer.last_batch = segment.last_batch;
  trailer.last_batch_offset = segment.last_batch_offset;
  trailer.footer_offset = segment.tail_bytes;
  return trailer;
}

PreparedFooter prepare_footer(const Segment& segment, std::vector<const ShardRun*> runs) {
  std::ranges::sort(runs, {}, [](const ShardRun* run) { return run->summary.shard; });
  PreparedFooter footer;
  footer.trailer = trailer_of(segment);
  footer.shards.reserve(runs.size());
  for (const ShardRun* run : runs) footer.shards.push_back({run->summary, *run->extents});
  footer.bytes = encode_footer(footer.trailer, segment.gaps, footer.shards);
  return footer;
}

env::Task<Result<void>> write_footer(SegmentStore& store, Segment& segment, const PreparedFooter& footer,
                                     BytesView rewrite) {
  static constexpr std::array<std::byte, trailer_bytes> no_trailer{};
  const BytesView bytes(footer.bytes);
  const std::array<BytesView, 3> parts{rewrite, bytes.first(bytes.size() - trailer_bytes), BytesView(no_trailer)};
  const std::span<const BytesView> all(parts);
  WEIR_CO_CHECK(co_await store.append(segment.number(), segment.tail_bytes - rewrite.size(),
                                      rewrite.empty() ? all.subspan(1) : all));
  const std::array<BytesView, 1> last_sector{bytes.last(sector_bytes)};
  WEIR_CO_CHECK(co_await store.append(segment.number(), footer.trailer.segment_bytes - sector_bytes, last_sector));
  WEIR_CO_CHECK(co_await store.truncate(segment.number(), footer.trailer.segment_bytes));
  segment.stored_bytes = footer.trailer.segment_bytes;
  segment.is_sealed = true;
  co_return Result<void>{};
}

}  // namespace weir::journal
