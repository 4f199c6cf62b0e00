#include "directory/map/shard_map.h"

#include <algorithm>

namespace weir::directory {

const Shard* Stream::open_shard_for(HashKey key) const noexcept {
  // The last open shard that begins at or before the key.
  const auto after =
      std::ranges::upper_bound(open_by_hash, key, {}, [this](std::uint32_t i) { return shards[i].first_hash; });
  if (after == open_by_hash.begin()) return nullptr;
  const Shard& shard = shards[*(after - 1)];
  return key <= shard.last_hash ? &shard : nullptr;
}

const Shard* Stream::find_shard(ShardIndex index) const noexcept {
  const auto found = std::ranges::lower_bound(shards, index, {}, &Shard::index);
  return found != shards.end() && found->index == index ? &*found : nullptr;
}

std::shared_ptr<const Stream> ShardMap::find(std::string_view account, std::string_view region,
                                             std::string_view name) const {
  const auto scope = by_name_.find(StreamScope{std::string(account), std::string(region)});
  if (scope == by_name_.end()) return nullptr;
  const auto found = scope->second.find(name);
  return found == scope->second.end() ? nullptr : found->second;
}

std::shared_ptr<const Stream> ShardMap::find(StreamId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const ShardMap::StreamsByName* ShardMap::streams_of(const StreamScope& scope) const {
  const auto found = by_name_.find(scope);
  return found == by_name_.end() ? nullptr : &found->second;
}

const LaneOwner* ShardMap::owner(LaneId lane) const noexcept {
  const auto found = owners_.find(lane);
  return found == owners_.end() ? nullptr : found->second.get();
}

}  // namespace weir::directory
