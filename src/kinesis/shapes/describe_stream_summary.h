// DescribeStreamSummary: a stream's state without its shards (API reference §3.4). There is no StreamId: clients would
// take it for an address (§1.1).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct DescribeStreamSummaryInput {
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<DescribeStreamSummaryInput> =
    shape("DescribeStreamSummaryInput",
          member<&DescribeStreamSummaryInput::stream_name>("StreamName", constraint::stream_name),
          member<&DescribeStreamSummaryInput::stream_arn>("StreamARN", constraint::stream_arn));

struct StreamDescriptionSummary {
  std::string stream_name;
  std::string stream_arn;
  Choice<StreamStatus> stream_status;
  std::optional<StreamModeDetails> stream_mode_details;
  std::int32_t retention_period_hours = 0;
  WallTime stream_creation_timestamp;
  std::vector<EnhancedMetrics> enhanced_monitoring;
  std::optional<Choice<EncryptionType>> encryption_type;
  std::optional<std::string> key_id;
  std::int32_t open_shard_count = 0;
  std::optional<std::int32_t> consumer_count;
  std::optional<std::int32_t> max_record_size_kib;
};
template <>
inline constexpr auto definition_of<StreamDescriptionSummary> =
    shape("StreamDescriptionSummary", member<&StreamDescriptionSummary::stream_name>("StreamName"),
          member<&StreamDescriptionSummary::stream_arn>("StreamARN"),
          member<&StreamDescriptionSummary::stream_status>("StreamStatus"),
          member<&StreamDescriptionSummary::stream_mode_details>("StreamModeDetails"),
          member<&StreamDescriptionSummary::retention_period_hours>("RetentionPeriodHours"),
          member<&StreamDescriptionSummary::stream_creation_timestamp>("StreamCreationTimestamp"),
          member<&StreamDescriptionSummary::enhanced_monitoring>("EnhancedMonitoring"),
          member<&StreamDescriptionSummary::encryption_type>("EncryptionType"),
          member<&StreamDescriptionSummary::key_id>("KeyId"),
          member<&StreamDescriptionSummary::open_shard_count>("OpenShardCount"),
          member<&StreamDescriptionSummary::consumer_count>("ConsumerCount"),
          member<&StreamDescriptionSummary::max_record_size_kib>("MaxRecordSizeInKiB"));

struct DescribeStreamSummaryOutput {
  StreamDescriptionSummary stream_description_summary;
};
template <>
inline constexpr auto definition_of<DescribeStreamSummaryOutput> =
    shape("DescribeStreamSummaryOutput",
          member<&DescribeStreamSummaryOutput::stream_description_summary>("StreamDescriptionSummary"));

}  // namespace weir::kinesis
