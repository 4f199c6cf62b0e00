#include "kinesis/validate.h"

#include "gtest/gtest.h"
#include "kinesis/shapes/add_tags_to_stream.h"
#include "kinesis/shapes/create_stream.h"
#include "kinesis/shapes/decrease_stream_retention_period.h"
#include "kinesis/shapes/describe_stream.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/list_shards.h"
#include "kinesis/shapes/list_streams.h"
#include "kinesis/shapes/list_tags_for_stream.h"
#include "kinesis/shapes/merge_shards.h"
#include "kinesis/shapes/put_record.h"
#include "kinesis/shapes/put_records.h"
#include "kinesis/shapes/remove_tags_from_stream.h"
#include "kinesis/shapes/split_shard.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

// The message of the ValidationException for a JSON body; "valid" when there is none.
template <class T>
std::string check(std::string_view json) {
  Body body(json);
  const auto input = decode_request<T>(Encoding::json, body.bytes());
  if (input.has_value()) return "valid";
  EXPECT_EQ(input.error().code, ApiErrorCode::validation) << input.error().message;
  return input.error().message;
}

std::string one(std::string_view value, std::string_view path, std::string_view phrase) {
  return "1 validation error detected: Value " + std::string(value) + " at '" + std::string(path) +
         "' failed to satisfy constraint: " + std::string(phrase);
}

std::string quoted(std::string_view name, std::string_view value) {
  return R"({")" + std::string(name) + R"(":")" + std::string(value) + R"("})";
}

