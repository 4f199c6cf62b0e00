#include "directory/map/map_history.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/btree_map.h"
#include "base/assert.h"

namespace weir::directory {

void MapHistory::add(ShardMapPointer map) {
  WEIR_ASSERT(newest_ == nullptr || map->id() > newest_->id());
  if (newest_ != nullptr) {
    steps_.push_back(step_between(*newest_, *map));
    streams_ += steps_.back().streams.size();
    credentials_ += steps_.back().credentials.size();
  }
  newest_ = std::move(map);
  const auto is_too_much = [this] {
    return steps_.size() > options_.steps_max || std::max(streams_, credentials_) > options_.streams_max;
  };
  while (!steps_.empty() && is_too_much()) {
    streams_ -= steps_.front().streams.size();
    credentials_ -= steps_.front().credentials.size();
    steps_.pop_front();
  }
}

MapHistory::Step MapHistory::step_between(const ShardMap& from, const ShardMap& to) {
  Step step{.from = from.id()};
  const auto note = [&](StreamId id) {
    const auto before = from.find(id);
    step.streams.push_back({id, before == nullptr ? std::nullopt : std::optional(place_of(*before))});
  };
  const auto is_next = from.term() == to.term() && from.version() == to.based_on();
  if (is_next) {
    for (const StreamId id : to.changed()) note(id);
  }
  // Streams that two maps of one line share are one and the same object, so this is cheap; it is the only way after a
  // change of leader.
  const MapDelta delta = is_next ? difference_without_streams(from, to) : difference(from, to);
  for (const auto& stream : delta.streams) note(stream->id);
  for (const StreamId id : delta.removed) note(id);
  for (const auto& [lane, owner] : delta.owners) step.owners.push_back(lane);
  for (const auto& [name, fleet] : delta.fleets) {
    step.fleets.push_back(name);
    const auto before = from.fleets().find(name);
    step.fleets_moved = step.fleets_moved || !fleet || before == from.fleets().end() || *before->second != *fleet;
  }
  for (const auto& [id, credential] : delta.credentials) {
    const auto before = from.credentials().find(id);
    step.credentials.push_back({id, before == from.credentials().end() ? std::string() : before->second->account});
  }
  step.token_key = delta.token_key.has_value();
  return step;
}

std::deque<MapHistory::Step>::const_iterator MapHistory::find(MapId held) const {
  const auto found = std::ranges::lower_bound(steps_, held, {}, &Step::from);
  return found != steps_.end() && found->from == held ? found : steps_.end();
}

bool MapHistory::reaches(MapId held, const MapSlice& slice) const {
  if (newest_ == nullptr) return false;
  if (held == newest_->id()) return true;
  const auto first = find(held);
  if (first == steps_.end()) return false;
  return slice.kind != MapSlice::Kind::fleet || std::none_of(first, steps_.end(), std::mem_fn(&Step::fleets_moved));
}

MapDelta MapHistory::since(MapId held, const MapSlice& slice) const {
  MapDelta delta{.from = held, .to = newest_->id()};
  if (held == newest_->id()) return delta;
  const auto filter = SliceFilter::make(*newest_, slice);
  WEIR_ASSERT(filter.has_value());

  absl::btree_map<StreamId, bool> streams;  // changed; whether it may have been in the slice
  std::set<LaneId> owners;
  std::set<std::string> fleets;
  absl::btree_map<std::string, bool> credentials;  // as streams
  bool token_key = false;
  for (auto step = find(held); step != steps_.end(); ++step) {
    for (const StreamStep& stream : step->streams) {
      bool& was_inside = streams[stream.id];
      was_inside = was_inside || (stream.before && filter->contains(*stream.before));
    }
    std::ranges::copy_if(step->owners, std::inserter(owners, owners.end()),
                         [&](LaneId lane) { return filter->contains(lane); });
    std::ranges::copy_if(step->fleets, std::inserter(fleets, fleets.end()),
                         [&](const std::string& name) { return filter->contains_fleet(name); });
    for (const CredentialStep& credential : step->credentials) {
      bool& was_inside = credentials[credential.access_key_id];
      was_inside = was_inside ||
                   (!credential.account_before.empty() && filter->contains_credential_of(credential.account_before));
    }
    token_key = token_key || step->token_key;
  }

  for (const auto& [id, was_inside] : streams) {
    auto stream = newest_->find(id);
    if (stream != nullptr && filter->contains(*stream)) {
      delta.streams.push_back(std::move(stream));
    } else if (was_inside) {
      delta.removed.push_back(id);
    }
  }
  for (const LaneId lane : owners) {
    const LaneOwner* owner = newest_->owner(lane);
    delta.owners.emplace_back(lane, owner == nullptr ? std::nullopt : std::optional(*owner));
  }
  for (const std::string& name : fleets) {
    const auto fleet = newest_->fleets().find(name);
    delta.fleets.emplace_back(name,
                              fleet == newest_->fleets().end() ? std::nullopt : std::optional<Fleet>(*fleet->second));
  }
  for (const auto& [id, was_inside] : credentials) {
    const auto credential = newest_->credentials().find(id);
    if (credential != newest_->credentials().end() && filter->contains_credential_of(credential->second->account)) {
      delta.credentials.emplace_back(id, credential->second);
    } else if (was_inside) {
      delta.credentials.emplace_back(id, nullptr);
    }
  }
  if (token_key && filter->contains_token_key()) delta.token_key = newest_->token_key();
  return delta;
}

}  // namespace weir::directory
