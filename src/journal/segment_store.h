// SegmentStore: where one lane's segments live. Two implementations: files (one machine) and, later, RADOS objects.
//
// Fencing: a store is opened under an epoch. Once a store has been opened under a higher epoch, every write and
// removal under a lower one fails whole with `fenced` and changes nothing (design, section 4; engine reference,
// section 6). Guarded append: a write names the exact length it expects the segment to have.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "env/file.h"
#include "env/task.h"

namespace weir::journal {

// What the store knows of a segment without looking inside.
struct SegmentStatus {
  SegmentNumber number;
  std::uint64_t allocated_bytes = 0;  // for a file: its size, preallocated zeros included
};

// Belongs to one core. All offsets are from the start of the segment.
class SegmentStore {
 public:
  SegmentStore() = default;
  SegmentStore(const SegmentStore&) = delete;
  SegmentStore& operator=(const SegmentStore&) = delete;
  virtual ~SegmentStore() = default;

  // All segments of the lane in rising order.
  [[nodiscard]] virtual env::Task<Result<std::vector<SegmentStatus>>> list() = 0;
  // Makes an empty, durable segment with its space reserved; it reads as zeros.
  // Errors: already_exists, no_space, fenced, io.
  [[nodiscard]] virtual env::Task<Result<void>> create(SegmentNumber number, std::uint64_t capacity_bytes) = 0;
  // Makes later appends into a part of a segment cheap. Only the cost of appends depends on it. To be called before the
  // segment's first append. Errors: io, no_space, fenced.
  [[nodiscard]] virtual env::Task<Result<void>> prepare(SegmentNumber number, std::uint64_t offset,
                                                        std::uint64_t bytes) = 0;
  // Writes `parts` at `offset` and returns when they are durable. One append to a segment at a time. After any error
  // the outcome is unknown and the lane must recover before it appends again. Errors: io, no_space, fenced.
  [[nodiscard]] virtual env::Task<Result<void>> append(SegmentNumber number, std::uint64_t offset,
                                                       std::span<const BytesView> parts) = 0;
  // Reads up to out.size() bytes; fewer only at the end of the segment. Errors: not_found, io.
  [[nodiscard]] virtual env::Task<Result<std::size_t>> read(SegmentNumber number, std::uint64_t offset,
                                                            MutableBytes out) = 0;
  // Cuts the segment to `length_bytes` (gives preallocated space back), durably.
  [[nodiscard]] virtual env::Task<Result<void>> truncate(SegmentNumber number, std::uint64_t length_bytes) = 0;
  // Replaces a sealed segment by new content in one durable step; readers see the old or the new, never a mixture.
  // After an error the old content is in place.
  [[nodiscard]] virtual env::Task<Result<void>> replace(SegmentNumber number, std::span<const BytesView> parts) = 0;
  // Removes the segment and gives its space back. Removing a missing one is no error. Errors: fenced, io.
  [[nodiscard]] virtual env::Task<Result<void>> remove(SegmentNumber number) = 0;
  [[nodiscard]] virtual env::Task<Result<env::DiskSpace>> space() = 0;
};

}  // namespace weir::journal
