// PutRecord: one record into a stream (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct PutRecordInput {
  std::optional<std::string_view> sequence_number_for_ordering;
  std::optional<std::string_view> partition_key;
  std::optional<std::string_view> explicit_hash_key;
  std::optional<BytesView> data;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
  std::optional<bool> dry_run;
};
template <>
inline constexpr auto definition_of<PutRecordInput> = shape(
    "PutRecordInput",
    member<&PutRecordInput::sequence_number_for_ordering>("SequenceNumberForOrdering", constraint::sequence_number),
    member<&PutRecordInput::partition_key>("PartitionKey", constraint::required(constraint::partition_key)),
    member<&PutRecordInput::explicit_hash_key>("ExplicitHashKey", constraint::hash_key),
    member<&PutRecordInput::data>("Data", constraint::required(constraint::record_data)),
    member<&PutRecordInput::stream_name>("StreamName", constraint::stream_name),
    member<&PutRecordInput::stream_arn>("StreamARN", constraint::stream_arn),
    member<&PutRecordInput::dry_run>("DryRun"));

struct PutRecordOutput {
  std::string shard_id;
  std::string sequence_number;
  std::optional<Choice<EncryptionType>> encryption_type;  // only when the record was encrypted
};
template <>
inline constexpr auto definition_of<PutRecordOutput> =
    shape("PutRecordOutput", member<&PutRecordOutput::shard_id>("ShardId"),
          member<&PutRecordOutput::sequence_number>("SequenceNumber"),
          member<&PutRecordOutput::encryption_type>("EncryptionType"));

}  // namespace weir::kinesis
