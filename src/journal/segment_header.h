// The first sector of a segment: whose it is, and which batches came before it. Written, and durable, before the
// segment's first batch is.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "journal/format.h"

namespace weir::journal {

struct SegmentHeader {
  LaneId lane;
  SegmentNumber number;
  Epoch epoch;             // of the owner that wrote it
  std::uint64_t salt = 0;  // random; repeated in every batch of the segment
  WallTime created_at;
  std::uint64_t previous_batch = 0;  // the number of the lane's last batch before this segment
  bool rewritten = false;            // by trim: batches may be missing, those present keep their numbers
};

inline constexpr std::uint64_t segment_header_bytes = sector_bytes;
using SegmentHeaderBlock = std::array<std::byte, segment_header_bytes>;

[[nodiscard]] SegmentHeaderBlock encode_segment_header(const SegmentHeader& header) noexcept;
// Errors: corrupt, unsupported.
[[nodiscard]] Result<SegmentHeader> parse_segment_header(BytesView bytes);

}  // namespace weir::journal
