#include "cell/lane/shard_table.h"

namespace weir::cell {

void ShardTable::apply(const directory::ShardMap& map, const journal::Journal& journal) {
  if (version_.has_value() && map.version() < *version_) return;
  version_ = map.version();
  const bool look_at_all = refused_ != 0;
  refused_ = 0;
  absl::erase_if(streams_, [&](const auto& entry) {
    if (map.all().contains(entry.first)) return false;
    forget_missing(*entry.second, nullptr);
    return true;
  });
  for (const auto& [id, stream] : map.all()) {
    auto& known = streams_[id];
    if (known == stream && !look_at_all) continue;
    if (known != nullptr) forget_missing(*known, stream.get());
    known = stream;
    update(*stream, journal);
  }
}

void ShardTable::update(const directory::Stream& stream, const journal::Journal& journal) {
  for (const directory::Shard& shard : stream.shards) {
    if (shard.lane != lane_) continue;
    const auto found = shards_.find(stream.key_of(shard));
    if (found == shards_.end() && budget_ != nullptr && !budget_->try_take()) {
      ++refused_;
      continue;
    }
    auto& state = found != shards_.end() ? found->second : shards_[stream.key_of(shard)];
    if (state == nullptr) {
      state = std::make_unique<ShardState>();
      if (const auto bounds = journal.bounds(stream.key_of(shard)); bounds.has_value()) {
        state->next = {bounds->last.value + 1};
        state->last_arrival = bounds->last_arrival;
      }
    }
    state->retention = hours(stream.retention_hours);
    state->closed = shard.closed;
    if (shard.closed.has_value()) state->closing.reset();
  }
}

// Forgets this lane's shards of `before` that `after` does not have.
void ShardTable::forget_missing(const directory::Stream& before, const directory::Stream* after) {
  for (const directory::Shard& shard : before.shards) {
    if (shard.lane != lane_) continue;
    if (after == nullptr || after->find_shard(shard.index) == nullptr) erase(before.key_of(shard));
  }
}

void ShardTable::erase(ShardKey key) noexcept {
  if (shards_.erase(key) != 0 && budget_ != nullptr) budget_->give_back(1);
}

void ShardTable::clear() noexcept {
  if (budget_ != nullptr) budget_->give_back(shards_.size());
  shards_.clear();
  streams_.clear();
  refused_ = 0;
}

const directory::Stream* ShardTable::find_in_map(ShardKey key) const noexcept {
  const auto stream = streams_.find(key.stream);
  if (stream == streams_.end()) return nullptr;
  const directory::Shard* const shard = stream->second->find_shard(key.shard);
  return shard != nullptr && shard->lane == lane_ ? stream->second.get() : nullptr;
}

ShardState* ShardTable::find(ShardKey key) noexcept {
  const auto found = shards_.find(key);
  return found == shards_.end() ? nullptr : found->second.get();
}

void ShardTable::release_idle(MonotonicTime now) {
  for (auto& [key, state] : shards_) {
    static_cast<void>(state->writes.release_if_idle(now));
    if (state->pace != nullptr && state->pace->is_idle(now)) state->pace.reset();
    static_cast<void>(state->reads.release_if_idle(now));
    static_cast<void>(state->iterators.release_if_idle(now));
  }
}

WallTime ShardTable::keep_from(ShardKey key, WallTime now) const noexcept {
  const auto found = shards_.find(key);
  if (found != shards_.end()) return now - found->second->retention;
  const directory::Stream* const stream = find_in_map(key);  // of a shard that was refused
  return stream == nullptr ? WallTime::max() : now - hours(stream->retention_hours);
}

}  // namespace weir::cell
