// Footer: the index of a sealed segment, stored behind its last batch. Recovery reads only the trailer, at the very end
// of the file, and the summary it points to; the extents of a shard are read when somebody reads the shard.
//
//   marker | extent list of each shard | gaps | summary of each shard | padding | trailer
//
// It begins and ends at sector boundaries. docs/format.md describes the bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "journal/extent.h"

namespace weir::journal {

// Where a shard's extent list lies in a sealed segment.
struct ExtentListPlace {
  std::uint64_t offset = 0;  // from the start of the segment
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
  std::uint32_t extent_count = 0;
};

// One shard's records in one segment.
struct ShardSummary {
  ShardKey shard;
  RecordIndex first;
  RecordIndex last;
  WallTime first_arrival;
  WallTime last_arrival;
  std::uint64_t record_count = 0;
  std::uint64_t payload_bytes = 0;  // data and partition keys
  std::uint64_t stored_bytes = 0;   // of the fragments
  std::uint64_t last_offset = 0;    // of the last extent
  ExtentListPlace list;
};

// A stretch of a segment in which batches were lost to damage. What they held is not known.
struct Gap {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const Gap&, const Gap&) = default;
};

struct Trailer {
  LaneId lane;
  SegmentNumber number;
  Epoch epoch;                          // as in the segment's header
  std::uint64_t salt = 0;               // as in the segment's header
  std::uint64_t previous_batch = 0;     // as in the segment's header
  bool rewritten = false;               // as in the segment's header
  WallTime created_at;                  // as in the segment's header
  std::uint64_t last_batch = 0;         // number; previous_batch when the segment holds none
  std::uint64_t last_batch_offset = 0;  // 0 when the segment holds none
  std::uint64_t footer_offset = 0;      // where the batches end and the footer begins
  std::uint64_t summary_offset = 0;     // of the gaps, which the summaries follow
  std::uint32_t gap_count = 0;
  std::uint32_t shard_count = 0;
  std::uint32_t summary_checksum = 0;  // of gaps and summaries
  std::uint64_t segment_bytes = 0;     // where the trailer, and with it the segment, ends
};
inline constexpr std::uint64_t trailer_bytes = 128;
inline constexpr std::uint64_t footer_marker_bytes = 32;

// One shard's share of a footer to be written. `summary.list` is filled by encode_footer.
struct FooterShard {
  ShardSummary summary;
  std::span<const Extent> extents;
};

// Builds a footer that begins at trailer.footer_offset, and fills the rest of `trailer`. `shards` are in rising order.
[[nodiscard]] std::vector<std::byte> encode_footer(Trailer& trailer, std::span<const Gap> gaps,
                                                   std::span<FooterShard> shards);

// `bytes`: the last trailer_bytes of a segment that is `segment_bytes` long. Checks that all it says lies within the
// segment. Errors: corrupt, unsupported.
[[nodiscard]] Result<Trailer> parse_trailer(BytesView bytes, std::uint64_t segment_bytes);

struct FooterSummary {
  std::vector<Gap> gaps;
  std::vector<ShardSummary> shards;  // in rising order
};
[[nodiscard]] std::uint64_t summary_bytes(const Trailer& trailer) noexcept;
// `bytes`: the summary_bytes(trailer) at trailer.summary_offset. Errors: corrupt.
[[nodiscard]] Result<FooterSummary> parse_summary(const Trailer& trailer, BytesView bytes);

// `bytes`: what `summary.list` points to. Checks the list against the summary. Errors: corrupt.
[[nodiscard]] Result<std::vector<Extent>> parse_extent_list(const ShardSummary& summary, BytesView bytes);

// A footer whose trailer is not at the end of the file, because the file was not cut yet, is found by its marker: the
// footer's whole length, or 0 when `bytes` do not begin with the marker of the segment with that salt.
[[nodiscard]] std::uint64_t footer_bytes_from_marker(BytesView bytes, std::uint64_t salt) noexcept;

}  // namespace weir::journal
