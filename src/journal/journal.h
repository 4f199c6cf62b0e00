// Journal: a lane's durable, ordered log of batches, with an index of which shard's records lie where.
//
// One batch is one durable write, whatever number of shards it holds. The journal lives in segments of a SegmentStore;
// recovery reads the open segment whole and only the footers of the sealed ones, so that it does not grow with what
// is retained. A batch becomes readable only after it is durable (invariant 3); every byte is checked before it is
// returned (invariant 5).
//
// Threading: everything on the lane's core.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "env/task.h"
#include "journal/fragment.h"
#include "journal/segment_store.h"

namespace weir::journal {

class JournalMetrics;

struct JournalOptions {
  LaneId lane;
  Epoch epoch;                                       // of this opening; at least 1, higher than any before
  std::uint64_t segment_bytes = 64 * mebibyte;       // a segment is sealed when the next batch would pass this
  std::uint64_t first_segment_bytes = 4 * mebibyte;  // segments start small and double, so that a new lane starts fast
  std::uint64_t tail_cache_bytes_max = 32 * mebibyte;
  std::uint64_t footer_cache_bytes_max = 8 * mebibyte;
  std::uint64_t space_reserve_bytes = 256 * mebibyte;  // commits are refused (no_space) below this much free disk
  JournalMetrics* metrics = nullptr;  // shared by all journals of a process, outlives them; may be null
};

// What a shard holds in this journal.
struct ShardBounds {
  RecordIndex first;
  RecordIndex last;
  WallTime first_arrival;
  WallTime last_arrival;
};

struct ReadRequest {
  ShardKey shard;
  RecordIndex from;               // the first record wanted; the next existing one serves as well
  WallTime not_before;            // records that arrived earlier are skipped (retention)
  std::uint32_t records_max = 0;  // at least 1
  std::uint64_t bytes_max = 0;    // of data and partition keys; the first record is returned even if it alone is larger
};

// A run of consecutive records of one stored fragment. `buffer` keeps the bytes alive.
struct FragmentSlice {
  std::shared_ptr<const void> buffer;
  FragmentView fragment;
  std::uint32_t skip = 0;   // records at the front that the reader did not ask for
  std::uint32_t count = 0;  // records after those
};

struct ReadResult {
  std::vector<FragmentSlice> slices;
  RecordIndex next;          // where to go on; past the last record when the end was reached
  bool reached_end = false;  // no durable record at or after `next`
  std::uint32_t record_count = 0;
  std::uint64_t payload_bytes = 0;
};

// How long each stream's records must be kept; consulted by trim().
class RetentionView {
 public:
  virtual ~RetentionView() = default;
  // Records of `shard` that arrived before this may go; WallTime::max() when the shard no longer exists.
  [[nodiscard]] virtual WallTime keep_from(ShardKey shard) const = 0;
};

struct TrimReport {
  std::uint64_t segments_removed = 0;
  std::uint64_t segments_rewritten = 0;  // mostly dead, pinned by a few long-retention shards: live extents copied
  std::uint64_t bytes_reclaimed = 0;
};

struct JournalStatistics {
  std::uint64_t segments = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t tail_cache_bytes = 0;
  std::uint64_t index_bytes = 0;
  std::uint64_t batches_committed = 0;
};

class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;

  // Recovers the lane's journal: takes the valid prefix of the open segment (a torn last batch is cut off, it was never
  // acknowledged), makes that prefix durable and seals it, reads the footers of the sealed segments. Damage anywhere
  // else is kept, reported, and read as `corrupt`. A full disk is no obstacle. Errors: corrupt, unsupported, io,
  // fenced.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<Journal>>> open(env::Core& core,
                                                                        std::unique_ptr<SegmentStore> store,
                                                                        const JournalOptions& options);

  // Writes stamped fragments (at least one) as one batch. When it returns success they are durable, indexed and
  // readable. Within a shard numbers rise from commit to commit; asserted. One commit at a time. Errors: no_space (disk
  // full) and limit_exceeded (more than a batch may hold, about 31 MiB): nothing was written, the journal goes on;
  // anything else: the outcome is unknown, the journal refuses further commits (unavailable) until recover().
  [[nodiscard]] virtual env::Task<Result<void>> commit(std::vector<Fragment> fragments) = 0;
  // After a failed commit: seals the segment at the last length known durable and goes on in a new one, so that
  // nothing in doubt is ever trusted. Reads go on meanwhile. May be called again after an error. On a disk without room
  // for a new segment it succeeds, and commits are refused until there is room. Errors: io, no_space, fenced.
  [[nodiscard]] virtual env::Task<Result<void>> recover() = 0;

  // Durable records from `request.from` on. From the tail cache, or one ranged read per extent. May return fewer than
  // asked for without having reached the end; at least one unless it has. Records whose bytes are damaged, or that lie
  // before the next ones in a part of the journal that is lost: corrupt, once those before them were returned.
  // Errors: corrupt, io.
  [[nodiscard]] virtual env::Task<Result<ReadResult>> read(ReadRequest request) = 0;
  // Empty when the shard holds no record (never written, or all trimmed).
  [[nodiscard]] virtual std::optional<ShardBounds> bounds(ShardKey shard) const = 0;
  // The first record that arrived at or after `time`, or one past the last. Arrival never falls within a shard.
  [[nodiscard]] virtual env::Task<Result<RecordIndex>> find_arrival(ShardKey shard, WallTime time) = 0;

  // Gives back the space of records that need no longer be kept: removes whole segments, rewrites mostly dead ones. An
  // open segment of which nothing need be kept is sealed and removed too, when no commit is in flight. May run beside
  // commits and reads, one trim at a time. What one trim fails to remove the next one tries again. Errors: io, fenced.
  [[nodiscard]] virtual env::Task<Result<TrimReport>> trim(const RetentionView& retention) = 0;

  [[nodiscard]] virtual JournalStatistics statistics() const noexcept = 0;
  // Seals nothing; waits for work in the background. No call may be in flight or follow. Must be called before the
  // journal is destroyed.
  [[nodiscard]] virtual env::Task<void> close() = 0;
};

}  // namespace weir::journal
