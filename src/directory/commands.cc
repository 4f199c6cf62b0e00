// The commands of the API: checks in AWS's order, then one stored change.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "directory/cell_choice.h"
#include "directory/directory.h"
#include "directory/map/shard_map_builder.h"
#include "directory/stream_change.h"
#include "model/hash_range.h"
#include "model/limits.h"

namespace weir::directory {
namespace {

std::unexpected<DirectoryRefusal> refuse(DirectoryRefusal refusal) { return std::unexpected(std::move(refusal)); }

std::unexpected<DirectoryRefusal> refuse_unavailable(std::string reason) {
  return refuse({.kind = RefusalKind::unavailable, .reason = std::move(reason)});
}

CommandResult check_active(const Stream& stream) {
  if (stream.status == StreamStatus::active) return {};
  return refuse({.kind = RefusalKind::stream_not_active, .status = stream.status});
}

CommandResult check_reshardable(const Stream& stream) {
  if (stream.mode == StreamMode::on_demand) return refuse({.kind = RefusalKind::on_demand_mode});
  return check_active(stream);
}

// Tags may be changed while a stream is ACTIVE or UPDATING.
CommandResult check_taggable(const Stream& stream) {
  if (stream.status == StreamStatus::active || stream.status == StreamStatus::updating) return {};
  return refuse({.kind = RefusalKind::stream_not_active, .status = stream.status});
}

std::expected<const Shard*, DirectoryRefusal> find_kept_shard(const Stream& stream, ShardIndex index, WallTime now) {
  const Shard* shard = stream.find_shard(index);
  if (shard == nullptr || is_expired(stream, *shard, now)) {
    return refuse({.kind = RefusalKind::shard_not_found, .shard = index});
  }
  return shard;
}

CommandResult check_open(const Shard& shard) {
  if (shard.is_open()) return {};
  return refuse({.kind = RefusalKind::shard_already_closed, .shard = shard.index});
}

StreamState with_tags(const StreamState& state, std::map<std::string, std::string> tags) {
  StreamState next = state;
  auto stream = std::make_shared<Stream>(*state.stream);
  stream->tags = std::move(tags);
  next.stream = std::move(stream);
  return next;
}

}  // namespace

env::Task<CommandResult> Directory::in_turn(env::Task<CommandResult> command) {
  if (commands_waiting_ >= settings_.commands_waiting_max.get()) {
    metrics_.commands_unavailable.add();
    co_return refuse_unavailable("too many commands are waiting");
  }
  metrics_.commands_waiting.set(static_cast<std::int64_t>(++commands_waiting_));
  co_await turn_.take();
  CommandResult result;
  if (stopping_) {
    result = refuse_unavailable("the server is stopping");
  } else if (stale_) {
    if (auto reloaded = co_await reload(); !reloaded) result = refuse_unavailable(reloaded.error().message);
  }
  if (result) result = co_await std::move(command);
  turn_.give_back();
  metrics_.commands_waiting.set(static_cast<std::int64_t>(--commands_waiting_));
  if (result) {
    metrics_.commands_done.add();
  } else if (result.error().kind == RefusalKind::unavailable) {
    metrics_.commands_unavailable.add();
    log_warning("directory", "a command failed", {{"reason", result.error().reason}});
  } else {
    metrics_.commands_refused.add();
  }
  co_return result;
}

env::Task<CommandResult> Directory::create_stream(CreateStreamCommand command) {
  return in_turn(do_create(std::move(command)));
}
env::Task<CommandResult> Directory::delete_stream(StreamScope scope, std::string name) {
  return in_turn(do_delete(std::move(scope), std::move(name)));
}
env::Task<CommandResult> Directory::split_shard(StreamScope scope, std::string name, ShardIndex shard, HashKey key) {
  return in_turn(do_split(std::move(scope), std::move(name), shard, key));
}
env::Task<CommandResult> Directory::merge_shards(StreamScope scope, std::string name, ShardIndex shard,
                                                 ShardIndex adjacent) {
  return in_turn(do_merge(std::move(scope), std::move(name), shard, adjacent));
}
env::Task<CommandResult> Directory::increase_retention(StreamScope scope, std::string name, std::int64_t hours) {
  return in_turn(do_set_retention(std::move(scope), std::move(name), hours, true));
}
env::Task<CommandResult> Directory::decrease_retention(StreamScope scope, std::string name, std::int64_t hours) {
  return in_turn(do_set_retention(std::move(scope), std::move(name), hours, false));
}
env::Task<CommandResult> Directory::add_tags(StreamScope scope, std::string name,
                                             std::map<std::string, std::string> tags) {
  return in_turn(do_add_tags(std::move(scope), std::move(name), std::move(tags)));
}
env::Task<CommandResult> Directory::remove_tags(StreamScope scope, std::string name, std::vector<std::string> keys) {
  return in_turn(do_remove_tags(std::move(scope), std::move(name), std::move(keys)));
}

std::expected<const StreamState*, DirectoryRefusal> Directory::find_stream(const StreamScope& scope,
                                                                           const std::string& name) const {
  const auto stream = map_->find(scope.account, scope.region, name);
  if (stream == nullptr) return refuse({.kind = RefusalKind::stream_not_found});
  return &streams_.at(stream->id);
}

CommandResult Directory::check_capacity(std::uint64_t additional_shards) const {
  const std::uint64_t limit = settings_.shards_max.get();
  if (usage_.expected_shards() + additional_shards <= limit) return {};
  return refuse({.kind = RefusalKind::capacity_limit,
                 .current = usage_.expected_shards(),
                 .limit = limit,
                 .additional = additional_shards,
                 .reason = "directory.shards_max is reached"});
}

CommandResult Directory::check_shard_quota(const StreamScope& scope, std::uint64_t additional) const {
  const std::uint64_t current = usage_.of(scope).provisioned_shards;
  const std::uint64_t limit = settings_.account_shards_max.get();
  if (current + additional <= limit) return {};
  return refuse({.kind = RefusalKind::shard_limit, .current = current, .limit = limit, .additional = additional});
}

CommandResult Directory::check_quotas(const CreateStreamCommand& command) const {
  const ScopeUsage used = usage_.of(command.scope);
  const std::uint64_t creating_max = settings_.account_creating_streams_max.get();
  if (used.creating_streams >= creating_max) {
    return refuse({.kind = RefusalKind::creating_limit, .limit = creating_max});
  }
  if (command.mode == StreamMode::provisioned) return check_shard_quota(command.scope, command.shard_count);
  const std::uint64_t on_demand_max = settings_.account_on_demand_streams_max.get();
  if (used.on_demand_streams < on_demand_max) return {};
  return refuse({.kind = RefusalKind::on_demand_limit, .current = used.on_demand_streams, .limit = on_demand_max});
}

env::Task<CommandResult> Directory::do_create(CreateStreamCommand command) {
  WEIR_ASSERT(command.shard_count >= 1);
  if (find_stream(command.scope, command.name)) co_return refuse({.kind = RefusalKind::stream_exists});
  const std::uint64_t tags_max = settings_.stream_tags_max.get();
  if (command.tags.size() > tags_max) co_return refuse({.kind = RefusalKind::too_many_tags, .limit = tags_max});
  WEIR_CO_CHECK(check_quotas(command));
  if (streams_.size() >= settings_.streams_max.get()) {
    co_return refuse({.kind = RefusalKind::capacity_limit,
                      .current = streams_.size(),
                      .limit = settings_.streams_max.get(),
                      .additional = 1,
                      .reason = "directory.streams_max is reached"});
  }
  WEIR_CO_CHECK(check_capacity(command.shard_count));
  if (!CellChoice(cells_, usage_.open_shards_of_lane()).for_new_stream(command.shard_count)) {
    co_return refuse({.kind = RefusalKind::capacity_limit,
                      .current = usage_.open_shards(),
                      .limit = usage_.open_shards(),
                      .additional = command.shard_count,
                      .reason = "no cell has room for so many shards"});
  }

  const StreamId id{next_stream_.next};
  auto stream = std::make_shared<Stream>();
  stream->id = id;
  stream->scope = std::move(command.scope);
  stream->name = std::move(command.name);
  stream->status = StreamStatus::active;  // until begin() sets CREATING
  stream->mode = command.mode;
  stream->created = core_.wall_now();
  stream->retention_hours = model::limits::retention_hours_default;
  stream->record_bytes_max = command.record_bytes_max;
  stream->tags = std::move(command.tags);
  StreamState state;
  state.stream = std::move(stream);
  co_return co_await begin(state, StreamStatus::creating, CreateChange{command.shard_count},
                           settings_.create_time.get());
}

env::Task<CommandResult> Directory::do_delete(StreamScope scope, std::string name) {
  WEIR_CO_TRY(const StreamState* state, find_stream(scope, name));
  WEIR_CO_CHECK(check_active(*state->stream));
  co_return co_await begin(*state, StreamStatus::deleting, DeleteChange{}, settings_.delete_time.get());
}

env::Task<CommandResult> Directory::do_split(StreamScope scope, std::string name, ShardIndex index, HashKey key) {
  WEIR_CO_TRY(const StreamState* state, find_stream(scope, name));
  const Stream& stream = *state->stream;
  WEIR_CO_CHECK(check_reshardable(stream));
  WEIR_CO_TRY(const Shard* shard, find_kept_shard(stream, index, core_.wall_now()));
  WEIR_CO_CHECK(check_open(*shard));
  WEIR_CO_CHECK(check_shard_quota(scope, 1));
  WEIR_CO_CHECK(check_capacity(2));
  if (CellChoice(cells_, usage_.open_shards_of_lane()).room_beside(stream) < 1) {
    co_return refuse({.kind = RefusalKind::capacity_limit,
                      .current = usage_.open_shards(),
                      .limit = usage_.open_shards(),
                      .additional = 1,
                      .reason = "the stream's cell is full"});
  }
  if (!model::can_split_at({shard->first_hash, shard->last_hash}, key)) {
    co_return refuse({.kind = RefusalKind::bad_split_key,
                      .shard = index,
                      .first_hash = shard->first_hash,
                      .last_hash = shard->last_hash});
  }
  co_return co_await begin(*state, StreamStatus::updating, SplitChange{index, key}, settings_.update_time.get());
}

env::Task<CommandResult> Directory::do_merge(StreamScope scope, std::string name, ShardIndex index,
                                             ShardIndex adjacent_index) {
  WEIR_CO_TRY(const StreamState* state, find_stream(scope, name));
  const Stream& stream = *state->stream;
  WEIR_CO_CHECK(check_reshardable(stream));
  const WallTime now = core_.wall_now();
  WEIR_CO_TRY(const Shard* shard, find_kept_shard(stream, index, now));
  WEIR_CO_TRY(const Shard* adjacent, find_kept_shard(stream, adjacent_index, now));
  WEIR_CO_CHECK(check_open(*shard));
  WEIR_CO_CHECK(check_open(*adjacent));
  if (!model::are_adjacent({shard->first_hash, shard->last_hash}, {adjacent->first_hash, adjacent->last_hash})) {
    co_return refuse({.kind = RefusalKind::shards_not_adjacent, .shard = index, .other_shard = adjacent_index});
  }
  WEIR_CO_CHECK(check_capacity(1));
  co_return co_await begin(*state, StreamStatus::updating, MergeChange{index, adjacent_index},
                           settings_.update_time.get());
}

env::Task<CommandResult> Directory::do_set_retention(StreamScope scope, std::string name, std::int64_t hours,
                                                     bool increase) {
  WEIR_CO_TRY(const StreamState* state, find_stream(scope, name));
  const std::int64_t current = state->stream->retention_hours;
  const auto shown = static_cast<std::uint64_t>(current);
  if (hours < model::limits::retention_hours_min) {
    co_return refuse({.kind = RefusalKind::retention_too_short, .limit = model::limits::retention_hours_min});
  }
  if (increase && hours > model::limits::retention_hours_max) {
    co_return refuse({.kind = RefusalKind::retention_too_long, .limit = model::limits::retention_hours_max});
  }
  if (increase && hours < current) {
    co_return refuse({.kind = RefusalKind::retention_below_current, .current = shown});
  }
  if (!increase && hours > current) {
    co_return refuse({.kind = RefusalKind::retention_above_current, .current = shown});
  }
  WEIR_CO_CHECK(check_active(*state->stream));
  if (hours == current) co_return CommandResult{};
  co_return co_await begin(*state, StreamStatus::updating, RetentionChange{static_cast<std::uint32_t>(hours)},
                           settings_.update_time.get());
}

env::Task<CommandResult> Directory::do_add_tags(StreamScope scope, std::string name,
                                                std::map<std::string, std::string> tags) {
  WEIR_CO_TRY(const StreamState* state, find_stream(scope, name));
  WEIR_CO_CHECK(check_taggable(*state->stream));
  tags.insert(state->stream->tags.begin(), state->stream->tags.end());  // the new ones win
  const std::uint64_t tags_max = settings_.stream_tags_max.get();
  if (tags.size() > tags_max) co_return refuse({.kind = RefusalKind::too_many_tags, .limit = tags_max});
  co_return co_await store_change(state->stream->id, with_tags(*state, std::move(tags)));
}

env::Task<CommandResult> Directory::do_remove_tags(StreamScope scope, std::string name, std::vector<std::string> keys) {
  WEIR_CO_TRY(const StreamState* state, find_stream(scope, name));
  WEIR_CO_CHECK(check_taggable(*state->stream));
  auto tags = state->stream->tags;
  for (const std::string& key : keys) tags.erase(key);
  if (tags.size() == state->stream->tags.size()) co_return CommandResult{};
  co_return co_await store_change(state->stream->id, with_tags(*state, std::move(tags)));
}

env::Task<CommandResult> Directory::begin(const StreamState& current, StreamStatus status, Change change,
                                          milliseconds duration) {
  const PendingChange pending{core_.wall_now() + duration, duration, change};
  return store_change(current.stream->id, begin_change(current, status, pending));
}

env::Task<CommandResult> Directory::store_change(StreamId id, StreamState next) {
  Ending ending = co_await replace_stream(id, std::move(next));
  if (ending.outcome != Outcome::done) co_return refuse_unavailable(std::move(ending.reason));
  co_return CommandResult{};
}

env::Task<Result<Epoch>> Directory::claim_lane(LaneId lane, std::optional<LaneOwner> owner) {
  if (lane.value >= lanes_.size()) {
    co_return fail(ErrorCode::invalid_argument, "there is no lane " + std::to_string(lane.value));
  }
  Epoch claimed{0};
  const CommandResult result = co_await in_turn(do_claim(lane, std::move(owner), claimed));
  if (!result) co_return fail(ErrorCode::unavailable, "claim a lane: " + result.error().reason);
  co_return claimed;
}

// Reading an unknown outcome back would not tell this claim from a rival's of the same number, so it is not taken for
// done: the next claim goes one higher.
env::Task<CommandResult> Directory::do_claim(LaneId lane, std::optional<LaneOwner> owner, Epoch& claimed) {
  const Epoch epoch{lanes_[lane.value].epoch.value + 1};
  LaneState next{.epoch = epoch, .owner = std::move(owner), .modified = 0};
  if (next.owner) next.owner->epoch = epoch;
  std::vector<metastore::Guard> guards;
  guards.push_back({lane_key(lane), lanes_[lane.value].modified});
  std::vector<metastore::Write> writes;
  writes.push_back(lane_write(lane, next));
  Ending ending = co_await commit(std::move(guards), std::move(writes));
  if (ending.outcome != Outcome::done || ending.revision == 0) co_return refuse_unavailable(std::move(ending.reason));
  next.modified = ending.revision;
  const bool is_published = next.owner != lanes_[lane.value].owner;
  lanes_[lane.value] = std::move(next);
  claimed = epoch;
  if (is_published) {
    ShardMapBuilder builder(*map_);
    builder.set_owner(lane, lanes_[lane.value].owner);
    co_await publish(builder.build(ending.revision));
  }
  co_return CommandResult{};
}

env::Task<Result<void>> Directory::define_cell(std::uint32_t cell, CellState state) {
  const bool fits = cell < cells_max && state.lanes >= 1 && state.lanes <= lanes_per_cell_max &&
                    (std::size_t{cell} + 1) * lanes_per_cell_max <= lanes_.size();
  if (!fits) {
    co_return fail(ErrorCode::invalid_argument,
                   "cells are numbered 0 to " + std::to_string(lanes_.size() / lanes_per_cell_max) +
                       ", the end excluded, and have 1 to " + std::to_string(lanes_per_cell_max) + " lanes");
  }
  const auto known = cells_.find(cell);
  if (known != cells_.end() && known->second.lanes > state.lanes) {
    co_return fail(ErrorCode::invalid_argument, "cell " + std::to_string(cell) + " has " +
                                                    std::to_string(known->second.lanes) +
                                                    " lanes already; a cell cannot lose lanes");
  }
  const CommandResult result = co_await in_turn(do_define_cell(cell, std::move(state)));
  if (!result) co_return fail(ErrorCode::unavailable, "define a cell: " + result.error().reason);
  co_return Result<void>{};
}

env::Task<CommandResult> Directory::do_define_cell(std::uint32_t cell, CellState state) {
  const auto known = cells_.find(cell);
  std::vector<metastore::Guard> guards;
  guards.push_back({cell_key(cell), known == cells_.end() ? 0 : known->second.modified});
  std::vector<metastore::Write> writes;
  writes.push_back(cell_write(cell, state));
  Ending ending = co_await commit(std::move(guards), std::move(writes));
  if (ending.outcome != Outcome::done) co_return refuse_unavailable(std::move(ending.reason));
  if (ending.revision == 0) co_return CommandResult{};
  state.modified = ending.revision;
  cells_.insert_or_assign(cell, std::move(state));
  co_return CommandResult{};
}

}  // namespace weir::directory
