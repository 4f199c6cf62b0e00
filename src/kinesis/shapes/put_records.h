// PutRecords: up to 500 records into a stream, each with its own outcome (API reference §3.4).
//
// The server writes the answer with a PutRecordsWriter (kinesis/record_writers.h); PutRecordsOutput is what a client
// reads, its texts are views into the answer.
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct PutRecordsRequestEntry {
  std::optional<std::string_view> partition_key;
  std::optional<std::string_view> explicit_hash_key;
  std::optional<BytesView> data;
};
template <>
inline constexpr auto definition_of<PutRecordsRequestEntry> = shape(
    "PutRecordsRequestEntry",
    member<&PutRecordsRequestEntry::partition_key>("PartitionKey", constraint::required(constraint::partition_key)),
    member<&PutRecordsRequestEntry::explicit_hash_key>("ExplicitHashKey", constraint::hash_key),
    member<&PutRecordsRequestEntry::data>("Data", constraint::required(constraint::record_data)));

struct PutRecordsInput {
  std::optional<std::vector<PutRecordsRequestEntry>> records;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
  std::optional<bool> dry_run;
};
template <>
inline constexpr auto definition_of<PutRecordsInput> = shape(
    "PutRecordsInput", member<&PutRecordsInput::records>("Records", constraint::required(constraint::record_entries)),
    member<&PutRecordsInput::stream_name>("StreamName", constraint::stream_name),
    member<&PutRecordsInput::stream_arn>("StreamARN", constraint::stream_arn),
    member<&PutRecordsInput::dry_run>("DryRun"));

struct PutRecordsResultEntry {
  std::optional<std::string_view> sequence_number;
  std::optional<std::string_view> shard_id;
  std::optional<std::string_view> error_code;
  std::optional<std::string_view> error_message;
};
template <>
inline constexpr auto definition_of<PutRecordsResultEntry> =
    shape("PutRecordsResultEntry", member<&PutRecordsResultEntry::sequence_number>("SequenceNumber"),
          member<&PutRecordsResultEntry::shard_id>("ShardId"), member<&PutRecordsResultEntry::error_code>("ErrorCode"),
          member<&PutRecordsResultEntry::error_message>("ErrorMessage"));

struct PutRecordsOutput {
  std::vector<PutRecordsResultEntry> records;  // in request order
  std::int32_t failed_record_count = 0;
  std::optional<Choice<EncryptionType>> encryption_type;
};
template <>
inline constexpr auto definition_of<PutRecordsOutput> =
    shape("PutRecordsOutput", member<&PutRecordsOutput::records>("Records"),
          member<&PutRecordsOutput::failed_record_count>("FailedRecordCount"),
          member<&PutRecordsOutput::encryption_type>("EncryptionType"));

}  // namespace weir::kinesis
