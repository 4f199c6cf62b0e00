#include "kinesis/encode.h"

#include "gtest/gtest.h"
#include "kinesis/record_writers.h"
#include "kinesis/shapes/describe_limits.h"
#include "kinesis/shapes/describe_stream.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/list_shards.h"
#include "kinesis/shapes/put_record.h"
#include "kinesis/shapes/put_records.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

TEST(JsonEncode, AbsentMembersAreLeftOut) {
  EXPECT_EQ(encode(Encoding::json, PutRecordOutput{.shard_id = "shardId-000000000000", .sequence_number = "49"}),
            R"({"ShardId":"shardId-000000000000","SequenceNumber":"49"})");
  EXPECT_EQ(encode(Encoding::json, ListShardsOutput{}), R"({"Shards":[]})");
  EXPECT_EQ(encode(Encoding::json, DescribeLimitsInput{}), "{}");
}

TEST(JsonEncode, EveryKindOfMember) {
  DescribeStreamOutput output;
  StreamDescription& stream = output.stream_description;
  stream.stream_name = "s";
  stream.stream_arn = "arn";
  stream.stream_status = StreamStatus::active;
  stream.stream_mode_details.emplace().stream_mode = StreamMode::on_demand;
  stream.shards.push_back({.shard_id = "shardId-000000000000",
                           .parent_shard_id = {},
                           .adjacent_parent_shard_id = {},
                           .hash_key_range = {"0", "9"},
                           .sequence_number_range = {"1", "2"}});
  stream.retention_period_hours = 24;
  stream.stream_creation_timestamp = wall_time_ms(1700000000023);
  stream.enhanced_monitoring.emplace_back();
  stream.encryption_type = EncryptionType::none;
  EXPECT_EQ(encode(Encoding::json, output),
            R"({"StreamDescription":{"StreamName":"s","StreamARN":"arn","StreamStatus":"ACTIVE",)"
            R"("StreamModeDetails":{"StreamMode":"ON_DEMAND"},"Shards":[{"ShardId":"shardId-000000000000",)"
            R"("HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"},)"
            R"("SequenceNumberRange":{"StartingSequenceNumber":"1","EndingSequenceNumber":"2"}}],)"
            R"("HasMoreShards":false,"RetentionPeriodHours":24,"StreamCreationTimestamp":1700000000.023,)"
            R"("EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE"}})");
}

TEST(JsonWriter, EscapesWhatMustBeEscaped) {
  JsonWriter writer;
  writer.text("plain text of some length \" \\ \b\f\n\r\t \x01\x1F / \xC3\xBC \x7F end of it");
  EXPECT_EQ(std::move(writer).finish(),
            "\"plain text of some length \\\" \\\\ \\b\\f\\n\\r\\t \\u0001\\u001f / \xC3\xBC \x7F end of it\"");
}

TEST(JsonWriter, Timestamps) {
  const auto written = [](std::int64_t ms) {
    JsonWriter writer;
    writer.timestamp(wall_time_ms(ms));
    return std::move(writer).finish();
  };
  EXPECT_EQ(written(0), "0.000");
  EXPECT_EQ(written(5), "0.005");
  EXPECT_EQ(written(1700000000123), "1700000000.123");
  EXPECT_EQ(written(-1), "-0.001");
  EXPECT_EQ(written(-1500), "-1.500");
}

TEST(CborEncode, MapsAreIndefiniteAndTimestampsTaggedMilliseconds) {
  CborWriter writer;
  writer.begin_map();
  writer.key("Data");
  writer.blob(as_bytes("hi"));
  writer.key("PartitionKey");
  writer.text("a");
  writer.key("Timestamp");
  writer.timestamp(wall_time_ms(1700000000123));
  writer.end_map();
  EXPECT_EQ(
      std::move(writer).finish(),
      from_hex("bf 6444617461 426869 6c506172746974696f6e4b6579 6161 6954696d657374616d70 c1 1b0000018bcfe5687b ff"));
}

