// DescribeStream: a stream's state and its shards, page by page (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct DescribeStreamInput {
  std::optional<std::int32_t> limit;
  std::optional<std::string_view> exclusive_start_shard_id;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<DescribeStreamInput> =
    shape("DescribeStreamInput", member<&DescribeStreamInput::limit>("Limit", constraint::page_limit),
          member<&DescribeStreamInput::exclusive_start_shard_id>("ExclusiveStartShardId", constraint::shard_id),
          member<&DescribeStreamInput::stream_name>("StreamName", constraint::stream_name),
          member<&DescribeStreamInput::stream_arn>("StreamARN", constraint::stream_arn));

struct StreamDescription {
  std::string stream_name;
  std::string stream_arn;
  Choice<StreamStatus> stream_status;
  std::optional<StreamModeDetails> stream_mode_details;
  std::vector<Shard> shards;
  bool has_more_shards = false;
  std::int32_t retention_period_hours = 0;
  WallTime stream_creation_timestamp;
  std::vector<EnhancedMetrics> enhanced_monitoring;
  std::optional<Choice<EncryptionType>> encryption_type;
  std::optional<std::string> key_id;
};
template <>
inline constexpr auto definition_of<StreamDescription> = shape(
    "StreamDescription", member<&StreamDescription::stream_name>("StreamName"),
    member<&StreamDescription::stream_arn>("StreamARN"), member<&StreamDescription::stream_status>("StreamStatus"),
    member<&StreamDescription::stream_mode_details>("StreamModeDetails"), member<&StreamDescription::shards>("Shards"),
    member<&StreamDescription::has_more_shards>("HasMoreShards"),
    member<&StreamDescription::retention_period_hours>("RetentionPeriodHours"),
    member<&StreamDescription::stream_creation_timestamp>("StreamCreationTimestamp"),
    member<&StreamDescription::enhanced_monitoring>("EnhancedMonitoring"),
    member<&StreamDescription::encryption_type>("EncryptionType"), member<&StreamDescription::key_id>("KeyId"));

struct DescribeStreamOutput {
  StreamDescription stream_description;
};
template <>
inline constexpr auto definition_of<DescribeStreamOutput> =
    shape("DescribeStreamOutput", member<&DescribeStreamOutput::stream_description>("StreamDescription"));

}  // namespace weir::kinesis
