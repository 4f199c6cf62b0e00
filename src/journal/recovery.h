// Recovery: from the bytes in a segment store to what the journal needs in memory, and to a state on disk from which
// nothing that anyone will see can be lost.
//
// No opening ever appends to a segment that an earlier one wrote. Recovery ends the segment that was open: it takes the
// batches that count (BatchScanner), writes the last of them again together with a footer behind it, durably, and cuts
// the rest off. The last batch is written again because it may only be in the page cache, and after a
// failed fsync of an earlier process even in a page that counts as clean. Everything before it was durable when it was
// written. docs/decisions/0010-seal-at-open.md has the reasons.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "env/task.h"
#include "journal/journal.h"
#include "journal/run_index.h"
#include "journal/segment.h"
#include "journal/segment_source.h"

namespace weir::journal {

struct RecoveryReport {
  std::uint64_t segments = 0;
  std::uint64_t segments_scanned = 0;
  std::uint64_t batches_scanned = 0;
  std::uint64_t batches_damaged = 0;
  std::uint64_t gaps = 0;
  std::uint64_t torn_tails = 0;
};

struct Recovered {
  SegmentMap segments;
  RunIndex index;
  std::vector<SegmentPointer> unsealed;  // complete and durable, but the disk had no room for a footer
  SegmentNumber highest;                 // number of any segment there is or was
  std::uint64_t last_batch = 0;
  RecoveryReport report;
};

// What a segment says of itself, from a few reads.
struct SegmentIdentity {
  SegmentStatus status;
  std::optional<SegmentHeader> header;  // from its header, else from its trailer, else from its first batch
  std::optional<Trailer> trailer;
};
// Errors: unsupported; corrupt when the segment is one of another lane or number; io.
[[nodiscard]] env::Task<Result<SegmentIdentity>> identify_segment(SegmentSource& source, LaneId lane,
                                                                  SegmentStatus status);

// What is known of a segment's last batch before its batches are looked at.
struct LastBatch {
  std::optional<std::uint64_t> number;  // none after it counts; all up to it were durable
  bool is_here = false;                 // it was in this very segment
};

// A segment's content, as the index wants it.
struct SegmentContent {
  SegmentPointer segment;
  std::vector<ShardRun> runs;  // in order of shard; with extents when it was scanned, without when it has a footer
};
// From the footer. Errors: corrupt, io.
[[nodiscard]] env::Task<Result<SegmentContent>> load_sealed_segment(SegmentSource& source,
                                                                    const SegmentIdentity& identity);

class Recovery {
 public:
  Recovery(SegmentStore& store, const JournalOptions& options) noexcept : store_(store), options_(options) {}
  // Once. Errors: corrupt, unsupported, io, fenced.
  [[nodiscard]] env::Task<Result<Recovered>> run();

 private:
  [[nodiscard]] env::Task<Result<void>> identify_all();
  [[nodiscard]] env::Task<Result<void>> drop_unused();
  [[nodiscard]] env::Task<Result<void>> take(const SegmentIdentity& identity, LastBatch last_batch, bool is_newest);
  [[nodiscard]] env::Task<Result<SegmentContent>> scan(SegmentWindow& window, const SegmentIdentity& identity,
                                                       LastBatch last_batch, BytesView& rewrite);
  [[nodiscard]] env::Task<Result<void>> scan_and_seal(const SegmentIdentity& identity, LastBatch last_batch,
                                                      bool is_newest);
  [[nodiscard]] env::Task<Result<void>> make_tail_durable(const SegmentIdentity& identity);
  [[nodiscard]] Result<void> install(SegmentContent content);
  void keep_unreadable(const SegmentStatus& status);

  SegmentStore& store_;
  JournalOptions options_;
  std::vector<SegmentIdentity> found_;
  Recovered recovered_;
};

}  // namespace weir::journal