TEST(Validation, EachConstraintHasItsPhrase) {
  EXPECT_EQ(check<GetRecordsInput>("{}"), one("null", "shardIterator", "Member must not be null"));
  EXPECT_EQ(check<GetRecordsInput>(R"({"ShardIterator":"a","Limit":0})"),
            one("'0'", "limit", "Member must have value greater than or equal to 1"));
  EXPECT_EQ(check<GetRecordsInput>(R"({"ShardIterator":"a","Limit":100000000000})"),
            one("'2147483647'", "limit", "Member must have value less than or equal to 10000"));
  EXPECT_EQ(check<GetRecordsInput>(quoted("ShardIterator", "")),
            one("''", "shardIterator", "Member must have length greater than or equal to 1"));
  const std::string long_iterator(513, 'a');
  EXPECT_EQ(check<GetRecordsInput>(quoted("ShardIterator", long_iterator)),
            one("'" + long_iterator + "'", "shardIterator", "Member must have length less than or equal to 512"));
  EXPECT_EQ(check<DescribeStreamInput>(quoted("StreamName", "a b")),
            one("'a b'", "streamName", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"));
  EXPECT_EQ(check<GetShardIteratorInput>(R"({"ShardId":"a","ShardIteratorType":"x"})"),
            one("'x'", "shardIteratorType",
                "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, "
                "TRIM_HORIZON]"));
  EXPECT_EQ(check<RemoveTagsFromStreamInput>(R"({"StreamName":"s","TagKeys":["a",""]})"),
            one("'[a, ]'", "tagKeys",
                "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have "
                "length greater than or equal to 1]"));
  EXPECT_EQ(
      check<AddTagsToStreamInput>(R"({"StreamName":"s","Tags":{"":"v","k2":"v2"}})"),
      one("'{=v, k2=v2}'", "tags",
          "Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have "
          "length greater than or equal to 1]"));
  const std::string long_value(257, 'v');
  EXPECT_EQ(
      check<AddTagsToStreamInput>(R"({"StreamName":"s","Tags":{"k":")" + long_value + R"("}})"),
      one("'{k=" + long_value + "}'", "tags",
          "Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have "
          "length greater than or equal to 0]"));
}

TEST(Validation, PatternThenShortestThenLongest) {
  EXPECT_EQ(
      check<DescribeStreamInput>(quoted("StreamName", "")),
      "2 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: Member must satisfy "
      "regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'streamName' failed to satisfy constraint: Member "
      "must have length greater than or equal to 1");
}

// API reference §1.10: the order across members.
TEST(Validation, MembersAreReportedInTheObservedOrder) {
  const auto order = [](const std::string& message) {
    std::string paths;
    for (std::size_t at = message.find(" at '"); at != std::string::npos; at = message.find(" at '", at + 1)) {
      const std::string path = message.substr(at + 5, message.find('\'', at + 5) - at - 5);
      if (!paths.ends_with(path)) paths += (paths.empty() ? "" : " ") + path;
    }
    return paths;
  };
  EXPECT_EQ(order(check<AddTagsToStreamInput>(R"({"StreamName":""})")), "tags streamName");
  EXPECT_EQ(order(check<CreateStreamInput>(R"({"StreamName":"","ShardCount":0})")), "shardCount streamName");
  EXPECT_EQ(order(check<DecreaseStreamRetentionPeriodInput>(R"({"StreamName":""})")),
            "retentionPeriodHours streamName");
  EXPECT_EQ(order(check<DescribeStreamInput>(R"({"StreamName":"","Limit":0,"ExclusiveStartShardId":""})")),
            "limit exclusiveStartShardId streamName");
  EXPECT_EQ(order(check<GetRecordsInput>(R"({"Limit":0})")), "limit shardIterator");
  EXPECT_EQ(order(check<GetShardIteratorInput>(R"({"StreamName":"","StartingSequenceNumber":""})")),
            "shardId shardIteratorType startingSequenceNumber streamName");
  EXPECT_EQ(order(check<ListShardsInput>(
                R"({"MaxResults":0,"ExclusiveStartShardId":"","StreamName":"","NextToken":"","ShardFilter":{}})")),
            "maxResults exclusiveStartShardId streamName nextToken shardFilter.type");
  EXPECT_EQ(order(check<ListStreamsInput>(R"({"Limit":0,"ExclusiveStartStreamName":""})")),
            "limit exclusiveStartStreamName");
  EXPECT_EQ(order(check<ListTagsForStreamInput>(R"({"Limit":51,"ExclusiveStartTagKey":"","StreamName":""})")),
            "limit exclusiveStartTagKey streamName");
  EXPECT_EQ(order(check<MergeShardsInput>(R"({"StreamName":""})")), "shardToMerge adjacentShardToMerge streamName");
  EXPECT_EQ(order(check<PutRecordInput>(R"({"StreamName":"","ExplicitHashKey":"","SequenceNumberForOrdering":""})")),
            "sequenceNumberForOrdering partitionKey explicitHashKey data streamName");
  EXPECT_EQ(order(check<PutRecordsInput>(R"({"StreamName":"","Records":[{"ExplicitHashKey":""}]})")),
            "records.1.member.partitionKey records.1.member.explicitHashKey records.1.member.data streamName");
  EXPECT_EQ(order(check<RemoveTagsFromStreamInput>(R"({"StreamName":"","TagKeys":[]})")), "tagKeys streamName");
  EXPECT_EQ(order(check<SplitShardInput>(R"({"StreamName":""})")), "newStartingHashKey streamName shardToSplit");
}

TEST(Validation, AtMostTenErrorsAreCollected) {
  const std::string message = check<PutRecordsInput>(R"({"Records":[{},{},{},{},{},{}]})");
  EXPECT_TRUE(message.starts_with("10 validation errors detected: ")) << message;
  EXPECT_EQ(message.find("records.6"), std::string::npos);
  EXPECT_NE(message.find("Value null at 'records.5.member.data'"), std::string::npos);
}

TEST(Validation, ValuesPrintAsJavaPrintsThem) {
  std::string json = R"({"Records":[{"PartitionKey":"k","Data":""})";
  for (int i = 1; i < 501; ++i) json += R"(,{"PartitionKey":"k","Data":""})";
  const std::string message = check<PutRecordsInput>(json + "]}");
  EXPECT_TRUE(message.starts_with(
      "1 validation error detected: Value '[com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@"));
  EXPECT_TRUE(message.ends_with(
      "' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"));
  std::string data(10485764 / 3 * 4, 'A');
  EXPECT_EQ(check<PutRecordInput>(R"({"PartitionKey":"k","Data":")" + data + R"("})"),
            one("'java.nio.HeapByteBuffer[pos=0 lim=10485762 cap=10485762]'", "data",
                "Member must have length less than or equal to 10485760"));
}

TEST(Validation, NullItemsOfListsAndMapsAreMissing) {
  EXPECT_EQ(check<RemoveTagsFromStreamInput>(R"({"TagKeys":["a",null]})"),
            one("null", "tagKeys.2.member", "Member must not be null"));
  EXPECT_EQ(check<AddTagsToStreamInput>(R"({"Tags":{"a":null}})"),
            one("null", "tags.a.member", "Member must not be null"));
}

TEST(Validation, LengthsCountUtf16Units) {
  const auto with_key = [](const std::string& key) {
    return check<PutRecordInput>(R"({"Data":"","PartitionKey":")" + key + R"("})");
  };
  std::string two_bytes;
  std::string four_bytes;
  for (int i = 0; i < 256; ++i) two_bytes += "\xC3\xBC";
  for (int i = 0; i < 128; ++i) four_bytes += "\xF0\x9F\x98\x80";
  EXPECT_EQ(with_key(two_bytes), "valid");
  EXPECT_NE(with_key(two_bytes + "a"), "valid");
  EXPECT_EQ(with_key(four_bytes), "valid");
  EXPECT_NE(with_key(four_bytes + "a"), "valid");
}

TEST(Validation, AMessageIsBoundedHoweverLongTheValue) {
  const std::string message = check<DescribeStreamInput>(quoted("StreamName", std::string(3'000'000, '%')));
  EXPECT_LT(message.size(), 3 * printed_value_bytes_max);
}

TEST(Patterns, Numbers) {
  EXPECT_TRUE(is_hash_key("0"));
  EXPECT_TRUE(is_hash_key("340282366920938463463374607431768211456"));
  EXPECT_FALSE(is_hash_key("00"));
  EXPECT_FALSE(is_hash_key("01"));
  EXPECT_FALSE(is_hash_key(""));
  EXPECT_FALSE(is_hash_key("1a"));
  EXPECT_FALSE(is_hash_key(std::string(40, '1')));
  EXPECT_TRUE(is_sequence_number(std::string(129, '1')));
  EXPECT_FALSE(is_sequence_number(std::string(130, '1')));
}

TEST(Patterns, StreamArn) {
  EXPECT_TRUE(is_stream_arn("arn:aws:kinesis:us-east-1:123456789012:stream/a"));
  EXPECT_TRUE(is_stream_arn("arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b-c_d"));
  EXPECT_TRUE(is_stream_arn("arn:aws:kinesis::123456789012:stream/x/y"));
  EXPECT_TRUE(is_stream_arn("arn:aws:kinesis:a:123456789012:stream/:123456789012:stream/b"));
  EXPECT_TRUE(is_stream_arn("arn:aws:kinesis:a b:123456789012:stream/c"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis:us-east-1:123456789012:stream/"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis:us-east-1:123456789012:stream/a b"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis:us-east-1:12345678901:stream/a"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis:us-east-1:12345678901x:stream/a"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis:us\neast:123456789012:stream/a"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis123456789012:stream/a"));
  EXPECT_FALSE(is_stream_arn("arn:aws:s3:us-east-1:123456789012:stream/a"));
  EXPECT_FALSE(is_stream_arn("xarn:aws:kinesis:us-east-1:123456789012:stream/a"));
  EXPECT_FALSE(is_stream_arn("arn:aws:kinesis:us-east-1:123456789012:table/a"));
}

}  // namespace
}  // namespace weir::kinesis
