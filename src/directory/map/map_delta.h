// MapDelta: what leads from one shard map to the next. Pure; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

struct MapDelta {
  MapId from;
  MapId to;
  std::vector<std::shared_ptr<const Stream>> streams;               // new or changed, by rising id
  std::vector<StreamId> removed;                                    // by rising id; need not have been there
  std::vector<std::pair<LaneId, std::optional<LaneOwner>>> owners;  // empty: nobody's any more
  std::vector<std::pair<std::string, std::optional<Fleet>>> fleets;
  // Null: there is no such access key any more, or it is not of the slice.
  std::vector<std::pair<std::string, std::shared_ptr<const SealedCredential>>> credentials;
  std::optional<TokenKey> token_key;  // empty: as it was
};

// What leads from `from` to `to`, which is newer. Looks at every stream; those that the maps share cost next to
// nothing.
[[nodiscard]] MapDelta difference(const ShardMap& from, const ShardMap& to);
// The same but for the streams, which are left out.
[[nodiscard]] MapDelta difference_without_streams(const ShardMap& from, const ShardMap& to);
// The map that the delta leads to. Errors: conflict when `base` is not the map that it starts from; corrupt when the
// outcome would have two streams of one name.
[[nodiscard]] Result<ShardMapPointer> apply_delta(const ShardMap& base, const MapDelta& delta);

// Whether the two say the same. That is for tests and for checks: it looks at everything.
[[nodiscard]] bool same_content(const ShardMap& a, const ShardMap& b);

}  // namespace weir::directory
