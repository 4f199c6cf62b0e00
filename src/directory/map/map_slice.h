// MapSlice: the part of a shard map that one kind of follower needs.
//
// - A directory needs everything.
// - A front end needs the streams of its fleet's accounts, whole; the owners of all lanes, since those streams may be
//   in any cell; its own fleet; the credentials of those accounts; and the token key.
// - A node needs the streams that have a shard on a lane of its cell, and the owners of that cell's lanes, to say who
//   has what it has not. It gets such a stream whole, with shards in other cells, if any: half a stream would have
//   parents without children and hash keys without a shard, and no check could tell it from a broken one. It needs no
//   fleets, no credentials and no token key: what it does not have cannot leak from it.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "directory/cell_layout.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

struct MapSlice {
  enum class Kind : std::uint8_t { all, fleet, cell };
  Kind kind = Kind::all;
  std::string fleet;
  std::uint32_t cell = 0;  // below cells_max

  [[nodiscard]] static MapSlice of_fleet(std::string name) { return {Kind::fleet, std::move(name), 0}; }
  [[nodiscard]] static MapSlice of_cell(std::uint32_t number) { return {Kind::cell, {}, number}; }
  // "all", "fleet/<name>", "cell/<number>".
  [[nodiscard]] std::string name() const;
  friend bool operator==(const MapSlice&, const MapSlice&) = default;
};

// What of a stream decides which slices it is in.
struct StreamPlace {
  std::string account;
  std::uint64_t cells = 0;  // a bit for each cell
  friend bool operator==(const StreamPlace&, const StreamPlace&) = default;
};
static_assert(cells_max <= 64);
[[nodiscard]] StreamPlace place_of(const Stream& stream);

// Tells what is in a slice as one map has it.
class SliceFilter {
 public:
  // Empty when the map has no such fleet.
  [[nodiscard]] static std::optional<SliceFilter> make(const ShardMap& map, const MapSlice& slice);

  [[nodiscard]] bool contains(const StreamPlace& place) const;
  [[nodiscard]] bool contains(const Stream& stream) const;
  [[nodiscard]] bool contains(LaneId lane) const noexcept;
  [[nodiscard]] bool contains_fleet(const std::string& name) const noexcept;
  [[nodiscard]] bool contains_credential_of(const std::string& account) const;
  [[nodiscard]] bool contains_token_key() const noexcept { return slice_.kind != MapSlice::Kind::cell; }

 private:
  explicit SliceFilter(MapSlice slice) : slice_(std::move(slice)) {}
  [[nodiscard]] bool serves(const std::string& account) const;

  MapSlice slice_;
  bool serves_all_ = false;
  bool serves_all_others_ = false;
  absl::flat_hash_set<std::string> accounts_;         // its own
  absl::flat_hash_set<std::string> others_accounts_;  // of other fleets; kept when it serves all others
};

}  // namespace weir::directory
