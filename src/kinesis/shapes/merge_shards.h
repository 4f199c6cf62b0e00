// MergeShards: two adjacent shards become one (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct MergeShardsInput {
  std::optional<std::string_view> shard_to_merge;
  std::optional<std::string_view> adjacent_shard_to_merge;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<MergeShardsInput> =
    shape("MergeShardsInput",
          member<&MergeShardsInput::shard_to_merge>("ShardToMerge", constraint::required(constraint::shard_id)),
          member<&MergeShardsInput::adjacent_shard_to_merge>("AdjacentShardToMerge",
                                                             constraint::required(constraint::shard_id)),
          member<&MergeShardsInput::stream_name>("StreamName", constraint::stream_name),
          member<&MergeShardsInput::stream_arn>("StreamARN", constraint::stream_arn));

}  // namespace weir::kinesis
