// How records get into a lane: admission, numbering, group commit, recovery.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "cell/lane.h"
#include "cell/record_numbers.h"

namespace weir::cell {
namespace {

AppendReply refuse(Refusal refusal, std::string_view reason) {
  AppendReply reply;
  reply.refusal = refusal;
  reply.reason = reason;
  return reply;
}

}  // namespace

env::Task<std::vector<AppendReply>> Lane::append(env::Core& caller, std::vector<AppendRequest> requests) {
  co_await core_.enter();
  std::vector<AppendReply> replies;
  CommitWaiter waiter(caller);
  if (!admit(requests, replies, waiter)) {
    co_await caller.enter();
    co_return replies;
  }
  co_await waiter;  // resumed on the caller's core
  if (waiter.refusal() != Refusal::none) {
    for (AppendReply& reply : replies) {
      if (reply.refusal == Refusal::none) reply = refuse(waiter.refusal(), waiter.reason());
    }
  }
  co_return replies;
}

// Sorts the call's fragments into accepted and refused ones. True when some were accepted and `waiter` must be awaited.
bool Lane::admit(std::vector<AppendRequest>& requests, std::vector<AppendReply>& replies, CommitWaiter& waiter) {
  std::uint64_t stored_bytes = 0;
  for (const AppendRequest& request : requests) stored_bytes += request.fragment.bytes().size();
  const std::string_view lane_refuses = refusal_of_writes(stored_bytes);
  const MonotonicTime now = core_.now();
  const WallTime wall_now = core_.wall_now();

  PendingBatch* batch = nullptr;
  replies.reserve(requests.size());
  for (AppendRequest& request : requests) {
    AppendReply& reply = replies.emplace_back(lane_refuses.empty()
                                                  ? admit_fragment(request.fragment, request.above, now, wall_now)
                                                  : refuse(Refusal::unavailable, lane_refuses));
    if (reply.refusal != Refusal::none) {
      metrics_.count_append_refusal(reply.refusal);
      reply.returned.emplace(std::move(request.fragment));
      continue;
    }
    if (batch == nullptr) batch = &batches_.batch_for(stored_bytes);
    batches_.add(*batch, std::move(request.fragment));
  }
  if (batch == nullptr) return false;
  batches_.wait(*batch, waiter);
  levels_.pending_bytes.set(static_cast<std::int64_t>(batches_.bytes()));
  levels_.pending_calls.set(static_cast<std::int64_t>(batches_.calls()));
  work_.notify_all();
  return true;
}

// Why the lane as a whole takes no call of this size now; empty when it does.
std::string_view Lane::refusal_of_writes(std::uint64_t stored_bytes) const noexcept {
  if (stopping_) return "the lane is stopping";
  switch (state_) {
    case State::serving: break;
    case State::recovering: return "the lane is recovering from a failed commit";
    case State::fenced: return "another owner has the lane";
    case State::stopped: return "the lane has stopped";
  }
  if (stored_bytes > options_.batch_bytes_max) return "the call is larger than a batch";
  if (!batches_.has_room(stored_bytes)) return "too much is waiting to become durable";
  return {};
}

// Stamps the fragment if its shard takes it.
AppendReply Lane::admit_fragment(journal::Fragment& fragment, std::optional<RecordIndex> above, MonotonicTime now,
                                 WallTime wall_now) {
  ShardState* const shard = shards_.find(fragment.shard());
  if (shard == nullptr) return refuse(Refusal::not_mine, "the lane does not have the shard");
  if (!shard->takes_records()) return refuse(Refusal::shard_closed, "the shard is closed");

  const auto first = number_records(options_.epoch, shard->next, above, fragment.record_count());
  if (!first.has_value()) {
    return first.error() == NumberingError::above_out_of_range
               ? refuse(Refusal::above_out_of_range, "no record of this lane can have the number to come after")
               : refuse(Refusal::unavailable, "the epoch's record numbers are used up; a restart gives new ones");
  }
  if (options_.enforce_rates) {
    switch (shard->writes.try_admit(now, write_limit_, fragment.record_count(), fragment.payload_bytes())) {
      case model::Admit::yes: break;
      case model::Admit::over_records: return refuse(Refusal::throttled, "over the shard's records per second");
      case model::Admit::over_bytes: return refuse(Refusal::throttled, "over the shard's bytes per second");
    }
  }
  AppendReply reply;
  reply.first_index = *first;
  reply.arrival = std::max(wall_now, shard->last_arrival);
  shard->next = {first->value + fragment.record_count()};
  shard->last_arrival = reply.arrival;
  fragment.stamp(reply.first_index, reply.arrival);
  return reply;
}

// One commit in flight; what arrives meanwhile is the next batch. An idle loop is woken by way of the core's queue, so
// that everything that is ready at that moment gets into the first batch.
env::Task<void> Lane::commit_loop() {
  for (;;) {
    if (state_ == State::recovering) {
      co_await recover();
    } else if (!batches_.empty()) {
      co_await commit_next();
    } else if (stopping_) {
      co_return;
    } else {
      co_await work_.wait();
    }
  }
}

env::Task<void> Lane::commit_next() {
  PendingBatch batch = batches_.take();
  const MonotonicTime started = core_.now();
  metrics_.batch_fragments.observe(static_cast<double>(batch.fragments.size()));
  const Result<void> result = co_await journal_->commit(std::move(batch.fragments));
  if (result.has_value()) {
    committed(batch, core_.now() - started);
  } else {
    commit_failed(batch, result.error());
  }
  publish_levels();
  settled_.notify_all();
}

void Lane::committed(const PendingBatch& batch, Duration took) {
  metrics_.commits.add();
  metrics_.commit_seconds.observe(std::chrono::duration<double>(took).count());
  metrics_.records_appended.add(batch.records);
  metrics_.bytes_appended.add(batch.payload_bytes);
  if (std::exchange(disk_full_, false)) log_info("cell", "the disk has space again", {{"lane", options_.lane.value}});
  batches_.settle(batch, Refusal::none, {});
}

// Decides what becomes of the lane, and refuses the batch. Unless only space was wanting, everything else that is
// pending is refused, too: its callers had better try again than wait for a recovery of unknown length.
void Lane::commit_failed(const PendingBatch& batch, const Error& error) {
  if (error.code == ErrorCode::no_space) {
    metrics_.commits_refused_no_space.add();
    metrics_.append_unavailable.add(batch.calls);
    if (!std::exchange(disk_full_, true)) {
      log_error("cell", "the disk is full: writes are refused until there is space, reads go on",
                {{"lane", options_.lane.value}, {"error", error.message}});
    }
    batches_.settle(batch, Refusal::unavailable, "the disk is full: " + error.message);
    trim_now_.notify_all();
    return;
  }
  metrics_.commits_failed.add();
  metrics_.append_failed.add(batch.calls);
  enter_state(error.code == ErrorCode::fenced ? State::fenced : State::recovering);
  log_error("cell", "a commit failed", {{"lane", options_.lane.value}, {"error", error.message}});
  batches_.settle(batch, Refusal::failed, "the commit failed: " + error.message);
  while (!batches_.empty()) {
    const PendingBatch next = batches_.take();
    metrics_.append_unavailable.add(next.calls);
    batches_.settle(next, Refusal::unavailable, "the commit before failed: " + error.message);
  }
}

// Comes back with the lane serving, fenced, or stopping. The numbers of what failed stay used.
env::Task<void> Lane::recover() {
  Duration backoff = options_.recovery_backoff_min;
  while (!stopping_) {
    const Result<void> result = co_await journal_->recover();
    if (result.has_value()) {
      metrics_.recoveries.add();
      log_info("cell", "the lane has recovered and takes writes again", {{"lane", options_.lane.value}});
      enter_state(State::serving);
      co_return;
    }
    log_error("cell", "the lane could not recover", {{"lane", options_.lane.value}, {"error", result.error().message}});
    if (result.error().code == ErrorCode::fenced) {
      enter_state(State::fenced);
      co_return;
    }
    // Half to all of the backoff, so that lanes that failed together do not come back together.
    const auto half = static_cast<std::uint64_t>(backoff.count() / 2);
    const Duration jittered(static_cast<std::int64_t>(half + core_.random_u64() % (half + 1)));
    static_cast<void>(co_await work_.wait_until(core_.now() + jittered));
    backoff = std::min(backoff * 2, options_.recovery_backoff_max);
  }
  enter_state(State::stopped);
}

void Lane::publish_levels() {
  levels_.pending_bytes.set(static_cast<std::int64_t>(batches_.bytes()));
  levels_.pending_calls.set(static_cast<std::int64_t>(batches_.calls()));
  const journal::JournalStatistics statistics = journal_->statistics();
  levels_.stored_bytes.set(static_cast<std::int64_t>(statistics.stored_bytes));
  levels_.segments.set(static_cast<std::int64_t>(statistics.segments));
  levels_.tail_cache_bytes.set(static_cast<std::int64_t>(statistics.tail_cache_bytes));
  levels_.index_bytes.set(static_cast<std::int64_t>(statistics.index_bytes));
}

}  // namespace weir::cell