TEST(CborWriter, HeadsAreAsShortAsTheyCanBe) {
  const auto written = [](std::int64_t value) {
    CborWriter writer;
    writer.integer(value);
    return std::move(writer).finish();
  };
  EXPECT_EQ(written(23), from_hex("17"));
  EXPECT_EQ(written(24), from_hex("1818"));
  EXPECT_EQ(written(255), from_hex("18ff"));
  EXPECT_EQ(written(256), from_hex("190100"));
  EXPECT_EQ(written(65536), from_hex("1a00010000"));
  EXPECT_EQ(written(4294967296), from_hex("1b0000000100000000"));
  EXPECT_EQ(written(-1), from_hex("20"));
  EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), from_hex("3b7fffffffffffffff"));
}

// A client must read the same from the streaming writers as from the plain structs.
class RecordWriters : public testing::TestWithParam<Encoding> {};
INSTANTIATE_TEST_SUITE_P(BothEncodings, RecordWriters, testing::Values(Encoding::json, Encoding::cbor));

TEST_P(RecordWriters, GetRecordsAnswerIsReadBack) {
  GetRecordsWriter writer(GetParam(), 10, 2);
  writer.record("1", wall_time_ms(1500), as_bytes("hello"), "k\"ey");
  writer.record("2", wall_time_ms(2500), {}, "", EncryptionType::kms);
  const std::vector<ChildShard> children{
      {.shard_id = "shardId-000000000001", .parent_shards = {"shardId-000000000000"}, .hash_key_range = {"0", "5"}}};
  Body body(std::move(writer).finish(std::nullopt, 17, &children));
  GetRecordsOutput output;
  ASSERT_TRUE(decode(GetParam(), body.bytes(), structure_of<GetRecordsOutput>, &output).has_value());
  ASSERT_EQ(output.records.size(), 2U);
  EXPECT_EQ(output.records[0].sequence_number, "1");
  EXPECT_EQ(output.records[0].approximate_arrival_timestamp, wall_time_ms(1500));
  EXPECT_EQ(as_text(output.records[0].data), "hello");
  EXPECT_EQ(output.records[0].partition_key, "k\"ey");
  EXPECT_FALSE(output.records[0].encryption_type.has_value());
  EXPECT_FALSE(output.records[1].partition_key.has_value());
  EXPECT_EQ(output.records[1].encryption_type->value, EncryptionType::kms);
  EXPECT_FALSE(output.next_shard_iterator.has_value());
  EXPECT_EQ(output.millis_behind_latest, 17);
  ASSERT_EQ(output.child_shards->size(), 1U);
  EXPECT_EQ(output.child_shards->front().parent_shards, std::vector<std::string>{"shardId-000000000000"});
}

TEST_P(RecordWriters, EmptyGetRecordsAnswerIsReadBack) {
  Body body(GetRecordsWriter(GetParam(), 0, 0).finish("next", 0, nullptr));
  GetRecordsOutput output;
  ASSERT_TRUE(decode(GetParam(), body.bytes(), structure_of<GetRecordsOutput>, &output).has_value());
  EXPECT_TRUE(output.records.empty());
  EXPECT_EQ(output.next_shard_iterator, "next");
  EXPECT_FALSE(output.child_shards.has_value());
}

TEST_P(RecordWriters, PutRecordsAnswerCountsItsFailures) {
  PutRecordsWriter writer(GetParam(), 3);
  writer.success("shardId-000000000000", "1");
  writer.failure("InternalFailure", "Internal service failure.");
  writer.failure("ProvisionedThroughputExceededException", "Rate exceeded");
  Body body(std::move(writer).finish());
  PutRecordsOutput output;
  ASSERT_TRUE(decode(GetParam(), body.bytes(), structure_of<PutRecordsOutput>, &output).has_value());
  ASSERT_EQ(output.records.size(), 3U);
  EXPECT_EQ(output.records[0].sequence_number, "1");
  EXPECT_FALSE(output.records[0].error_code.has_value());
  EXPECT_EQ(output.records[1].error_code, "InternalFailure");
  EXPECT_FALSE(output.records[1].shard_id.has_value());
  EXPECT_EQ(output.failed_record_count, 2);
  EXPECT_FALSE(output.encryption_type.has_value());
}

TEST(RecordWriters, JsonOfAPutRecordsAnswer) {
  PutRecordsWriter writer(Encoding::json, 1);
  writer.success("shardId-000000000000", "1");
  EXPECT_EQ(std::move(writer).finish(),
            R"({"Records":[{"SequenceNumber":"1","ShardId":"shardId-000000000000"}],"FailedRecordCount":0})");
}

}  // namespace
}  // namespace weir::kinesis
