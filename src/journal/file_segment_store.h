// Segments as files of one directory: 00000000000000000007.segment, and a file "epoch" that remembers the highest epoch
// under which the lane was ever opened on this machine.
//
// A new segment gets its space under a temporary name, is synced, and renamed. prepare() writes zeros into it: on ext4
// a commit into blocks that hold zeros is several times faster than one into blocks that are only reserved, because no
// metadata changes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "env/core.h"
#include "env/task.h"
#include "journal/segment_store.h"

namespace weir::journal {

// Shared by all stores of one lane in one process, so that a store that was overtaken by a newer one stops at once, and
// the newer one waits for the write that the older one had under way: a file cannot refuse it any more.
// Any thread.
class LaneFence {
 public:
  // False, and no change, when `epoch` is not above what it was raised to before.
  [[nodiscard]] bool raise(Epoch epoch) noexcept;
  [[nodiscard]] bool admits(Epoch epoch) const noexcept { return highest_.load() <= epoch.value; }

  // False when the epoch was overtaken. Otherwise followed by end_write().
  [[nodiscard]] bool begin_write(Epoch epoch) noexcept;
  void end_write() noexcept { writes_.fetch_sub(1); }
  // After raise(), once this has been false: nothing is written under a lower epoch any more.
  [[nodiscard]] bool has_writes() const noexcept { return writes_.load() != 0; }

 private:
  std::atomic<std::uint64_t> highest_{0};
  std::atomic<std::uint64_t> writes_{0};  // under way
};

struct FileSegmentStoreOptions {
  // Of this lane alone, without a slash at the end. Created when missing; that its parent directory survives a loss of
  // power is the caller's business.
  std::string directory;
  LaneId lane;
  Epoch epoch;  // at least 1
  std::shared_ptr<LaneFence> fence = std::make_shared<LaneFence>();
  std::uint32_t open_files_max = 64;  // descriptors kept open; the least recently used one is closed
};

// Claims the epoch durably, waits for what an older store of this process still writes, and removes what an interrupted
// create or replace left behind. The caller holds the lock of the data directory: between processes that lock is the
// fence. The store belongs to `core`.
// Errors: fenced when the lane was opened under this epoch or a higher one; corrupt, unsupported (epoch file); io;
// no_space.
[[nodiscard]] env::Task<Result<std::unique_ptr<SegmentStore>>> open_file_segment_store(env::Core& core,
                                                                                       FileSegmentStoreOptions options);

// The number in a segment file's name; empty when `name` is not one.
[[nodiscard]] std::optional<SegmentNumber> segment_number_from_name(std::string_view name) noexcept;
[[nodiscard]] std::string segment_file_name(SegmentNumber number);

}  // namespace weir::journal
