// TailCache: the most recent batches as they were committed, so that readers near the tail never touch the disk.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/ids.h"
#include "journal/batch.h"
#include "journal/fragment.h"

namespace weir::journal {

// A committed batch. Readers share it; it lives as long as anyone holds a slice of it.
class CachedBatch {
 public:
  CachedBatch(std::vector<Fragment> fragments, std::span<const BatchExtent> extents);

  // The fragments of the extent that begins `offset` bytes into the batch; empty when none begins there.
  [[nodiscard]] std::span<const Fragment> fragments_at(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return memory_bytes_; }

 private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t first_fragment = 0;
    std::uint32_t fragment_count = 0;
  };
  std::vector<Fragment> fragments_;
  std::vector<Place> places_;
  std::uint64_t memory_bytes_;
};

class TailCache {
 public:
  explicit TailCache(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  // Adds the lane's newest batch, which lies at `offset` of `segment`; drops the oldest ones beyond bytes_max.
  void add(SegmentNumber segment, std::uint64_t offset, std::shared_ptr<const CachedBatch> batch);
  struct Hit {
    std::shared_ptr<const CachedBatch> batch;  // null when the extent is not cached
    std::span<const Fragment> fragments;
  };
  // `offset`: of an extent in `segment`.
  [[nodiscard]] Hit find(SegmentNumber segment, std::uint64_t offset) const;
  // Forgets a segment that was removed or has new contents.
  void drop(SegmentNumber segment);
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct Entry {
    SegmentNumber segment;
    std::uint64_t offset = 0;
    std::shared_ptr<const CachedBatch> batch;
  };
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::deque<Entry> entries_;  // in order of segment and offset
};

}  // namespace weir::journal
