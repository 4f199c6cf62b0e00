// The changes that take time: each is carried to its end by one task per stream, from what is stored, so that it makes
// no difference whether the process was restarted in between.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "directory/cell_choice.h"
#include "directory/directory.h"
#include "directory/stream_change.h"

namespace weir::directory {
namespace {

constexpr Duration retry_delay_min = milliseconds(100);
constexpr Duration retry_delay_max = seconds(5);

// The shards that have to stop taking records before the change can be stored.
std::vector<ShardIndex> parents_of(const Change& change) {
  if (const auto* split = std::get_if<SplitChange>(&change)) return {split->shard};
  if (const auto* merge = std::get_if<MergeChange>(&change)) return {merge->shard, merge->adjacent};
  return {};
}

}  // namespace

void Directory::ensure_driven(StreamId id) {
  const auto state = streams_.find(id);
  if (!started_ || stopping_ || state == streams_.end() || !state->second.pending) return;
  if (driven_.insert(id).second) tasks_.spawn(drive(id));
}

MonotonicTime Directory::due_time(const PendingChange& pending) const {
  const auto remaining = std::clamp(pending.due - core_.wall_now(), milliseconds(0), pending.duration);
  return core_.now() + remaining;
}

env::Task<void> Directory::drive(StreamId id) {
  Duration retry_delay = retry_delay_min;
  std::optional<PendingChange> seen;
  MonotonicTime next_try{};
  while (!stopping_) {
    const auto state = streams_.find(id);
    if (state == streams_.end() || !state->second.pending) break;
    if (seen != state->second.pending) {
      seen = state->second.pending;
      next_try = due_time(*seen);  // once: a wall clock that is set while we wait changes nothing
      retry_delay = retry_delay_min;
    }
    if (core_.now() < next_try) {
      static_cast<void>(co_await stop_.wait_until(next_try));
      continue;
    }
    if (co_await complete(id)) continue;
    metrics_.steps_failed.add();
    next_try = core_.now() + retry_delay;
    retry_delay = std::min(retry_delay * 2, retry_delay_max);
  }
  driven_.erase(id);
}

env::Task<bool> Directory::complete(StreamId id) {
  const PendingChange pending = *streams_.at(id).pending;
  if (parents_of(pending.change).empty()) return complete_without_closing(id, pending);
  return complete_reshard(id, pending);
}

const StreamState* Directory::still_pending(StreamId id, const PendingChange& pending) const {
  const auto state = streams_.find(id);
  return state != streams_.end() && state->second.pending == pending ? &state->second : nullptr;
}

env::Task<bool> Directory::complete_without_closing(StreamId id, PendingChange pending) {
  co_await turn_.take();
  bool went_on = true;
  if (stale_) {
    went_on = (co_await reload()).has_value();
  } else if (const StreamState* state = still_pending(id, pending)) {
    std::optional<StreamState> next;  // none: the stream goes
    if (std::holds_alternative<CreateChange>(pending.change)) {
      const CellChoice cells(cells_, usage_.open_shards_of_lane());
      const auto cell = cells.for_new_stream(std::get<CreateChange>(pending.change).shard_count);
      if (!cell) {
        log_warning("directory", "no cell has room for a stream that is being created",
                    {{"stream", state->stream->name}, {"cells", cells_.size()}});
        turn_.give_back();
        co_return false;
      }
      LanePlacement lanes = cells.lanes_of(*cell);
      next = complete_create(*state, lanes);
    } else if (std::holds_alternative<RetentionChange>(pending.change)) {
      next = complete_retention(*state);
    } else {
      WEIR_ASSERT(std::holds_alternative<DeleteChange>(pending.change));
    }
    const Ending ending = co_await replace_stream(id, std::move(next));
    went_on = ending.outcome == Outcome::done;
  }
  turn_.give_back();
  co_return went_on;
}

env::Task<bool> Directory::complete_reshard(StreamId id, PendingChange pending) {
  const std::shared_ptr<const Stream> stream = streams_.at(id).stream;
  const Closing closing = co_await close_parents(stream, parents_of(pending.change));
  if (closing.is_complete) {
    co_await turn_.take();
    const StreamState* state = stale_ ? nullptr : still_pending(id, pending);
    if (state != nullptr) co_await store_reshard(id, *state, closing);
    turn_.give_back();
  }
  if (closing.maybe_closed.empty()) co_return false;
  // As long as the change may still be stored, the parents stay closed: records that they took now could come after
  // those of their children.
  const bool failed = co_await rule_out(id, pending);
  if (failed) co_await reopen_parents(stream, closing.maybe_closed);
  co_return !failed && still_pending(id, pending) == nullptr;
}

env::Task<Directory::Closing> Directory::close_parents(std::shared_ptr<const Stream> stream,
                                                       std::vector<ShardIndex> parents) {
  Closing closing;
  for (const ShardIndex parent : parents) {
    const Shard* shard = stream->find_shard(parent);
    const auto closed = co_await closer_->close_shard(shard->lane, stream->key_of(*shard), {term_, ++orders_given_});
    co_await core_.enter();
    if (closed) {
      closing.maybe_closed.push_back(parent);
      closing.lanes.emplace_back(shard->lane, closed->epoch);
      closing.time = std::max(closing.time, closed->time);
      continue;
    }
    const ErrorCode code = closed.error().code;
    const bool is_known = code == ErrorCode::not_found || code == ErrorCode::unavailable || code == ErrorCode::conflict;
    if (!is_known) closing.maybe_closed.push_back(parent);
    log_warning("directory", "a shard could not be closed",
                {{"stream", stream->name}, {"shard", parent.value}, {"reason", closed.error().message}});
    co_return closing;
  }
  // Beyond the last record's arrival: whoever reads at this very time has nothing to miss in the parents.
  closing.time += milliseconds(1);
  closing.is_complete = true;
  co_return closing;
}

env::Task<void> Directory::reopen_parents(std::shared_ptr<const Stream> stream, std::vector<ShardIndex> parents) {
  for (const ShardIndex parent : parents) {
    const Shard* shard = stream->find_shard(parent);
    co_await closer_->reopen_shard(shard->lane, stream->key_of(*shard), {term_, ++orders_given_});
    co_await core_.enter();
  }
}

// A lane that has had another owner since does not know that the shard was closed: what its owner took is not before
// the time of the closing. Claims are made in turn, too, and by other directories against the guards.
env::Task<void> Directory::store_reshard(StreamId id, const StreamState& state, const Closing& closing) {
  std::vector<metastore::Guard> guards;
  for (const auto& [lane, epoch] : closing.lanes) {
    if (lanes_.at(lane.value).epoch != epoch) {
      log_warning("directory", "a shard's lane has changed hands since the shard was closed; it is closed again",
                  {{"stream", state.stream->name}, {"lane", lane.value}});
      co_return;
    }
    guards.push_back({lane_key(lane), lanes_.at(lane.value).modified});
  }
  LanePlacement lanes = CellChoice(cells_, usage_.open_shards_of_lane()).lanes_beside(*state.stream);
  const auto* change = state.pending ? &state.pending->change : nullptr;
  WEIR_ASSERT(change != nullptr);
  auto next = std::holds_alternative<SplitChange>(*change) ? complete_split(state, closing.time, lanes)
                                                           : complete_merge(state, closing.time, lanes);
  static_cast<void>(co_await replace_stream(id, std::move(next), std::move(guards)));
}

env::Task<bool> Directory::rule_out(StreamId id, PendingChange pending) {
  for (Duration retry_delay = retry_delay_min;; retry_delay = std::min(retry_delay * 2, retry_delay_max)) {
    co_await turn_.take();
    if (stale_ && !stopping_) static_cast<void>(co_await reload());
    const bool is_known = !stale_;
    const bool is_pending = still_pending(id, pending) != nullptr;
    turn_.give_back();
    if (is_known) co_return is_pending;
    if (stopping_) co_return false;
    static_cast<void>(co_await stop_.wait_until(core_.now() + retry_delay));
  }
}

env::Task<void> Directory::sweep_regularly() {
  while (!stopping_) {
    static_cast<void>(co_await stop_.wait_until(core_.now() + settings_.expiry_interval.get()));
    if (!stopping_) co_await sweep_expired_shards();
    if (!stopping_) co_await drop_left_accounts();
  }
}

env::Task<void> Directory::sweep_expired_shards() {
  const WallTime now = core_.wall_now();
  std::vector<StreamId> ids;
  for (const auto& [id, state] : streams_) {
    if (has_expired_shards(*state.stream, now)) ids.push_back(id);
  }
  for (const StreamId id : ids) {
    co_await turn_.take();
    const auto state = streams_.find(id);
    if (!stale_ && !stopping_ && state != streams_.end()) {
      StreamState next = without_expired_shards(state->second, now);
      const std::size_t removed = state->second.stream->shards.size() - next.stream->shards.size();
      if (removed != 0) {
        const Ending ending = co_await replace_stream(id, std::move(next));
        if (ending.outcome == Outcome::done) metrics_.shards_expired.add(removed);
      }
    }
    turn_.give_back();
  }
}

}  // namespace weir::directory
