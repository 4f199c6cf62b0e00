// ListShards: a stream's shards, page by page, filtered (API reference §3.4, §4.6).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

enum class ShardFilterType : std::uint8_t {
  after_shard_id,
  at_trim_horizon,
  from_trim_horizon,
  at_latest,
  at_timestamp,
  from_timestamp,
};
template <>
inline constexpr std::array<std::string_view, 6> names_of<ShardFilterType>{
    "AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"};

struct ShardFilter {
  std::optional<Choice<ShardFilterType>> type;
  std::optional<std::string_view> shard_id;
  std::optional<WallTime> timestamp;
};
template <>
inline constexpr auto definition_of<ShardFilter> = shape(
    "ShardFilter", member<&ShardFilter::type>("Type", constraint::required(constraint::none)),
    member<&ShardFilter::shard_id>("ShardId", constraint::shard_id), member<&ShardFilter::timestamp>("Timestamp"));

struct ListShardsInput {
  std::optional<std::int32_t> max_results;
  std::optional<std::string_view> exclusive_start_shard_id;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> next_token;
  std::optional<WallTime> stream_creation_timestamp;
  std::optional<ShardFilter> shard_filter;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<ListShardsInput> =
    shape("ListShardsInput", member<&ListShardsInput::max_results>("MaxResults", constraint::page_limit),
          member<&ListShardsInput::exclusive_start_shard_id>("ExclusiveStartShardId", constraint::shard_id),
          member<&ListShardsInput::stream_name>("StreamName", constraint::stream_name),
          member<&ListShardsInput::next_token>("NextToken", constraint::next_token),
          member<&ListShardsInput::stream_creation_timestamp>("StreamCreationTimestamp"),
          member<&ListShardsInput::shard_filter>("ShardFilter"),
          member<&ListShardsInput::stream_arn>("StreamARN", constraint::stream_arn));

struct ListShardsOutput {
  std::vector<Shard> shards;
  std::optional<std::string> next_token;
};
template <>
inline constexpr auto definition_of<ListShardsOutput> =
    shape("ListShardsOutput", member<&ListShardsOutput::shards>("Shards"),
          member<&ListShardsOutput::next_token>("NextToken"));

}  // namespace weir::kinesis
