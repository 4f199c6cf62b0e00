// RunIndex: which segments hold a shard's records. For segments that have no footer yet it holds the extents too; for
// sealed ones only the summary, so that its size follows shards times segments and not records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "journal/batch.h"
#include "journal/extent.h"
#include "journal/footer.h"
#include "journal/journal.h"

namespace weir::journal {

// One shard's records in one segment.
struct ShardRun {
  SegmentNumber segment;
  ShardSummary summary;                          // `list` is empty until the segment is sealed
  std::unique_ptr<std::vector<Extent>> extents;  // until the segment is sealed, then null
};

// Adds `extent` to the end of what `run` covers.
void extend(ShardRun& run, const Extent& extent);

class RunIndex {
 public:
  // Adds what a batch at `batch_offset` of `segment` holds. Returns the number of shards that `segment` did not hold
  // before, through `new_shards`. Numbers must rise: asserted.
  void add_batch(SegmentNumber segment, std::uint64_t batch_offset, std::span<const BatchExtent> extents,
                 std::vector<ShardKey>& new_shards);
  // Adds a run at its place in the order of segments, replacing one of the same segment.
  void put(ShardRun run);
  void drop(SegmentNumber segment, std::span<const ShardKey> shards);

  // Null when there is none. The pointers hold until the next change.
  [[nodiscard]] ShardRun* run_in(SegmentNumber segment, ShardKey shard) noexcept;
  // The first run whose last record is at or after `from`.
  [[nodiscard]] const ShardRun* run_from(ShardKey shard, RecordIndex from) const noexcept;
  // The last run that begins before `before`.
  [[nodiscard]] const ShardRun* run_before(ShardKey shard, RecordIndex before) const noexcept;
  // The first run whose last record arrived at or after `time`.
  [[nodiscard]] const ShardRun* run_since(ShardKey shard, WallTime time) const noexcept;

  [[nodiscard]] std::optional<ShardBounds> bounds(ShardKey shard) const noexcept;
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return memory_bytes_; }
  [[nodiscard]] std::size_t shard_count() const noexcept { return shards_.size(); }
  // To be called after a run's extents were taken away.
  void account_taken(const std::vector<Extent>& extents) noexcept;

 private:
  using Runs = std::vector<ShardRun>;  // in order of segment, and so of record number

  [[nodiscard]] const Runs* find(ShardKey shard) const noexcept;
  void account(const ShardRun& run, bool added) noexcept;

  absl::flat_hash_map<ShardKey, Runs> shards_;
  std::uint64_t memory_bytes_ = 0;
};

}  // namespace weir::journal
