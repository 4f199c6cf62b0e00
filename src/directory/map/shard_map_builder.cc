#include "directory/map/shard_map_builder.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "model/hash_range.h"

namespace weir::directory {

void index_open_shards(Stream& stream) {
  stream.open_by_hash.clear();
  for (std::uint32_t i = 0; i < stream.shards.size(); ++i) {
    if (stream.shards[i].is_open()) stream.open_by_hash.push_back(i);
  }
  std::ranges::sort(stream.open_by_hash, {}, [&stream](std::uint32_t i) { return stream.shards[i].first_hash; });
}

bool open_shards_tile(const Stream& stream) {
  std::vector<model::HashRange> ranges;
  ranges.reserve(stream.open_by_hash.size());
  for (const std::uint32_t i : stream.open_by_hash) {
    ranges.push_back({stream.shards[i].first_hash, stream.shards[i].last_hash});
  }
  return model::tile_key_space(ranges);
}

ShardMapBuilder::ShardMapBuilder(const ShardMap& base) : map_(std::make_shared<ShardMap>(base)) {
  map_->based_on_ = base.version();
  map_->changed_.clear();
}

void ShardMapBuilder::put(std::shared_ptr<const Stream> stream) {
  remove(stream->id);
  // The key points into the stream, so an entry is never overwritten.
  const bool added = map_->by_name_[stream->scope].emplace(stream->name, stream).second;
  WEIR_ASSERT_NOTE(added, "two streams of one name");
  if (map_->changed_.empty() || map_->changed_.back() != stream->id) map_->changed_.push_back(stream->id);
  map_->by_id_.emplace(stream->id, std::move(stream));
}

void ShardMapBuilder::remove(StreamId id) {
  const auto found = map_->by_id_.find(id);
  if (found == map_->by_id_.end()) return;
  const std::shared_ptr<const Stream> stream = std::move(found->second);
  map_->by_id_.erase(found);
  const auto scope = map_->by_name_.find(stream->scope);
  WEIR_ASSERT(scope != map_->by_name_.end());
  scope->second.erase(stream->name);
  if (scope->second.empty()) map_->by_name_.erase(scope);
  map_->changed_.push_back(id);
}

void ShardMapBuilder::set_owner(LaneId lane, std::optional<LaneOwner> owner) {
  if (owner) {
    map_->owners_.insert_or_assign(lane, std::make_shared<const LaneOwner>(std::move(*owner)));
  } else {
    map_->owners_.erase(lane);
  }
}

void ShardMapBuilder::set_fleet(const std::string& name, std::optional<Fleet> fleet) {
  if (fleet) {
    map_->fleets_.insert_or_assign(name, std::make_shared<const Fleet>(std::move(*fleet)));
  } else {
    map_->fleets_.erase(name);
  }
}

void ShardMapBuilder::set_credential(const std::string& access_key_id,
                                     std::shared_ptr<const SealedCredential> credential) {
  if (credentials_ == nullptr) {
    auto own = std::make_shared<ShardMap::CredentialsById>(map_->credentials());
    credentials_ = own.get();
    map_->credentials_ = std::move(own);
  }
  if (credential != nullptr) {
    credentials_->insert_or_assign(access_key_id, std::move(credential));
  } else {
    credentials_->erase(access_key_id);
  }
}

ShardMapPointer ShardMapBuilder::build(std::uint64_t version) {
  map_->version_ = version;
  std::ranges::sort(map_->changed_);
  map_->changed_.erase(std::ranges::unique(map_->changed_).begin(), map_->changed_.end());
  return std::move(map_);
}

}  // namespace weir::directory
