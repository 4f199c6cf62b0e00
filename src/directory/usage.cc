#include "directory/usage.h"

namespace weir::directory {
namespace {

// Shards that the pending change makes, and by how many it raises the open ones.
struct Coming {
  std::uint64_t shards = 0;
  std::uint64_t more_open = 0;
};

Coming coming_of(const StreamState& state) noexcept {
  if (!state.pending) return {};
  const Change& change = state.pending->change;
  if (const auto* create = std::get_if<CreateChange>(&change)) return {create->shard_count, create->shard_count};
  if (std::holds_alternative<SplitChange>(change)) return {2, 1};
  if (std::holds_alternative<MergeChange>(change)) return {1, 0};
  return {};
}

// Unsigned arithmetic wraps, so that adding and taking away again cancel out.
void shift(std::uint64_t& value, std::uint64_t amount, int sign) noexcept {
  sign > 0 ? value += amount : value -= amount;
}

void count_stream(ScopeUsage& usage, const StreamState& state, int sign) noexcept {
  const Stream& stream = *state.stream;
  shift(usage.streams, 1, sign);
  if (stream.status == StreamStatus::creating) shift(usage.creating_streams, 1, sign);
  if (stream.mode == StreamMode::on_demand) {
    shift(usage.on_demand_streams, 1, sign);
  } else {
    shift(usage.provisioned_shards, stream.open_shard_count() + coming_of(state).more_open, sign);
  }
}

}  // namespace

ScopeUsage Usage::of(const StreamScope& scope) const {
  const auto found = scopes_.find(scope);
  return found == scopes_.end() ? ScopeUsage{} : found->second;
}

void Usage::count(const StreamState& state, int sign) {
  const Stream& stream = *state.stream;
  ScopeUsage& scope = scopes_[stream.scope];
  count_stream(scope, state, sign);
  if (scope.streams == 0) scopes_.erase(stream.scope);
  count_stream(total_, state, sign);
  shift(open_shards_, stream.open_shard_count(), sign);
  shift(stored_shards_, stream.shards.size(), sign);
  shift(expected_shards_, stream.shards.size() + coming_of(state).shards, sign);
  shift(pending_changes_, state.pending ? 1 : 0, sign);
  for (const std::uint32_t i : stream.open_by_hash) shift(open_shards_of_lane_[stream.shards[i].lane.value], 1, sign);
}

}  // namespace weir::directory
