// Batch: the unit of commit. A header that says which shard's records lie where in it, then the fragments themselves,
// sorted by shard, then zeros up to the next sector. docs/format.md describes the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "journal/extent.h"
#include "journal/fragment.h"

namespace weir::journal {

// A run of one shard's records in one batch. `extent.offset` counts from the start of the batch.
struct BatchExtent {
  ShardKey shard;
  Extent extent;
  std::uint32_t fragment_count = 0;
};

struct BatchHeader {
  LaneId lane;
  Epoch epoch;
  std::uint64_t number = 0;  // rises by one per batch of the lane, for ever
  std::uint64_t salt = 0;    // of the segment; tells this segment's batches from anything else that lies on the disk
  WallTime committed_at;
  std::uint32_t header_bytes = 0;    // where the fragments begin
  std::uint32_t total_bytes = 0;     // padding included: a multiple of sector_bytes
  std::vector<BatchExtent> extents;  // in order of shard, one per shard
};

// What can be told from the first bytes of a batch, before its header is checked.
struct BatchPreview {
  std::uint64_t salt = 0;
  std::uint64_t number = 0;
  std::uint32_t header_bytes = 0;
};
inline constexpr std::size_t batch_preview_bytes = 64;

// Sorts `fragments` by shard (keeping each shard's order) and describes them as a batch: fills header_bytes,
// total_bytes and extents; lane, epoch, number, salt and time are the caller's. All fragments are stamped.
// Errors: limit_exceeded when the batch would pass batch_bytes_max.
[[nodiscard]] Result<BatchHeader> plan_batch(std::vector<Fragment>& fragments);

// The length of the header of a batch with so many extents.
[[nodiscard]] std::uint32_t batch_header_bytes(std::size_t extent_count) noexcept;

// Writes the header's stored form into `out`, replacing what it holds.
void encode_batch_header(const BatchHeader& header, std::vector<std::byte>& out);

// Empty when `bytes` cannot be the start of a batch. Looks at batch_preview_bytes.
[[nodiscard]] std::optional<BatchPreview> preview_batch(BytesView bytes) noexcept;

// Checks and decodes the header at the start of `bytes`, which holds at least its header_bytes.
// Errors: corrupt, unsupported.
[[nodiscard]] Result<BatchHeader> parse_batch_header(BytesView bytes);

// Checks that `bytes` holds exactly the fragments that `extent` promises. Appends their views to `fragments` unless it
// is null. Errors: corrupt, unsupported.
[[nodiscard]] Result<void> parse_extent(ShardKey shard, const Extent& extent, BytesView bytes,
                                        std::vector<FragmentView>* fragments);

// Checks every fragment of the batch whose header is `header` and whose bytes are `batch`. Errors: corrupt,
// unsupported.
[[nodiscard]] Result<void> check_batch(const BatchHeader& header, BytesView batch);

}  // namespace weir::journal
