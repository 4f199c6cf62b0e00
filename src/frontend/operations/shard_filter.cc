#include "frontend/operations/shard_filter.h"

#include <algorithm>

#include "model/shard_id.h"

namespace weir::frontend {
namespace {

using kinesis::ShardFilterType;

std::optional<kinesis::ApiError> check_members(const kinesis::ShardFilter& filter) {
  const ShardFilterType type = *filter.type;
  const std::string_view name = filter.type->text;
  const bool wants_time = type == ShardFilterType::at_timestamp || type == ShardFilterType::from_timestamp;
  const bool wants_id = type == ShardFilterType::after_shard_id;
  if (wants_time && !filter.timestamp) return kinesis::errors::shard_filter_member_missing(name, "Timestamp");
  if (wants_id && !filter.shard_id) return kinesis::errors::shard_filter_member_missing(name, "ShardId");
  if (!wants_time && filter.timestamp) return kinesis::errors::shard_filter_member_superfluous(name, "Timestamp");
  if (!wants_id && filter.shard_id) return kinesis::errors::shard_filter_member_superfluous(name, "ShardId");
  return std::nullopt;
}

// Whether the shard had begun by `time`. One whose parent is gone began before anything that is still kept.
bool had_started(const directory::Stream& stream, const directory::Shard& shard, WallTime time) noexcept {
  if (!shard.parent) return true;
  const directory::Shard* parent = stream.find_shard(*shard.parent);
  return parent == nullptr || !parent->closed || *parent->closed <= time;
}

}  // namespace

ApiResult<ShardSelection> select_shards(const kinesis::ShardFilter& filter, const directory::Stream& stream,
                                        WallTime now) {
  if (auto error = check_members(filter)) return std::unexpected(std::move(*error));
  const WallTime horizon = now - hours(stream.retention_hours);
  switch (filter.type->value) {
    case ShardFilterType::after_shard_id: {
      const auto after = model::parse_shard_id(*filter.shard_id);
      if (!after) {
        return std::unexpected(kinesis::errors::shard_not_parsed(*filter.shard_id, stream.name, stream.scope.account));
      }
      return ShardSelection{.after = after};
    }
    case ShardFilterType::from_trim_horizon: return ShardSelection{};
    case ShardFilterType::at_trim_horizon:
      return ShardSelection{.kind = ShardSelection::Kind::open_at, .time = horizon};
    case ShardFilterType::at_latest: return ShardSelection{.kind = ShardSelection::Kind::open};
    case ShardFilterType::at_timestamp:
      return ShardSelection{.kind = ShardSelection::Kind::open_at, .time = std::max(*filter.timestamp, horizon)};
    case ShardFilterType::from_timestamp:
      return ShardSelection{.kind = ShardSelection::Kind::not_ended_before, .time = *filter.timestamp};
  }
  return ShardSelection{};
}

bool is_selected(const ShardSelection& selection, const directory::Stream& stream,
                 const directory::Shard& shard) noexcept {
  switch (selection.kind) {
    case ShardSelection::Kind::all: return true;
    case ShardSelection::Kind::open: return shard.is_open();
    case ShardSelection::Kind::open_at:
      return had_started(stream, shard, selection.time) && (shard.is_open() || selection.time < *shard.closed);
    case ShardSelection::Kind::not_ended_before: return shard.is_open() || *shard.closed >= selection.time;
  }
  return false;
}

}  // namespace weir::frontend
