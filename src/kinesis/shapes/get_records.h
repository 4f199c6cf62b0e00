// GetRecords: records of one shard from an iterator on (API reference §3.4).
//
// The server writes the answer with a GetRecordsWriter (kinesis/record_writers.h); GetRecordsOutput is what a client
// reads, its records are views into the answer.
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct GetRecordsInput {
  std::optional<std::int32_t> limit;
  std::optional<std::string_view> shard_iterator;
  std::optional<std::string_view> stream_arn;
  std::optional<bool> dry_run;
};
template <>
inline constexpr auto definition_of<GetRecordsInput> =
    shape("GetRecordsInput", member<&GetRecordsInput::limit>("Limit", constraint::page_limit),
          member<&GetRecordsInput::shard_iterator>("ShardIterator", constraint::required(constraint::shard_iterator)),
          member<&GetRecordsInput::stream_arn>("StreamARN", constraint::stream_arn),
          member<&GetRecordsInput::dry_run>("DryRun"));

struct Record {
  std::string_view sequence_number;
  std::optional<WallTime> approximate_arrival_timestamp;
  BytesView data;
  std::optional<std::string_view> partition_key;
  std::optional<Choice<EncryptionType>> encryption_type;  // absent when not encrypted
};
template <>
inline constexpr auto definition_of<Record> =
    shape("Record", member<&Record::sequence_number>("SequenceNumber"),
          member<&Record::approximate_arrival_timestamp>("ApproximateArrivalTimestamp"), member<&Record::data>("Data"),
          member<&Record::partition_key>("PartitionKey"), member<&Record::encryption_type>("EncryptionType"));

struct GetRecordsOutput {
  std::vector<Record> records;
  std::optional<std::string> next_shard_iterator;  // absent when the shard is closed and read to its end
  std::optional<std::int64_t> millis_behind_latest;
  std::optional<std::vector<ChildShard>> child_shards;  // present exactly when next_shard_iterator is absent
};
template <>
inline constexpr auto definition_of<GetRecordsOutput> =
    shape("GetRecordsOutput", member<&GetRecordsOutput::records>("Records"),
          member<&GetRecordsOutput::next_shard_iterator>("NextShardIterator"),
          member<&GetRecordsOutput::millis_behind_latest>("MillisBehindLatest"),
          member<&GetRecordsOutput::child_shards>("ChildShards"));

}  // namespace weir::kinesis
