#include "directory/record_codec.h"

#include <utility>

namespace weir::directory {
namespace {

std::uint64_t high(HashKey key) noexcept { return static_cast<std::uint64_t>(key.value >> 64); }
std::uint64_t low(HashKey key) noexcept { return static_cast<std::uint64_t>(key.value); }
HashKey hash_key(std::uint64_t high_half, std::uint64_t low_half) noexcept {
  return {(static_cast<unsigned __int128>(high_half) << 64) | low_half};
}

records::Status to_record(StreamStatus status) noexcept {
  switch (status) {
    case StreamStatus::creating: return records::CREATING;
    case StreamStatus::active: return records::ACTIVE;
    case StreamStatus::updating: return records::UPDATING;
    case StreamStatus::deleting: return records::DELETING;
  }
  return records::ACTIVE;
}

std::optional<StreamStatus> from_record(records::Status status) noexcept {
  switch (status) {
    case records::CREATING: return StreamStatus::creating;
    case records::ACTIVE: return StreamStatus::active;
    case records::UPDATING: return StreamStatus::updating;
    case records::DELETING: return StreamStatus::deleting;
    default: return std::nullopt;
  }
}

struct ChangeWriter {
  records::PendingChange& record;
  void operator()(const CreateChange& change) const { record.mutable_create()->set_shard_count(change.shard_count); }
  void operator()(const SplitChange& change) const {
    record.mutable_split()->set_shard(change.shard.value);
    record.mutable_split()->set_key_high(high(change.key));
    record.mutable_split()->set_key_low(low(change.key));
  }
  void operator()(const MergeChange& change) const {
    record.mutable_merge()->set_shard(change.shard.value);
    record.mutable_merge()->set_adjacent(change.adjacent.value);
  }
  void operator()(const RetentionChange& change) const { record.mutable_retention()->set_hours(change.hours); }
  void operator()(const DeleteChange&) const { record.mutable_delete_(); }
};

std::optional<Change> change_of(const records::PendingChange& record) {
  switch (record.change_case()) {
    case records::PendingChange::kCreate: return CreateChange{record.create().shard_count()};
    case records::PendingChange::kSplit:
      return SplitChange{ShardIndex{record.split().shard()},
                         hash_key(record.split().key_high(), record.split().key_low())};
    case records::PendingChange::kMerge:
      return MergeChange{ShardIndex{record.merge().shard()}, ShardIndex{record.merge().adjacent()}};
    case records::PendingChange::kRetention: return RetentionChange{record.retention().hours()};
    case records::PendingChange::kDelete: return DeleteChange{};
    case records::PendingChange::CHANGE_NOT_SET: return std::nullopt;
  }
  return std::nullopt;
}

// The status that a stream has while this change is pending.
StreamStatus status_during(const Change& change) noexcept {
  if (std::holds_alternative<CreateChange>(change)) return StreamStatus::creating;
  return std::holds_alternative<DeleteChange>(change) ? StreamStatus::deleting : StreamStatus::updating;
}

}  // namespace

void to_record(const Shard& shard, records::Shard& record) {
  record.set_index(shard.index.value);
  record.set_first_hash_high(high(shard.first_hash));
  record.set_first_hash_low(low(shard.first_hash));
  record.set_last_hash_high(high(shard.last_hash));
  record.set_last_hash_low(low(shard.last_hash));
  if (shard.parent) record.set_parent(shard.parent->value);
  if (shard.adjacent_parent) record.set_adjacent_parent(shard.adjacent_parent->value);
  for (const ShardIndex child : shard.children) record.add_children(child.value);
  record.set_created_ms(unix_milliseconds(shard.created));
  if (shard.closed) record.set_closed_ms(unix_milliseconds(*shard.closed));
  record.set_lane(shard.lane.value);
}

Shard from_record(const records::Shard& record) {
  Shard shard;
  shard.index = ShardIndex{record.index()};
  shard.first_hash = hash_key(record.first_hash_high(), record.first_hash_low());
  shard.last_hash = hash_key(record.last_hash_high(), record.last_hash_low());
  if (record.has_parent()) shard.parent = ShardIndex{record.parent()};
  if (record.has_adjacent_parent()) shard.adjacent_parent = ShardIndex{record.adjacent_parent()};
  for (const std::uint32_t child : record.children()) shard.children.push_back(ShardIndex{child});
  shard.created = wall_time_ms(record.created_ms());
  if (record.has_closed_ms()) shard.closed = wall_time_ms(record.closed_ms());
  shard.lane = LaneId{record.lane()};
  return shard;
}

std::string encode_stream(const StreamState& state) {
  const Stream& stream = *state.stream;
  records::Stream record;
  record.set_id(stream.id.value);
  record.set_account(stream.scope.account);
  record.set_region(stream.scope.region);
  record.set_name(stream.name);
  record.set_status(to_record(stream.status));
  record.set_mode(stream.mode == StreamMode::provisioned ? records::PROVISIONED : records::ON_DEMAND);
  record.set_created_ms(unix_milliseconds(stream.created));
  record.set_retention_hours(stream.retention_hours);
  record.set_record_bytes_max(stream.record_bytes_max);
  for (const auto& [key, value] : stream.tags) {
    records::Tag& tag = *record.add_tags();
    tag.set_key(key);
    tag.set_value(value);
  }
  record.set_next_shard(state.next_shard);
  record.set_shard_count(static_cast<std::uint32_t>(stream.shards.size()));
  if (state.pending) {
    record.mutable_pending()->set_due_ms(unix_milliseconds(state.pending->due));
    record.mutable_pending()->set_duration_ms(state.pending->duration.count());
    std::visit(ChangeWriter{*record.mutable_pending()}, state.pending->change);
  }
  return record.SerializeAsString();
}

std::optional<StreamState> from_record(const records::Stream& record, Stream& stream) {
  const auto status = from_record(record.status());
  if (!status || (record.mode() != records::PROVISIONED && record.mode() != records::ON_DEMAND)) return std::nullopt;
  stream.id = StreamId{record.id()};
  stream.scope = {record.account(), record.region()};
  stream.name = record.name();
  stream.status = *status;
  stream.mode = record.mode() == records::PROVISIONED ? StreamMode::provisioned : StreamMode::on_demand;
  stream.created = wall_time_ms(record.created_ms());
  stream.retention_hours = record.retention_hours();
  stream.record_bytes_max = record.record_bytes_max();
  for (const records::Tag& tag : record.tags()) stream.tags[tag.key()] = tag.value();
  StreamState state;
  state.next_shard = record.next_shard();
  if (record.has_pending()) {
    const auto change = change_of(record.pending());
    if (!change || status_during(*change) != stream.status) return std::nullopt;
    state.pending =
        PendingChange{wall_time_ms(record.pending().due_ms()), milliseconds(record.pending().duration_ms()), *change};
  } else if (stream.status != StreamStatus::active) {
    return std::nullopt;
  }
  return state;
}

}  // namespace weir::directory
