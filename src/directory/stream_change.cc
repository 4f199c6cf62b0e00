#include "directory/stream_change.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "directory/map/shard_map_builder.h"
#include "model/hash_range.h"

namespace weir::directory {
namespace {

// A copy of the state to be changed, and the way back.
class Edit {
 public:
  explicit Edit(const StreamState& state) : stream(*state.stream), state_(state) {}

  Stream stream;

  Shard& shard(ShardIndex index) {
    const auto found = std::ranges::lower_bound(stream.shards, index, {}, &Shard::index);
    WEIR_ASSERT(found != stream.shards.end() && found->index == index);
    return *found;
  }
  ShardIndex add(model::HashRange range, WallTime created, LaneId lane, std::optional<ShardIndex> parent,
                 std::optional<ShardIndex> adjacent_parent) {
    const ShardIndex index{state_.next_shard++};
    stream.shards.push_back({.index = index,
                             .first_hash = range.first,
                             .last_hash = range.last,
                             .parent = parent,
                             .adjacent_parent = adjacent_parent,
                             .children = {},
                             .created = created,
                             .closed = std::nullopt,
                             .lane = lane});
    return index;
  }
  // ACTIVE, nothing pending.
  StreamState complete() && {
    state_.pending.reset();
    stream.status = StreamStatus::active;
    index_open_shards(stream);
    WEIR_ASSERT_NOTE(open_shards_tile(stream), "open shards must own every key exactly once");
    return std::move(*this).finish();
  }
  StreamState finish() && {
    state_.stream = std::make_shared<const Stream>(std::move(stream));
    return std::move(state_);
  }

 private:
  StreamState state_;
};

template <class Wanted>
const Wanted& pending_of(const StreamState& state) {
  WEIR_ASSERT(state.pending.has_value());
  const auto* change = std::get_if<Wanted>(&state.pending->change);
  WEIR_ASSERT(change != nullptr);
  return *change;
}

void close(Shard& shard, WallTime closed, std::vector<ShardIndex> children) {
  WEIR_ASSERT(shard.is_open());
  shard.closed = closed;
  shard.children = std::move(children);
}

// `closed`, but after the end of the shard's own parents though the clock has stepped back since: the lives of one
// key's shards follow one another, and parents expire before their children.
WallTime close_time(const Stream& stream, const Shard& shard, WallTime closed) noexcept {
  const Shard* parent = shard.parent ? stream.find_shard(*shard.parent) : nullptr;
  return parent != nullptr && parent->closed ? std::max(closed, *parent->closed + milliseconds(1)) : closed;
}

model::HashRange range_of(const Shard& shard) { return {shard.first_hash, shard.last_hash}; }

}  // namespace

LaneId LanePlacement::place() {
  const auto fewest = std::ranges::min_element(open_shards_);
  ++*fewest;
  return LaneId{first_.value + static_cast<std::uint32_t>(fewest - open_shards_.begin())};
}

WallTime child_creation_time(WallTime parent_created, WallTime closed) noexcept {
  const auto later = std::max(std::chrono::floor<seconds>(parent_created), std::chrono::floor<seconds>(closed));
  return later + seconds(1);
}

StreamState begin_change(const StreamState& state, StreamStatus status, const PendingChange& pending) {
  WEIR_ASSERT(!state.pending.has_value());
  StreamState next = state;
  auto stream = std::make_shared<Stream>(*state.stream);
  stream->status = status;
  next.stream = std::move(stream);
  next.pending = pending;
  return next;
}

StreamState complete_create(const StreamState& state, LanePlacement& lanes) {
  const auto& change = pending_of<CreateChange>(state);
  Edit edit(state);
  edit.stream.shards.reserve(change.shard_count);
  const WallTime created = std::chrono::floor<seconds>(edit.stream.created);
  for (const model::HashRange& range : model::split_evenly(change.shard_count)) {
    edit.add(range, created, lanes.place(), std::nullopt, std::nullopt);
  }
  return std::move(edit).complete();
}

StreamState complete_retention(const StreamState& state) {
  Edit edit(state);
  edit.stream.retention_hours = pending_of<RetentionChange>(state).hours;
  return std::move(edit).complete();
}

StreamState complete_split(const StreamState& state, WallTime closed, LanePlacement& lanes) {
  const auto& change = pending_of<SplitChange>(state);
  Edit edit(state);
  const Shard parent = edit.shard(change.shard);
  closed = close_time(edit.stream, parent, closed);
  const WallTime created = child_creation_time(parent.created, closed);
  const auto [lower, upper] = model::split_at(range_of(parent), change.key);
  const ShardIndex lower_child = edit.add(lower, created, lanes.place(), parent.index, std::nullopt);
  const ShardIndex upper_child = edit.add(upper, created, lanes.place(), parent.index, std::nullopt);
  close(edit.shard(parent.index), closed, {lower_child, upper_child});
  return std::move(edit).complete();
}

StreamState complete_merge(const StreamState& state, WallTime closed, LanePlacement& lanes) {
  const auto& change = pending_of<MergeChange>(state);
  Edit edit(state);
  const Shard parent = edit.shard(change.shard);
  const Shard adjacent = edit.shard(change.adjacent);
  closed = std::max(close_time(edit.stream, parent, closed), close_time(edit.stream, adjacent, closed));
  const WallTime created = child_creation_time(std::max(parent.created, adjacent.created), closed);
  const ShardIndex child =
      edit.add(model::join(range_of(parent), range_of(adjacent)), created, lanes.place(), parent.index, adjacent.index);
  close(edit.shard(parent.index), closed, {child});
  close(edit.shard(adjacent.index), closed, {child});
  return std::move(edit).complete();
}

bool is_expired(const Stream& stream, const Shard& shard, WallTime now) noexcept {
  return shard.closed.has_value() && *shard.closed + hours(stream.retention_hours) < now;
}

bool has_expired_shards(const Stream& stream, WallTime now) noexcept {
  return std::ranges::any_of(stream.shards, [&](const Shard& shard) { return is_expired(stream, shard, now); });
}

StreamState without_expired_shards(const StreamState& state, WallTime now) {
  Edit edit(state);
  std::erase_if(edit.stream.shards, [&](const Shard& shard) { return is_expired(*state.stream, shard, now); });
  index_open_shards(edit.stream);
  return std::move(edit).finish();
}

}  // namespace weir::directory
