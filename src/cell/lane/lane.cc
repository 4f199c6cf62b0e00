#include "cell/lane/lane.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "cell/lane/lane_guard.h"
#include "cell/lane/record_numbers.h"

namespace weir::cell {
namespace {

// What a trim is taken to cost at least: a full disk asks for one with every batch it refuses.
constexpr Duration trim_duration_min = milliseconds(10);

// A write that takes so long is worth a person's attention.
constexpr Duration silent_after = seconds(1);

class RetentionAt final : public journal::RetentionView {
 public:
  RetentionAt(const ShardTable& shards, WallTime now) noexcept : shards_(shards), now_(now) {}
  [[nodiscard]] WallTime keep_from(ShardKey shard) const override { return shards_.keep_from(shard, now_); }

 private:
  const ShardTable& shards_;
  WallTime now_;
};

}  // namespace

Lane::Lane(env::Core& core, std::unique_ptr<journal::Journal> journal, const LaneOptions& options, CellMetrics& metrics,
           LaneMetrics& levels)
    : core_(core),
      journal_(std::move(journal)),
      options_(options),
      write_limit_{.records = options.limits.write_records_per_second, .bytes = options.limits.write_bytes_per_second},
      read_limit_{.records = options.limits.read_calls_per_second, .bytes = options.limits.read_bytes_per_second},
      metrics_(metrics),
      levels_(levels),
      shards_(options.lane, options.shard_budget),
      batches_(options.batch_bytes_max, options.pending_bytes_max, options.pending_calls_max),
      work_(core),
      settled_(core),
      read_ended_(core),
      trim_now_(core),
      idle_(core),
      ended_(core),
      tasks_(core) {
  WEIR_ASSERT(options.epoch.value >= 1 && options.epoch <= epoch_max);
}

Lane::~Lane() = default;

void Lane::start() {
  levels_.serving.set(1);
  publish_stored();
  tasks_.spawn(commit_loop());
  tasks_.spawn(trim_loop());
}

env::Task<void> Lane::stop() {
  stopping_ = true;
  work_.notify_all();
  trim_now_.notify_all();
  read_ended_.notify_all();
  ended_.notify_all();
  co_await tasks_.wait();
  while (operations_ != 0) co_await idle_.wait();
  if (state_ != State::stopped) enter_state(State::stopped);
  co_await journal_->close();
  journal_.reset();
  shards_.clear();
  publish_shards();
}

env::Task<bool> Lane::wait_until_fenced() {
  while (state_ != State::fenced && !stopping_) co_await ended_.wait();
  co_return state_ == State::fenced;
}

LaneReport Lane::report() const {
  LaneReport report{.lane = options_.lane, .trouble = LaneTrouble::none, .reason = trouble_};
  const Duration waits = commit_began_ ? core_.now() - *commit_began_ : Duration::zero();
  if (stopping_ || state_ == State::stopped) {
    report.trouble = LaneTrouble::stopping;
  } else if (state_ == State::fenced) {
    report.trouble = LaneTrouble::fenced;
  } else if (state_ == State::recovering) {
    report.trouble = LaneTrouble::recovering;
  } else if (waits >= silent_after) {
    report.trouble = LaneTrouble::silent;
    report.reason = "no answer for " + std::to_string(waits / seconds(1)) + " s";
  } else if (disk_full_) {
    report.trouble = LaneTrouble::full;
  } else {
    report.reason.clear();
  }
  return report;
}

void Lane::apply(const directory::ShardMap& map) {
  if (state_ == State::stopped) return;
  const std::uint64_t refused_before = shards_.refused();
  shards_.apply(map, *journal_);
  publish_shards();
  if (shards_.refused() > refused_before) {
    log_error("cell", "the node has its maximum of shards; further ones are refused until it is raised",
              {{"lane", options_.lane.value},
               {"refused", shards_.refused()},
               {"cell.shards_max", options_.shard_budget->shards_max()}});
  }
}

void Lane::publish_shards() {
  levels_.shards.set(static_cast<std::int64_t>(shards_.size()));
  levels_.shards_refused.set(static_cast<std::int64_t>(shards_.refused()));
}

env::Task<Result<directory::ShardClosing>> Lane::close_shard(ShardKey key, directory::ShardOrder order) {
  const OperationGuard guard(*this);
  if (stopping_ || !serves_reads()) co_return fail(ErrorCode::unavailable, "the lane does not serve now");
  ShardState* const shard = shards_.find(key);
  if (shard == nullptr) co_return fail(ErrorCode::not_found, "the lane does not have the shard");
  if (shard->closed.has_value()) co_return directory::ShardClosing{*shard->closed, options_.epoch};
  if (order < shard->last_order) co_return fail(ErrorCode::conflict, "the order to close the shard is out of date");
  shard->last_order = order;
  if (!shard->closing.has_value()) shard->closing = std::max(core_.wall_now(), shard->last_arrival);
  const WallTime closed_at = *shard->closing;
  const std::uint64_t last_batch = batches_.newest_begun();
  while (batches_.newest_settled() < last_batch) co_await settled_.wait();
  const ShardState* const still = shards_.find(key);
  if (still == nullptr) co_return fail(ErrorCode::not_found, "the lane has lost the shard");
  if (still->last_order != order) co_return fail(ErrorCode::conflict, "a later order for the shard has come");
  co_return directory::ShardClosing{closed_at, options_.epoch};
}

void Lane::reopen_shard(ShardKey key, directory::ShardOrder order) {
  ShardState* const shard = shards_.find(key);
  if (shard == nullptr || order < shard->last_order) return;
  shard->last_order = order;
  shard->closing.reset();
}

env::Task<Result<journal::TrimReport>> Lane::trim() {
  const OperationGuard guard(*this);
  if (stopping_ || trimming_ || state_ != State::serving || !shards_.is_filled()) {
    co_return fail(ErrorCode::unavailable, "the lane cannot trim now");
  }
  trimming_ = true;
  const RetentionAt retention(shards_, core_.wall_now());
  auto report = co_await journal_->trim(retention);
  trimming_ = false;
  metrics_.trims.add();
  if (!report.has_value()) {
    metrics_.trims_failed.add();
    if (report.error().code == ErrorCode::fenced) enter_state(State::fenced);
    log_warning("cell", "a trim failed", {{"lane", options_.lane.value}, {"error", report.error().message}});
  }
  co_return report;
}

// Trims at intervals, sooner when the disk is full, but never for more than its share of the time.
env::Task<void> Lane::trim_loop() {
  MonotonicTime not_before = core_.now();
  while (!stopping_) {
    static_cast<void>(co_await trim_now_.wait_until(std::max(not_before, core_.now() + options_.trim_interval)));
    while (!stopping_ && core_.now() < not_before) static_cast<void>(co_await trim_now_.wait_until(not_before));
    if (stopping_) co_return;
    const MonotonicTime started = core_.now();
    shards_.release_idle(started);
    static_cast<void>(co_await trim());
    const Duration took = std::max<Duration>(core_.now() - started, trim_duration_min);
    not_before = started + took * 100 / static_cast<std::int64_t>(options_.trim_share_percent);
    publish_stored();
  }
}

// Looks at every segment: not for every commit.
void Lane::publish_stored() {
  stored_published_ = core_.now();
  const journal::JournalStatistics statistics = journal_->statistics();
  levels_.stored_bytes.set(static_cast<std::int64_t>(statistics.stored_bytes));
  levels_.segments.set(static_cast<std::int64_t>(statistics.segments));
  levels_.tail_cache_bytes.set(static_cast<std::int64_t>(statistics.tail_cache_bytes));
  levels_.index_bytes.set(static_cast<std::int64_t>(statistics.index_bytes));
}

void Lane::enter_state(State state) {
  state_ = state;
  levels_.serving.set(state == State::serving ? 1 : 0);
  if (state == State::fenced) ended_.notify_all();
}

}  // namespace weir::cell
