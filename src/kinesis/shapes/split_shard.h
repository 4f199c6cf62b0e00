// SplitShard: one shard becomes two (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct SplitShardInput {
  std::optional<std::string_view> new_starting_hash_key;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> shard_to_split;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<SplitShardInput> = shape(
    "SplitShardInput",
    member<&SplitShardInput::new_starting_hash_key>("NewStartingHashKey", constraint::required(constraint::hash_key)),
    member<&SplitShardInput::stream_name>("StreamName", constraint::stream_name),
    member<&SplitShardInput::shard_to_split>("ShardToSplit", constraint::required(constraint::shard_id)),
    member<&SplitShardInput::stream_arn>("StreamARN", constraint::stream_arn));

}  // namespace weir::kinesis
