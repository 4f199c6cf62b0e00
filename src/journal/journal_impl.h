// JournalImpl: the one implementation of Journal. Its parts: journal_commit.cc (commit, roll, seal, recover),
// journal_read.cc, journal_trim.cc.
//
// Life of a segment: prepared (full of zeros, nobody knows it) -> open (its header is durable; batches are appended) ->
// unsealed (complete; its extents are in memory) -> sealed (has a footer) -> removed or rewritten by trim.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "env/core.h"
#include "env/event.h"
#include "env/task_group.h"
#include "journal/extent_list_cache.h"
#include "journal/journal.h"
#include "journal/metrics.h"
#include "journal/recovery.h"
#include "journal/run_index.h"
#include "journal/segment.h"
#include "journal/tail_cache.h"

namespace weir::journal {

class ReadAssembler;

class JournalImpl final : public Journal {
 public:
  JournalImpl(env::Core& core, std::unique_ptr<SegmentStore> store, const JournalOptions& options, Recovered recovered);

  // Begins to prepare the first segment. Once, after construction.
  void start();

  env::Task<Result<void>> commit(std::vector<Fragment> fragments) override;
  env::Task<Result<void>> recover() override;
  env::Task<Result<ReadResult>> read(ReadRequest request) override;
  [[nodiscard]] std::optional<ShardBounds> bounds(ShardKey shard) const override { return index_.bounds(shard); }
  env::Task<Result<RecordIndex>> find_arrival(ShardKey shard, WallTime time) override;
  env::Task<Result<TrimReport>> trim(const RetentionView& retention) override;
  [[nodiscard]] JournalStatistics statistics() const noexcept override;
  env::Task<void> close() override;

 private:
  struct PreparedSegment {
    SegmentNumber number;
    std::uint64_t capacity_bytes = 0;
  };
  // Some extents of a shard, in one segment, and what keeps them alive.
  struct FoundExtents {
    SegmentPointer segment;  // null when there are none
    std::span<const Extent> extents;
    ExtentList list;
    std::vector<Extent> copies;
    RecordIndex skipped_to;    // nothing before this is to be returned
    bool follows_gap = false;  // batches are lost between the record asked for and the first extent
  };
  // The tail is what commit, roll, recover and the sealing of an idle segment change: one of them at a time.
  class TailGuard {
   public:
    explicit TailGuard(JournalImpl& journal) noexcept : journal_(journal) { journal_.tail_is_busy_ = true; }
    TailGuard(const TailGuard&) = delete;
    TailGuard& operator=(const TailGuard&) = delete;
    ~TailGuard() {
      journal_.tail_is_busy_ = false;
      journal_.tail_is_free_.notify_one();
    }

   private:
    JournalImpl& journal_;
  };

  // journal_commit.cc
  [[nodiscard]] env::Task<Result<void>> commit_locked(std::vector<Fragment> fragments);
  [[nodiscard]] env::Task<Result<void>> make_room(std::uint64_t bytes);
  [[nodiscard]] env::Task<Result<void>> roll();
  [[nodiscard]] env::Task<Result<void>> check_space(std::uint64_t bytes);
  [[nodiscard]] env::Task<Result<PreparedSegment>> take_prepared();
  [[nodiscard]] env::Task<void> stop_preparing();
  [[nodiscard]] env::Task<Result<PreparedSegment>> create_and_prepare();
  [[nodiscard]] env::Task<Result<PreparedSegment>> create_segment();
  [[nodiscard]] env::Task<Result<void>> remove_abandoned();
  [[nodiscard]] env::Task<void> prepare_next();
  [[nodiscard]] env::Task<Result<void>> seal_pending();
  [[nodiscard]] env::Task<Result<void>> seal(SegmentPointer segment);
  [[nodiscard]] env::Task<void> seal_in_background();
  [[nodiscard]] env::Task<Result<void>> recover_locked();
  void gather(const BatchHeader& header, std::span<const Fragment> fragments);
  void publish(const BatchHeader& header, std::vector<Fragment> fragments);
  void stop(const Error& error);

