// How records get into a lane: admission, numbering, group commit, recovery.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "cell/lane/lane.h"
#include "cell/lane/record_numbers.h"
#include "cell/lane/throttle.h"

namespace weir::cell {
namespace {

constexpr Duration stored_publish_interval = seconds(1);

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
      if (reply.refusal != Refusal::none) continue;
      reply = refuse(waiter.refusal(), waiter.reason());
      metrics_.count_append_refusal(reply.refusal);
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
    const std::uint32_t asked = request.fragment.record_count();
    const AppendReply& reply = replies.emplace_back(lane_refuses.empty() ? admit_fragment(request, now, wall_now)
                                                                         : refuse(Refusal::unavailable, lane_refuses));
    if (reply.refusal != Refusal::none) {
      metrics_.count_append_refusal(reply.refusal);
      continue;
    }
    if (reply.accepted < asked) metrics_.count_append_refusal(Refusal::throttled);
    if (batch == nullptr) batch = &batches_.batch_for(stored_bytes);
    metrics_.append_bytes.add(request.fragment.bytes().size());
    batches_.add(*batch, std::move(request.fragment));
  }
  if (batch == nullptr) return false;
  batches_.wait(*batch, waiter);
  publish_pending();
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

// Stamps what the shard takes of the fragment, and drops the rest of its records.
AppendReply Lane::admit_fragment(AppendRequest& request, MonotonicTime now, WallTime wall_now) {
  journal::Fragment& fragment = request.fragment;
  ShardState* const shard = shards_.find(fragment.shard());
  if (shard == nullptr) {
    const Refusal refusal = refusal_of_unknown(fragment.shard());
    return refuse(refusal, refusal == Refusal::not_mine
                               ? "the lane does not have the shard"
                               : "the node has its maximum of shards (cell.shards_max), and this is beyond");
  }
  if (!shard->takes_records()) return refuse(Refusal::shard_closed, "the shard is closed");
  const auto first = number_records(options_.epoch, shard->next, fragment.record_count());
  if (!first.has_value()) {
    return refuse(Refusal::unavailable, "the epoch's record numbers are used up; a restart gives new ones");
  }
  AppendReply reply;
  const auto each_record = [&fragment](absl::FunctionRef<bool(std::uint64_t)> take) {
    fragment.view().for_each(
        [&](const journal::RecordView& record) { return take(record.partition_key.size() + record.data.size()); });
  };
  reply.accepted = fragment.record_count();
  if (options_.enforce_rates && !request.has_room) {
    reply.accepted = admit_at_its_pace(
        *shard, {.records = fragment.record_count(), .bytes = fragment.payload_bytes(), .each_record = each_record},
        request.kept_back, now);
  }
  if (reply.accepted < fragment.record_count() || (shard->pace != nullptr && shard->pace->is_on(now))) {
    reply.throttle = append_throttle_of(shard->writes, shard->pace.get(), now, write_limit_);
  }
  if (reply.accepted == 0) {
    reply.refusal = Refusal::throttled;
    reply.reason = "over the shard's rate";
    return reply;
  }
  if (reply.accepted < fragment.record_count()) fragment.keep_first(reply.accepted);
  reply.first_index = *first;
  reply.arrival = std::max(wall_now, shard->last_arrival);
  shard->next = {first->value + reply.accepted};
  shard->last_arrival = reply.arrival;
  fragment.stamp(reply.first_index, reply.arrival);
  return reply;
}

ReserveReply Lane::reserve(const ReserveCall& call) {
  ShardState* const shard = shards_.find(call.shard);
  const auto records = static_cast<std::uint32_t>(call.record_bytes.size());
  // What else may be in the way of the append it is itself told.
  if (shard == nullptr || !options_.enforce_rates) return {.accepted = records};
  const MonotonicTime now = core_.now();
  std::uint64_t bytes = 0;
  for (const std::uint32_t record : call.record_bytes) bytes += record;
  const auto each_record = [&call](absl::FunctionRef<bool(std::uint64_t)> take) {
    static_cast<void>(std::ranges::all_of(call.record_bytes, take));
  };
  ReserveReply reply;
  reply.accepted =
      admit_at_its_pace(*shard, {.records = records, .bytes = bytes, .each_record = each_record}, call.kept_back, now);
  if (reply.accepted < records) {
    metrics_.count_append_refusal(Refusal::throttled);
    reply.throttle = append_throttle_of(shard->writes, shard->pace.get(), now, write_limit_);
  }
  if (reply.accepted == 0) {
    reply.refusal = Refusal::throttled;
    reply.reason = "over the shard's rate";
  }
  return reply;
}

// admit_by_rate(), in even parts while the shard is asked for more than its rate all the time.
std::uint32_t Lane::admit_at_its_pace(ShardState& shard, const Asked& asked, model::Demand::Slots kept_back,
                                      MonotonicTime now) {
  const auto pace = [&shard]() -> model::Pace& {
    if (shard.pace == nullptr) shard.pace = std::make_unique<model::Pace>();
    return *shard.pace;
  };
  if (kept_back != 0) pace().asked_in_vain(now, kept_back);
  const bool is_paced = shard.pace != nullptr && shard.pace->is_on(now);
  const model::Pace::Part part = is_paced ? shard.pace->part(now, write_limit_)
                                          : model::Pace::Part{.records = model::unlimited, .bytes = model::unlimited};
  const std::uint32_t accepted = admit_by_rate(shard, asked, part, now);
  if (accepted < asked.records) pace().refused(now);
  return accepted;
}

// How many of the first records fit into the shard's rate now, and into `part`; these are counted against both. A
// record that is larger by itself than what the shard takes in a second is admitted alone, while nothing else counts.
std::uint32_t Lane::admit_by_rate(ShardState& shard, const Asked& asked, const model::Pace::Part& part,
                                  MonotonicTime now) {
  if (part.records == 0) return 0;
  const auto admits = [&](std::uint64_t records, std::uint64_t bytes) {
    if (shard.writes.try_admit(now, write_limit_, records, bytes) != model::Admit::yes) return false;
    if (shard.pace != nullptr) shard.pace->admitted(now, write_limit_, records, bytes);
    return true;
  };
  const bool may_fit_whole = asked.records == 1 || (asked.records <= std::min(write_limit_.records, part.records) &&
                                                    asked.bytes <= std::min(write_limit_.bytes, part.bytes));
  if (may_fit_whole && admits(asked.records, asked.bytes)) return asked.records;

  if (shard.writes.has_room(now, write_limit_) != model::Admit::yes) return 0;
  const std::uint64_t records_left = std::min(part.records, write_limit_.records - shard.writes.records_in_window());
  const std::uint64_t bytes_left = write_limit_.bytes - shard.writes.bytes_in_window();
  std::uint32_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_record_bytes = 0;
  asked.each_record([&](std::uint64_t record_bytes) {
    if (records == 0) first_record_bytes = record_bytes;
    if (records == records_left || record_bytes > bytes_left - bytes) return false;
    if (records != 0 && bytes + record_bytes > part.bytes) return false;
    ++records;
    bytes += record_bytes;
    return true;
  });
  if (records > 0) return admits(records, bytes) ? records : 0;
  return admits(1, first_record_bytes) ? 1 : 0;
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
  metrics_.batch_calls.observe(static_cast<double>(batch.calls));
  commit_began_ = core_.now();
  const Result<void> result = co_await journal_->commit(std::move(batch.fragments));
  commit_began_.reset();
  if (result.has_value()) {
    committed(batch);
  } else {
    commit_failed(batch, result.error());
  }
  publish_pending();
  if (core_.now() - stored_published_ >= stored_publish_interval) publish_stored();
  settled_.notify_all();
}

void Lane::committed(const PendingBatch& batch) {
  if (std::exchange(disk_full_, false)) log_info("cell", "the disk has space again", {{"lane", options_.lane.value}});
  batches_.settle(batch, Refusal::none, {});
}

// Decides what becomes of the lane, and refuses the batch. Unless only space was wanting, everything else that is
// pending is refused, too: its callers had better try again than wait for a recovery of unknown length.
void Lane::commit_failed(const PendingBatch& batch, const Error& error) {
  trouble_ = error.message;
  if (error.code == ErrorCode::no_space) {
    if (!std::exchange(disk_full_, true)) {
      log_error("cell", "the disk is full: writes are refused until there is space, reads go on",
                {{"lane", options_.lane.value}, {"error", error.message}});
    }
    batches_.settle(batch, Refusal::unavailable, "the disk is full: " + error.message);
    trim_now_.notify_all();
    return;
  }
  metrics_.commits_failed.add();
  if (error.code == ErrorCode::limit_exceeded) {  // nothing was written
    batches_.settle(batch, Refusal::failed, error.message);
    return;
  }
  enter_state(error.code == ErrorCode::fenced ? State::fenced : State::recovering);
  log_error("cell", "a commit failed", {{"lane", options_.lane.value}, {"error", error.message}});
  batches_.settle(batch, Refusal::failed, "the commit failed: " + error.message);
  while (!batches_.empty()) {
    const PendingBatch next = batches_.take();
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
    trouble_ = result.error().message;
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

void Lane::publish_pending() {
  levels_.pending_bytes.set(static_cast<std::int64_t>(batches_.bytes()));
  levels_.pending_calls.set(static_cast<std::int64_t>(batches_.calls()));
}

}  // namespace weir::cell
