// Structures and enumerations that several operations share (API reference §3.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kinesis/shape.h"
#include "model/shard_iterator.h"

namespace weir::kinesis {

enum class StreamStatus : std::uint8_t { creating, active, updating, deleting };
template <>
inline constexpr std::array<std::string_view, 4> names_of<StreamStatus>{"CREATING", "ACTIVE", "UPDATING", "DELETING"};

enum class StreamMode : std::uint8_t { provisioned, on_demand };
template <>
inline constexpr std::array<std::string_view, 2> names_of<StreamMode>{"PROVISIONED", "ON_DEMAND"};

enum class EncryptionType : std::uint8_t { none, kms };
template <>
inline constexpr std::array<std::string_view, 2> names_of<EncryptionType>{"NONE", "KMS"};

template <>
inline constexpr std::array<std::string_view, 5> names_of<model::ShardIteratorType>{
    "TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"};
template <>
inline constexpr std::array<std::string_view, 5> printed_names_of<model::ShardIteratorType>{
    "AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"};

struct HashKeyRange {
  std::string starting_hash_key;
  std::string ending_hash_key;
};
template <>
inline constexpr auto definition_of<HashKeyRange> =
    shape("HashKeyRange", member<&HashKeyRange::starting_hash_key>("StartingHashKey"),
          member<&HashKeyRange::ending_hash_key>("EndingHashKey"));

struct SequenceNumberRange {
  std::string starting_sequence_number;
  std::optional<std::string> ending_sequence_number;  // absent while the shard is open
};
template <>
inline constexpr auto definition_of<SequenceNumberRange> =
    shape("SequenceNumberRange", member<&SequenceNumberRange::starting_sequence_number>("StartingSequenceNumber"),
          member<&SequenceNumberRange::ending_sequence_number>("EndingSequenceNumber"));

struct Shard {
  std::string shard_id;
  std::optional<std::string> parent_shard_id;
  std::optional<std::string> adjacent_parent_shard_id;
  HashKeyRange hash_key_range;
  SequenceNumberRange sequence_number_range;
};
template <>
inline constexpr auto definition_of<Shard> =
    shape("Shard", member<&Shard::shard_id>("ShardId"), member<&Shard::parent_shard_id>("ParentShardId"),
          member<&Shard::adjacent_parent_shard_id>("AdjacentParentShardId"),
          member<&Shard::hash_key_range>("HashKeyRange"), member<&Shard::sequence_number_range>("SequenceNumberRange"));

struct ChildShard {
  std::string shard_id;
  std::vector<std::string> parent_shards;  // one after a split, two after a merge
  HashKeyRange hash_key_range;
};
template <>
inline constexpr auto definition_of<ChildShard> =
    shape("ChildShard", member<&ChildShard::shard_id>("ShardId"), member<&ChildShard::parent_shards>("ParentShards"),
          member<&ChildShard::hash_key_range>("HashKeyRange"));

struct StreamModeDetails {
  std::optional<Choice<StreamMode>> stream_mode;
};
template <>
inline constexpr auto definition_of<StreamModeDetails> = shape(
    "StreamModeDetails", member<&StreamModeDetails::stream_mode>("StreamMode", constraint::required(constraint::none)));

struct EnhancedMetrics {
  std::vector<std::string> shard_level_metrics;
};
template <>
inline constexpr auto definition_of<EnhancedMetrics> =
    shape("EnhancedMetrics", member<&EnhancedMetrics::shard_level_metrics>("ShardLevelMetrics"));

struct Tag {
  std::string key;
  std::optional<std::string> value;
};
template <>
inline constexpr auto definition_of<Tag> = shape("Tag", member<&Tag::key>("Key"), member<&Tag::value>("Value"));

}  // namespace weir::kinesis