  // journal_read.cc
  [[nodiscard]] env::Task<Result<FoundExtents>> find_extents(const ReadRequest& request, const ReadAssembler& out);
  [[nodiscard]] env::Task<Result<void>> read_extents(const FoundExtents& found, ShardKey shard, ReadAssembler& out,
                                                     std::uint32_t& disk_reads);
  [[nodiscard]] env::Task<Result<std::size_t>> read_group(const FoundExtents& found, std::size_t first, ShardKey shard,
                                                          ReadAssembler& out);
  [[nodiscard]] env::Task<Result<ExtentList>> load_list(SegmentPointer segment, ShardSummary summary);
  [[nodiscard]] env::Task<Result<std::optional<RecordIndex>>> find_arrival_in(SegmentPointer segment, ShardKey shard,
                                                                              Extent extent, WallTime time);
  [[nodiscard]] bool gap_between(SegmentNumber from_segment, std::uint64_t from_offset, SegmentNumber to_segment,
                                 std::uint64_t to_offset) const;
  [[nodiscard]] bool follows_gap(ShardKey shard, const Segment& segment, std::span<const Extent> list,
                                 std::size_t position) const;
  [[nodiscard]] std::unexpected<Error> corrupt_read(const Segment& segment, ShardKey shard, std::string_view why);
  [[nodiscard]] env::Task<void> wait_while_replaced(SegmentPointer segment);

  // journal_trim.cc
  struct Usage {
    std::uint64_t live_bytes = 0;
    std::uint64_t dead_bytes = 0;
  };
  [[nodiscard]] Usage usage_of(const Segment& segment, const RetentionView& retention);
  [[nodiscard]] env::Task<Result<void>> release_tail(const RetentionView& retention);
  [[nodiscard]] env::Task<Result<void>> remove_segment(SegmentPointer segment, TrimReport& report);
  [[nodiscard]] env::Task<Result<void>> rewrite_segment(SegmentPointer segment, const RetentionView& retention,
                                                        TrimReport& report);
  [[nodiscard]] env::Task<Result<void>> retry_removals();

  env::Core& core_;
  std::unique_ptr<SegmentStore> store_;
  JournalOptions options_;
  JournalMetrics* metrics_;

  SegmentMap segments_;  // all that readers may be sent to; the newest may be open
  RunIndex index_;
  TailCache tail_cache_;
  ExtentListCache list_cache_;
  bool has_gaps_;

  SegmentPointer current_;  // the open segment; null until the first commit, and when one cannot be made
  std::optional<PreparedSegment> prepared_;
  std::vector<SegmentPointer> unsealed_;  // oldest first; at most one, besides those that recovery had no room for
  std::vector<SegmentNumber> abandoned_;  // made or begun, never to be used; gone before the next one is made
  std::vector<SegmentNumber> to_remove_;  // trimmed, but the store failed to remove them
  SegmentNumber highest_;                 // number ever given out
  std::uint64_t last_batch_ = 0;
  std::uint64_t next_capacity_bytes_;
  std::uint64_t batches_committed_ = 0;
  bool is_preparing_ = false;
  bool is_in_a_hurry_ = false;         // preparing is to end after its next step
  bool has_tried_to_prepare_ = false;  // since the last roll
  bool is_sealing_ = false;
  bool is_stopped_ = false;  // by a failed commit, until recover()
  bool tail_is_busy_ = false;
  env::Event tail_is_free_;
  env::Event changed_;  // something that someone may wait for has been prepared, sealed or replaced
  env::TaskGroup tasks_;

  std::vector<std::byte> header_bytes_;  // kept between commits, so that they allocate nothing
  std::vector<BytesView> parts_;
};

}  // namespace weir::journal
