#include "directory/map/map_slice.h"

#include <algorithm>

namespace weir::directory {

std::string MapSlice::name() const {
  switch (kind) {
    case Kind::all: return "all";
    case Kind::fleet: return "fleet/" + fleet;
    case Kind::cell: return "cell/" + std::to_string(cell);
  }
  return "all";
}

StreamPlace place_of(const Stream& stream) {
  StreamPlace place{.account = stream.scope.account};
  for (const Shard& shard : stream.shards) place.cells |= std::uint64_t{1} << (cell_of(shard.lane) % cells_max);
  return place;
}

std::optional<SliceFilter> SliceFilter::make(const ShardMap& map, const MapSlice& slice) {
  SliceFilter filter(slice);
  if (slice.kind != MapSlice::Kind::fleet) return filter;
  filter.serves_all_ = map.fleets().empty();
  if (filter.serves_all_) return filter;
  const auto own = map.fleets().find(slice.fleet);
  if (own == map.fleets().end()) return std::nullopt;
  filter.accounts_.insert(own->second->accounts.begin(), own->second->accounts.end());
  filter.accounts_.insert(own->second->leaving.begin(), own->second->leaving.end());
  filter.serves_all_others_ = own->second->serves_all_others;
  if (!filter.serves_all_others_) return filter;
  for (const auto& [name, fleet] : map.fleets()) {
    if (name != slice.fleet) filter.others_accounts_.insert(fleet->accounts.begin(), fleet->accounts.end());
  }
  return filter;
}

bool SliceFilter::serves(const std::string& account) const {
  return serves_all_ || accounts_.contains(account) || (serves_all_others_ && !others_accounts_.contains(account));
}

bool SliceFilter::contains(const StreamPlace& place) const {
  switch (slice_.kind) {
    case MapSlice::Kind::all: return true;
    case MapSlice::Kind::fleet: return serves(place.account);
    case MapSlice::Kind::cell: return (place.cells >> slice_.cell & 1) != 0;
  }
  return false;
}

bool SliceFilter::contains(const Stream& stream) const {
  switch (slice_.kind) {
    case MapSlice::Kind::all: return true;
    case MapSlice::Kind::fleet: return serves(stream.scope.account);
    case MapSlice::Kind::cell:
      return std::ranges::any_of(stream.shards, [this](const Shard& shard) { return contains(shard.lane); });
  }
  return false;
}

bool SliceFilter::contains(LaneId lane) const noexcept {
  return slice_.kind != MapSlice::Kind::cell || cell_of(lane) == slice_.cell;
}

bool SliceFilter::contains_credential_of(const std::string& account) const {
  switch (slice_.kind) {
    case MapSlice::Kind::all: return true;
    case MapSlice::Kind::fleet: return serves(account);
    case MapSlice::Kind::cell: return false;
  }
  return false;
}

bool SliceFilter::contains_fleet(const std::string& name) const noexcept {
  switch (slice_.kind) {
    case MapSlice::Kind::all: return true;
    case MapSlice::Kind::fleet: return name == slice_.fleet;
    case MapSlice::Kind::cell: return false;
  }
  return false;
}

}  // namespace weir::directory
