// ShardMapBuilder: makes a new shard map from an old one and what has changed. Everything that has not is shared.
#pragma once

#include <optional>

#include "directory/map/shard_map.h"

namespace weir::directory {

// Sets stream.open_by_hash from stream.shards.
void index_open_shards(Stream& stream);
// Whether the open shards own every hash key exactly once. A stream without shards does not.
[[nodiscard]] bool open_shards_tile(const Stream& stream);

// One thread.
class ShardMapBuilder {
 public:
  ShardMapBuilder() : map_(std::make_shared<ShardMap>()) {}
  explicit ShardMapBuilder(const ShardMap& base);

  // Adds the stream, or replaces the one of the same id. Its name must be free or its own.
  void put(std::shared_ptr<const Stream> stream);
  void remove(StreamId id);
  // Empty: nobody owns the lane.
  void set_owner(LaneId lane, std::optional<LaneOwner> owner);
  // Empty: there is no such fleet.
  void set_fleet(const std::string& name, std::optional<Fleet> fleet);
  // Null: there is no such access key.
  void set_credential(const std::string& access_key_id, std::shared_ptr<const SealedCredential> credential);
  void set_token_key(const std::optional<TokenKey>& key) { map_->token_key_ = key; }
  // Kept from the base when it is not set.
  void set_term(std::uint64_t term) { map_->term_ = term; }
  // What has been put so far.
  [[nodiscard]] const ShardMap& map() const noexcept { return *map_; }
  // The map, of a version above the base's. Nothing may be called afterwards.
  [[nodiscard]] ShardMapPointer build(std::uint64_t version);

 private:
  std::shared_ptr<ShardMap> map_;
  ShardMap::CredentialsById* credentials_ = nullptr;  // the map's own, once they differ from the base's
};

}  // namespace weir::directory
