// Limits that the API itself fixes; each names its place in the API reference. Quotas that an operator may change are
// settings of the modules that enforce them, with these as their defaults where AWS has a default.
#pragma once

#include <cstdint>

namespace weir::model::limits {

// Per shard and second (4.7).
inline constexpr std::uint64_t shard_write_records_per_second = 1'000;
inline constexpr std::uint64_t shard_write_bytes_per_second = 1'048'576;
inline constexpr std::uint64_t shard_read_bytes_per_second = 2'097'152;
inline constexpr std::uint64_t shard_reads_per_second = 5;
inline constexpr std::uint64_t shard_iterators_per_second = 5;  // GetShardIterator

// Records (PutRecord, PutRecords; 3.3, 4.1). A record's size is its data plus its partition key in UTF-8.
inline constexpr std::uint32_t record_bytes_default = 1'048'576;
inline constexpr std::uint32_t record_bytes_max = 10'485'760;
inline constexpr std::uint32_t partition_key_characters_max = 256;
inline constexpr std::uint32_t partition_key_bytes_max = 1'024;  // 256 characters of at most four bytes
inline constexpr std::uint32_t put_records_entries_max = 500;
inline constexpr std::uint64_t put_records_bytes_max = 10'485'760;

// One GetRecords answer (GetRecords).
inline constexpr std::uint32_t get_records_records_max = 10'000;
inline constexpr std::uint64_t get_records_bytes_max = 10'485'760;

// Streams (3.3, 3.4, 4.7).
inline constexpr std::uint32_t stream_name_characters_max = 128;
inline constexpr std::uint32_t streams_creating_max = 5;
inline constexpr std::uint32_t shards_per_account_default = 20'000;
inline constexpr std::uint32_t on_demand_streams_default = 50;
inline constexpr std::uint32_t on_demand_first_shards = 4;
inline constexpr std::uint32_t retention_hours_default = 24;
inline constexpr std::uint32_t retention_hours_min = 24;
inline constexpr std::uint32_t retention_hours_max = 8'760;

// Tags (AddTagsToStream).
inline constexpr std::uint32_t tags_per_stream_max = 50;
inline constexpr std::uint32_t tag_key_characters_max = 128;
inline constexpr std::uint32_t tag_value_characters_max = 256;

// Pages (DescribeStream, ListShards, ListStreams): defaults and effective maxima. Tokens and iterators live 300 s.
inline constexpr std::uint32_t describe_stream_shards_max = 100;
inline constexpr std::uint32_t list_shards_max = 1'000;
inline constexpr std::uint32_t list_streams_max = 100;
inline constexpr std::int64_t token_age_ms_max = 300'000;

}  // namespace weir::model::limits
