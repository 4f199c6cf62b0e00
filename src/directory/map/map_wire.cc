#include "directory/map/map_wire.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "directory/cell_layout.h"
#include "directory/map/shard_map_builder.h"

namespace weir::directory {
namespace {

void shard_to_wire(const Shard& shard, wire::Shard& message) {
  message.set_index(shard.index.value);
  to_wire(shard.first_hash, *message.mutable_first_hash());
  to_wire(shard.last_hash, *message.mutable_last_hash());
  if (shard.parent) message.set_parent(shard.parent->value);
  if (shard.adjacent_parent) message.set_adjacent_parent(shard.adjacent_parent->value);
  for (const ShardIndex child : shard.children) message.add_children(child.value);
  message.set_created_ms(unix_milliseconds(shard.created));
  if (shard.closed) message.set_closed_ms(unix_milliseconds(*shard.closed));
  message.set_lane(shard.lane.value);
}

Shard shard_from_wire(const wire::Shard& message) {
  Shard shard;
  shard.index = ShardIndex{message.index()};
  shard.first_hash = from_wire(message.first_hash());
  shard.last_hash = from_wire(message.last_hash());
  if (message.has_parent()) shard.parent = ShardIndex{message.parent()};
  if (message.has_adjacent_parent()) shard.adjacent_parent = ShardIndex{message.adjacent_parent()};
  shard.children.reserve(static_cast<std::size_t>(message.children_size()));
  for (const std::uint32_t child : message.children()) shard.children.push_back(ShardIndex{child});
  shard.created = wall_time_ms(message.created_ms());
  if (message.has_closed_ms()) shard.closed = wall_time_ms(message.closed_ms());
  shard.lane = LaneId{message.lane()};
  return shard;
}

bool is_sound(const Stream& stream) {
  const bool rising = std::ranges::adjacent_find(stream.shards, [](const Shard& a, const Shard& b) {
                        return a.index >= b.index;
                      }) == stream.shards.end();
  const bool in_order =
      std::ranges::all_of(stream.shards, [](const Shard& shard) { return shard.first_hash <= shard.last_hash; });
  if (!rising || !in_order) return false;
  if (stream.shards.empty()) {
    return stream.status == StreamStatus::creating || stream.status == StreamStatus::deleting;
  }
  return open_shards_tile(stream);
}

}  // namespace

void to_wire(HashKey key, wire::HashKey& message) {
  message.set_high(static_cast<std::uint64_t>(key.value >> 64));
  message.set_low(static_cast<std::uint64_t>(key.value));
}

HashKey from_wire(const wire::HashKey& message) noexcept {
  return {(static_cast<unsigned __int128>(message.high()) << 64) | message.low()};
}

wire::Status to_wire(StreamStatus status) noexcept {
  switch (status) {
    case StreamStatus::creating: return wire::CREATING;
    case StreamStatus::active: return wire::ACTIVE;
    case StreamStatus::updating: return wire::UPDATING;
    case StreamStatus::deleting: return wire::DELETING;
  }
  return wire::UNKNOWN_STATUS;
}

std::optional<StreamStatus> from_wire(wire::Status status) noexcept {
  switch (status) {
    case wire::CREATING: return StreamStatus::creating;
    case wire::ACTIVE: return StreamStatus::active;
    case wire::UPDATING: return StreamStatus::updating;
    case wire::DELETING: return StreamStatus::deleting;
    default: return std::nullopt;
  }
}

wire::Mode to_wire(StreamMode mode) noexcept {
  return mode == StreamMode::provisioned ? wire::PROVISIONED : wire::ON_DEMAND;
}

std::optional<StreamMode> from_wire(wire::Mode mode) noexcept {
  if (mode == wire::PROVISIONED) return StreamMode::provisioned;
  if (mode == wire::ON_DEMAND) return StreamMode::on_demand;
  return std::nullopt;
}

void to_wire(MapId id, wire::MapId& message) {
  message.set_term(id.term);
  message.set_version(id.version);
}

MapId from_wire(const wire::MapId& message) noexcept { return {message.term(), message.version()}; }

void to_wire(const Stream& stream, wire::Stream& message) {
  message.set_id(stream.id.value);
  message.set_account(stream.scope.account);
  message.set_region(stream.scope.region);
  message.set_name(stream.name);
  message.set_status(to_wire(stream.status));
  message.set_mode(to_wire(stream.mode));
  message.set_created_ms(unix_milliseconds(stream.created));
  message.set_retention_hours(stream.retention_hours);
  message.set_record_bytes_max(stream.record_bytes_max);
  tags_to_wire(stream.tags, *message.mutable_tags());
  for (const Shard& shard : stream.shards) shard_to_wire(shard, *message.add_shards());
}

Result<std::shared_ptr<const Stream>> from_wire(const wire::Stream& message) {
  const auto status = from_wire(message.status());
  const auto mode = from_wire(message.mode());
  if (!status || !mode || message.id() == 0) {
    return fail(ErrorCode::corrupt,
                fmt::format("stream {} of the shard map has a state that nobody knows", message.id()));
  }
  auto stream = std::make_shared<Stream>();
  stream->id = StreamId{message.id()};
  stream->scope = {message.account(), message.region()};
  stream->name = message.name();
  stream->status = *status;
  stream->mode = *mode;
  stream->created = wall_time_ms(message.created_ms());
  stream->retention_hours = message.retention_hours();
  stream->record_bytes_max = message.record_bytes_max();
  stream->tags = tags_from_wire(message.tags());
  stream->shards.reserve(static_cast<std::size_t>(message.shards_size()));
  for (const wire::Shard& shard : message.shards()) stream->shards.push_back(shard_from_wire(shard));
  index_open_shards(*stream);
  if (!is_sound(*stream)) {
    return fail(ErrorCode::corrupt, fmt::format("the shards of stream {} do not fit together", message.id()));
  }
  return stream;
}

}  // namespace weir::directory
