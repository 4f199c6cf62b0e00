#include "directory/map/map_delta.h"

#include <algorithm>

#include <fmt/format.h>

#include "directory/map/shard_map_builder.h"

namespace weir::directory {
namespace {

// Walks two sorted maps of shared pointers side by side. `set(key, pointer)` for what is new or other in `to`,
// `gone(key)` for what is only in `from`.
template <class Map, class Set, class Gone>
void compare(const Map& from, const Map& to, const Set& set, const Gone& gone) {
  auto before = from.begin();
  auto after = to.begin();
  while (before != from.end() || after != to.end()) {
    if (after == to.end() || (before != from.end() && before->first < after->first)) {
      gone(before->first);
      ++before;
    } else if (before == from.end() || after->first < before->first) {
      set(after->first, after->second);
      ++after;
    } else {
      if (before->second != after->second && *before->second != *after->second) set(after->first, after->second);
      ++before;
      ++after;
    }
  }
}

}  // namespace

MapDelta difference_without_streams(const ShardMap& from, const ShardMap& to) {
  MapDelta delta{.from = from.id(), .to = to.id()};
  compare(
      from.owners(), to.owners(), [&](LaneId lane, const auto& owner) { delta.owners.emplace_back(lane, *owner); },
      [&](LaneId lane) { delta.owners.emplace_back(lane, std::nullopt); });
  compare(
      from.fleets(), to.fleets(),
      [&](const std::string& name, const auto& fleet) { delta.fleets.emplace_back(name, *fleet); },
      [&](const std::string& name) { delta.fleets.emplace_back(name, std::nullopt); });
  if (&from.credentials() != &to.credentials()) {
    compare(
        from.credentials(), to.credentials(),
        [&](const std::string& id, const auto& credential) { delta.credentials.emplace_back(id, credential); },
        [&](const std::string& id) { delta.credentials.emplace_back(id, nullptr); });
  }
  if (from.token_key() != to.token_key()) delta.token_key = to.token_key();
  return delta;
}

MapDelta difference(const ShardMap& from, const ShardMap& to) {
  MapDelta delta = difference_without_streams(from, to);
  compare(
      from.all(), to.all(), [&](StreamId, const auto& stream) { delta.streams.push_back(stream); },
      [&](StreamId id) { delta.removed.push_back(id); });
  return delta;
}

Result<ShardMapPointer> apply_delta(const ShardMap& base, const MapDelta& delta) {
  if (delta.from != base.id()) {
    return fail(ErrorCode::conflict,
                fmt::format("a change of the shard map starts from version {} of term {}, not from "
                            "version {} of term {}",
                            delta.from.version, delta.from.term, base.version(), base.term()));
  }
  if (delta.to <= delta.from) return fail(ErrorCode::corrupt, "a change of the shard map leads back");
  ShardMapBuilder builder(base);
  for (const StreamId id : delta.removed) builder.remove(id);
  // A name may go from one stream to another in one delta: all that change give theirs up first.
  for (const auto& stream : delta.streams) builder.remove(stream->id);
  for (const auto& stream : delta.streams) {
    if (builder.map().find(stream->scope.account, stream->scope.region, stream->name) != nullptr) {
      return fail(ErrorCode::corrupt, "a change of the shard map gives one name to two streams");
    }
    builder.put(stream);
  }
  for (const auto& [lane, owner] : delta.owners) builder.set_owner(lane, owner);
  for (const auto& [name, fleet] : delta.fleets) builder.set_fleet(name, fleet);
  for (const auto& [id, credential] : delta.credentials) builder.set_credential(id, credential);
  if (delta.token_key) builder.set_token_key(delta.token_key);
  builder.set_term(delta.to.term);
  return builder.build(delta.to.version);
}

bool same_content(const ShardMap& a, const ShardMap& b) {
  const MapDelta delta = difference(a, b);
  return a.id() == b.id() && delta.streams.empty() && delta.removed.empty() && delta.owners.empty() &&
         delta.fleets.empty() && delta.credentials.empty() && a.token_key() == b.token_key();
}

}  // namespace weir::directory
