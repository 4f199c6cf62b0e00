// MapHistory: what changed from map to map, as far back as its bounds reach, so that who holds an older map can be
// brought to the newest by what has changed alone. It remembers which streams changed, not what they were: what they
// are is in the newest map.
//
// Threading: one core.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "directory/map/map_delta.h"
#include "directory/map/map_slice.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

struct MapHistoryOptions {
  std::size_t steps_max = 4'096;     // from one map to the next
  std::size_t streams_max = 65'536;  // that changed, over all steps; and as many credentials
};

class MapHistory {
 public:
  explicit MapHistory(MapHistoryOptions options) noexcept : options_(options) {}

  // Null before the first add().
  [[nodiscard]] const ShardMapPointer& newest() const noexcept { return newest_; }
  // Takes a map that is newer than the newest. The oldest steps go when there are too many.
  void add(ShardMapPointer map);

  // Whether there is a way from `held`, an older map or the newest itself, by what has changed.
  [[nodiscard]] bool reaches(MapId held, const MapSlice& slice) const;
  // That way, within the slice. Only where reaches() holds, and the newest map has the slice.
  [[nodiscard]] MapDelta since(MapId held, const MapSlice& slice) const;

  [[nodiscard]] std::size_t steps() const noexcept { return steps_.size(); }

 private:
  struct StreamStep {
    StreamId id;
    std::optional<StreamPlace> before;  // empty: it is new
  };
  struct CredentialStep {
    std::string access_key_id;
    std::string account_before;  // empty: it is new
  };
  struct Step {
    MapId from;
    std::vector<StreamStep> streams;
    std::vector<LaneId> owners;
    std::vector<std::string> fleets;
    std::vector<CredentialStep> credentials;
    bool fleets_moved = false;  // accounts went from fleet to fleet: slices of fleets have other streams now
    bool token_key = false;
  };

  [[nodiscard]] static Step step_between(const ShardMap& from, const ShardMap& to);
  // The step that starts from `held`; the end when there is none.
  [[nodiscard]] std::deque<Step>::const_iterator find(MapId held) const;

  const MapHistoryOptions options_;
  ShardMapPointer newest_;
  std::deque<Step> steps_;  // each begins where the one before it ends
  std::size_t streams_ = 0;
  std::size_t credentials_ = 0;
};

}  // namespace weir::directory
