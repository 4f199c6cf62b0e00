// GetShardIterator: where to start reading a shard (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct GetShardIteratorInput {
  std::optional<std::string_view> shard_id;
  std::optional<Choice<model::ShardIteratorType>> shard_iterator_type;
  std::optional<std::string_view> starting_sequence_number;
  std::optional<std::string_view> stream_name;
  std::optional<WallTime> timestamp;
  std::optional<std::string_view> stream_arn;
  std::optional<bool> dry_run;
};
template <>
inline constexpr auto definition_of<GetShardIteratorInput> = shape(
    "GetShardIteratorInput",
    member<&GetShardIteratorInput::shard_id>("ShardId", constraint::required(constraint::shard_id)),
    member<&GetShardIteratorInput::shard_iterator_type>("ShardIteratorType", constraint::required(constraint::none)),
    member<&GetShardIteratorInput::starting_sequence_number>("StartingSequenceNumber", constraint::sequence_number),
    member<&GetShardIteratorInput::stream_name>("StreamName", constraint::stream_name),
    member<&GetShardIteratorInput::timestamp>("Timestamp"),
    member<&GetShardIteratorInput::stream_arn>("StreamARN", constraint::stream_arn),
    member<&GetShardIteratorInput::dry_run>("DryRun"));

struct GetShardIteratorOutput {
  std::string shard_iterator;
};
template <>
inline constexpr auto definition_of<GetShardIteratorOutput> =
    shape("GetShardIteratorOutput", member<&GetShardIteratorOutput::shard_iterator>("ShardIterator"));

}  // namespace weir::kinesis
