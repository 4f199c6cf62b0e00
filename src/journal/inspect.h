// Describing a segment to a person who wants to know what is on his disk. Changes nothing, claims nothing, and goes as
// far as damage allows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "env/task.h"
#include "journal/batch.h"
#include "journal/batch_scanner.h"
#include "journal/footer.h"
#include "journal/segment_header.h"
#include "journal/segment_source.h"

namespace weir::journal {

struct SegmentInspection {
  std::uint64_t segment_bytes = 0;
  std::optional<SegmentHeader> header;  // as stored in the first sector
  std::string header_problem;           // when it is not there
  bool is_unused = false;               // its first sector is zeros, and nothing follows: made, but not begun
  std::optional<Trailer> trailer;
  std::optional<FooterSummary> footer;
  std::vector<std::vector<Extent>> lists;  // of the footer's shards, in order; empty where a list cannot be read
  std::string footer_problem;              // when there is a trailer but not all of the footer can be read
  bool is_sealed = false;

  // From the batches themselves.
  std::optional<ScanStop> scan;  // empty when nothing says which batches would be this segment's
  std::uint64_t batches = 0;
  std::uint64_t batches_damaged = 0;
  std::uint64_t first_batch = 0;
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  WallTime first_commit;
  WallTime last_commit;
  std::vector<Gap> gaps;
};

// Gets every batch in order; the bytes are there only for intact ones and only during the call. May be empty.
using BatchVisitor = std::function<void(const ScannedBatch&)>;

// Reads the whole segment. Memory: one batch and the footer. Errors: io.
[[nodiscard]] env::Task<Result<SegmentInspection>> inspect_segment(SegmentSource& source, BatchVisitor visitor);

// Several lines, each ending with a newline. `name`: what to call the segment.
[[nodiscard]] std::string describe_segment(const SegmentInspection& inspection, std::string_view name);
// One line.
[[nodiscard]] std::string describe_batch(const ScannedBatch& batch);
// One line for each record of an intact batch: shard, number, arrival, key, size.
[[nodiscard]] std::string describe_records(const ScannedBatch& batch);

}  // namespace weir::journal
