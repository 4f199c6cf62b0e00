// Lane: the unit of ownership. Many shards share a lane and its journal; the lane numbers their records, holds them to
// their rates, commits what is pending as one batch at a time, reads, trims, and comes back by itself after a failed
// commit.
//
// Threading: everything on the lane's core, except where it says "any core".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "cell/cell_client.h"
#include "cell/lane/lane_options.h"
#include "cell/lane/lane_report.h"
#include "cell/lane/pending_batches.h"
#include "cell/lane/shard_table.h"
#include "cell/metrics.h"
#include "cell/remote/rpc.h"
#include "directory/map/shard_map.h"
#include "directory/shard_closer.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task.h"
#include "env/task_group.h"
#include "journal/journal.h"

namespace weir::cell {

class Lane {
 public:
  // `journal` was opened on `core` under options.epoch. The metrics outlive the lane. Any core.
  Lane(env::Core& core, std::unique_ptr<journal::Journal> journal, const LaneOptions& options, CellMetrics& metrics,
       LaneMetrics& levels);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  [[nodiscard]] env::Core& core() noexcept { return core_; }             // any core
  [[nodiscard]] Epoch epoch() const noexcept { return options_.epoch; }  // any core

  // Begins to commit and to trim. Once, before anything else.
  void start();
  // Takes no more work, waits for what was accepted, closes the journal. Once. Calls that come later are refused; once
  // it has returned, the lane may be destroyed on any core.
  [[nodiscard]] env::Task<void> stop();
  // Returns when another owner is found to have the lane: true. False when the lane stops before.
  [[nodiscard]] env::Task<bool> wait_until_fenced();

  // Whether the lane takes records now, and why not.
  [[nodiscard]] LaneReport report() const;

  // Takes the lane's shards from `map` (ShardTable::apply). Nothing is trimmed before the first map.
  void apply(const directory::ShardMap& map);
  // Whether there has been a map yet.
  [[nodiscard]] bool has_map() const noexcept { return shards_.is_filled(); }
  // Whether the lane has the shard, or would have it if its node had room for more.
  [[nodiscard]] bool knows(ShardKey key) noexcept { return shards_.find(key) != nullptr || shards_.is_refused(key); }
  // Shards beyond the node's maximum; apply() tries again.
  [[nodiscard]] std::uint64_t shards_refused() const noexcept { return shards_.refused(); }

  // As CellClient::append. `caller` is the core that calls and gets the answer. All fragments of one call share a
  // commit; together they take at most options.batch_bytes_max. Any core.
  [[nodiscard]] env::Task<std::vector<AppendReply>> append(env::Core& caller, std::vector<AppendRequest> requests);
  // Counts against the shard's rate the records that an append is to bring, with `has_room`, and says how many of them
  // have room. What does not come is lost to the shard's next second. On the lane's core.
  [[nodiscard]] ReserveReply reserve(const ReserveCall& call);
  // As CellClient::read and locate.
  [[nodiscard]] env::Task<ReadReply> read(journal::ReadRequest request);
  [[nodiscard]] env::Task<LocateReply> locate(ShardKey key, StartFrom from, WallTime time);

  // Takes no more records for the shard, waits until those it took are durable or refused, and returns a close time
  // that is not before the arrival of any of them, with the lane's epoch. Closing again gives the same time. Errors:
  // not_found when the lane does not have the shard, unavailable while the lane stops, conflict when a later order for
  // the shard has come.
  [[nodiscard]] env::Task<Result<directory::ShardClosing>> close_shard(ShardKey key, directory::ShardOrder order);
  // Undoes close_shard(), as long as no map has closed the shard, and no later order has come.
  void reopen_shard(ShardKey key, directory::ShardOrder order);

  // Gives back the space of what is past its retention, now. Errors: unavailable before the first map, while the lane
  // stops or recovers, or beside another trim; as Journal::trim.
  [[nodiscard]] env::Task<Result<journal::TrimReport>> trim();

 private:
  enum class State : std::uint8_t {
    serving,
    recovering,  // a commit failed: no writes until the journal has recovered
    fenced,      // another owner has the lane: neither reads nor writes
    stopped,
  };
  class OperationGuard;

  // lane_append.cc
  [[nodiscard]] bool admit(std::vector<AppendRequest>& requests, std::vector<AppendReply>& replies,
                           CommitWaiter& waiter);
  [[nodiscard]] AppendReply admit_fragment(AppendRequest& request, MonotonicTime now, WallTime wall_now);
  struct Asked {
    std::uint32_t records = 0;
    std::uint64_t bytes = 0;
    // Calls its argument with the bytes of each record, until that returns false.
    absl::FunctionRef<void(absl::FunctionRef<bool(std::uint64_t)>)> each_record;
  };
  [[nodiscard]] std::uint32_t admit_at_its_pace(ShardState& shard, const Asked& asked, model::Demand::Slots kept_back,
                                                MonotonicTime now);
  [[nodiscard]] std::uint32_t admit_by_rate(ShardState& shard, const Asked& asked, const model::Pace::Part& part,
                                            MonotonicTime now);
  [[nodiscard]] std::string_view refusal_of_writes(std::uint64_t stored_bytes) const noexcept;
  [[nodiscard]] env::Task<void> commit_loop();
  [[nodiscard]] env::Task<void> commit_next();
  void committed(const PendingBatch& batch);
  void commit_failed(const PendingBatch& batch, const Error& error);
  [[nodiscard]] env::Task<void> recover();
  void publish_pending();

  // lane_read.cc
  [[nodiscard]] env::Task<Refusal> begin_read(ShardKey key);
  void end_read(ShardKey key, std::uint64_t payload_bytes);
  [[nodiscard]] bool serves_reads() const noexcept { return state_ == State::serving || state_ == State::recovering; }

  // lane.cc
  [[nodiscard]] env::Task<void> trim_loop();
  void enter_state(State state);
  void publish_shards();
  // Why the lane takes no call for a shard that is not in its table: not_mine, or unavailable beyond the maximum.
  [[nodiscard]] Refusal refusal_of_unknown(ShardKey key) const noexcept {
    return shards_.is_refused(key) ? Refusal::unavailable : Refusal::not_mine;
  }
  void publish_stored();

  env::Core& core_;
  std::unique_ptr<journal::Journal> journal_;
  const LaneOptions options_;
  const model::RateLimit write_limit_;
  const model::RateLimit read_limit_;
  CellMetrics& metrics_;
  LaneMetrics& levels_;

  State state_ = State::serving;
  bool stopping_ = false;
  bool disk_full_ = false;                     // the last commit was refused for want of space
  std::string trouble_;                        // what the last commit failed of, while disk_full_ or not serving
  std::optional<MonotonicTime> commit_began_;  // of the one in flight
  bool trimming_ = false;
  ShardTable shards_;
  PendingBatches batches_;
  MonotonicTime stored_published_{};
  std::uint64_t operations_ = 0;  // reads, locates, closes and trims under way

  env::Event work_;        // something is pending, or the lane stops: wakes the commit loop
  env::Event settled_;     // a batch was settled. Readers that wait for new records will wait here, too
  env::Event read_ended_;  // a read that others of its shard wait for has ended
  env::Event trim_now_;    // the lane stops, or the disk is full: wakes the trim loop
  env::Event idle_;        // operations_ is 0
  env::Event ended_;       // fenced, or about to stop
  env::TaskGroup tasks_;   // commit_loop, trim_loop
};

}  // namespace weir::cell
