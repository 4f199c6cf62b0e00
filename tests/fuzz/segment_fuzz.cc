// Whatever a segment file holds, describing it, recovering from it and reading it must neither crash nor lie.
//
// The first byte of an input says how the rest is taken: as the bytes of a segment, or as changes to a sound one, with
// or without the checksums made right again afterwards (so that what lies behind them is reached).
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "journal/batch.h"
#include "journal/footer.h"
#include "journal/format.h"
#include "journal/fragment.h"
#include "journal/inspect.h"
#include "journal/recovery.h"
#include "tests/journal/memory_segment_store.h"
#include "tests/journal/segment_builder.h"

namespace weir::journal {
namespace {

using Bytes = std::vector<std::byte>;

Bytes sound_segment(bool sealed) {
  SegmentBuilder builder(SegmentHeader{LaneId{1}, SegmentNumber{1}, Epoch{1}, 0x5a5a, wall_time_ms(1), 0});
  builder.add_batch({1, 2, 3}, 1);
  builder.add_batch({2}, 5, 700);
  builder.add_batch({1, 2}, 9);
  builder.add_zeros(2048);
  if (sealed) builder.seal();
  return builder.bytes();
}

void repair(MutableBytes bytes, std::size_t checksum_at, std::size_t from, std::size_t to, std::uint32_t seed = 0) {
  store_le(bytes.data() + checksum_at, crc32c(BytesView(bytes).subspan(from, to - from), seed));
}

// Makes the checksums of everything right whose length can still be told.
void repair_checksums(Bytes& bytes) {
  if (bytes.size() < sector_bytes) return;
  repair(bytes, 508, 0, 508);
  if (bytes.size() >= sector_bytes + trailer_bytes) {
    const MutableBytes trailer = MutableBytes(bytes).last(trailer_bytes);
    const auto summary_at = load_le<std::uint64_t>(trailer.data() + 80);
    const std::uint64_t length = std::uint64_t{load_le<std::uint32_t>(trailer.data() + 96)} * 16 +
                                 std::uint64_t{load_le<std::uint32_t>(trailer.data() + 100)} * 96;
    if (summary_at < bytes.size() && length <= bytes.size() - summary_at) {
      store_le(trailer.data() + 104, crc32c(BytesView(bytes).subspan(summary_at, length)));
    }
    repair(trailer, trailer_bytes - 4, 0, trailer_bytes - 4);
  }
  for (std::size_t at = sector_bytes; at + batch_preview_bytes <= bytes.size(); at += sector_bytes) {
    const MutableBytes rest = MutableBytes(bytes).subspan(at);
    const auto preview = preview_batch(rest);
    if (!preview || preview->header_bytes > rest.size()) continue;
    for (std::size_t fragment = preview->header_bytes; fragment + 64 <= rest.size();) {
      const auto length = load_le<std::uint32_t>(rest.data() + fragment + 8);
      if (length < 64 || length % 8 != 0 || length > rest.size() - fragment) break;
      repair(rest.subspan(fragment, length), 0, 4, length);
      fragment += length;
    }
    repair(rest, 60, 64, preview->header_bytes, crc32c(BytesView(rest).first(60)));
  }
}

// Five bytes a change: two of place, one of kind, two of value.
void change(Bytes& bytes, BytesView changes) {
  for (; changes.size() >= 5 && !bytes.empty(); changes = changes.subspan(5)) {
    const std::size_t at = load_le<std::uint16_t>(changes.data()) % bytes.size();
    switch (static_cast<std::uint8_t>(changes[2]) % 4) {
      case 0: bytes[at] ^= changes[3]; break;
      case 1: bytes[at] = changes[3]; break;
      case 2: bytes.resize(at); break;
      default:
        if (at + 2 <= bytes.size()) store_le(bytes.data() + at, load_le<std::uint16_t>(changes.data() + 3));
    }
  }
}

// Everything that recovery put into the index can be looked at, and holds what the index says or is called corrupt.
void look_at(SegmentStore& store, const Recovered& recovered) {
  for (const auto& [number, segment] : recovered.segments) {
    for (const ShardKey shard : segment->shards) {
      const ShardRun* const run = recovered.index.run_from(shard, {0});
      if (run == nullptr || run->segment != number || run->extents != nullptr) continue;
      Bytes list(run->summary.list.length);
      if (!run_now(store.read(number, run->summary.list.offset, list))) continue;
      const auto extents = parse_extent_list(run->summary, list);
      if (!extents) continue;
      for (const Extent& extent : *extents) {
        Bytes stored(extent.length);
        const auto got = run_now(store.read(number, extent.offset, stored));
        if (!got || *got != extent.length) continue;
        std::vector<FragmentView> fragments;
        if (!parse_extent(shard, extent, stored, &fragments)) continue;
        for (const FragmentView& fragment : fragments) {
          fragment.for_each([](const RecordView& record) { return record.data.size() <= fragment_bytes_max; });
        }
      }
    }
  }
}

void recover(const Bytes& bytes) {
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}};
  MemorySegmentStore store(segments);
  Recovery first(store, JournalOptions{.lane = {1}, .epoch = {2}});
  const auto recovered = run_now(first.run());
  if (!recovered) return;
  look_at(store, *recovered);
  // Recovery left the segment sealed: the next one finds the same, from the footer.
  Recovery second(store, JournalOptions{.lane = {1}, .epoch = {3}});
  const auto again = run_now(second.run());
  WEIR_ASSERT(again.has_value());
  WEIR_ASSERT(again->last_batch == recovered->last_batch);
  WEIR_ASSERT(again->index.shard_count() == recovered->index.shard_count());
}

void inspect(const Bytes& bytes) {
  SegmentBytes source(bytes);
  std::string text;
  const auto found = run_now(inspect_segment(source, [&text](const ScannedBatch& batch) {
    text += describe_batch(batch);
    text += describe_records(batch);
  }));
  WEIR_ASSERT(found.has_value());
  text += describe_segment(*found, "input");
}

void parse_fragment(BytesView bytes) {
  const auto fragment = FragmentView::parse(bytes);
  if (!fragment) return;
  std::uint64_t payload = 0;
  fragment->for_each([&payload](const RecordView& record) {
    payload += record.partition_key.size() + record.data.size();
    return true;
  });
  WEIR_ASSERT(payload == fragment->payload_bytes());
}

}  // namespace
}  // namespace weir::journal

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  class Silence final : public weir::LogSink {
    void write(std::string_view) noexcept override {}
  };
  static Silence silence;
  weir::set_log_sink(&silence, nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::journal;
  static const Bytes sealed = sound_segment(true);
  static const Bytes open = sound_segment(false);
  if (size == 0) return 0;
  const weir::BytesView input(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const std::uint8_t mode = data[0];
  Bytes segment(input.begin(), input.end());
  if ((mode & 1) != 0) {
    segment = (mode & 4) != 0 ? sealed : open;
    change(segment, input);
  }
  if ((mode & 2) != 0) repair_checksums(segment);
  parse_fragment(input);
  inspect(segment);
  recover(segment);
  return 0;
}
