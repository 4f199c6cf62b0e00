#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kinesis/shapes/add_tags_to_stream.h"
#include "kinesis/shapes/create_stream.h"
#include "kinesis/shapes/delete_stream.h"
#include "kinesis/shapes/describe_stream.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/list_shards.h"
#include "kinesis/shapes/put_record.h"
#include "kinesis/shapes/put_records.h"
#include "kinesis/shapes/remove_tags_from_stream.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

// Decoded input together with the memory it points into.
template <class T>
struct Decoded {
  explicit Decoded(std::string_view json) : body(json) {
    result = decode(Encoding::json, body.bytes(), structure_of<T>, &input);
  }
  Body body;
  T input;
  std::expected<void, ApiError> result;
};

template <class T>
std::string type_error(std::string_view json) {
  Decoded<T> decoded(json);
  if (decoded.result.has_value()) return "accepted";
  EXPECT_EQ(decoded.result.error().code, ApiErrorCode::serialization);
  return decoded.result.error().message.empty() ? "malformed" : decoded.result.error().message;
}

TEST(JsonDecode, ReadsEveryMemberOfPutRecord) {
  Decoded<PutRecordInput> decoded(
      R"( {"StreamName":"s","Data":"aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk","PartitionKey":"k\u00fc\n\ud83d\ude00",)"
      R"("ExplicitHashKey":"12","SequenceNumberForOrdering":"3","StreamARN":"a","DryRun":true} )");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(decoded.input.stream_name, "s");
  EXPECT_EQ(as_text(*decoded.input.data), "hello world, hello world");
  EXPECT_EQ(decoded.input.partition_key, "k\xC3\xBC\n\xF0\x9F\x98\x80");
  EXPECT_EQ(decoded.input.explicit_hash_key, "12");
  EXPECT_EQ(decoded.input.sequence_number_for_ordering, "3");
  EXPECT_EQ(decoded.input.stream_arn, "a");
  EXPECT_EQ(decoded.input.dry_run, true);
}

TEST(JsonDecode, AbsentNullAndUnknownMembersAreAbsent) {
  Decoded<PutRecordInput> decoded(
      R"({"StreamName":null,"streamName":"x","Foo":{"Bar":[1,-2.5e3,true,null,"\u0041",{}]},"PartitionKey":""})");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_FALSE(decoded.input.stream_name.has_value());
  EXPECT_FALSE(decoded.input.data.has_value());
  EXPECT_EQ(decoded.input.partition_key, "");
}

TEST(JsonDecode, TheLastOfRepeatedMembersWins) {
  Decoded<PutRecordsInput> decoded(
      R"({"StreamName":"a","Records":[{},{}],"StreamName":"b","Records":[{"PartitionKey":"k"}],"DryRun":true,"DryRun":null})");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(decoded.input.stream_name, "b");
  EXPECT_EQ(decoded.input.records->size(), 1U);
  EXPECT_FALSE(decoded.input.dry_run.has_value());
  Decoded<AddTagsToStreamInput> tags(R"({"Tags":{"a":"1","b":"2","a":"3","a":"4"}})");
  ASSERT_TRUE(tags.result.has_value());
  ASSERT_EQ(tags.input.tags->size(), 2U);
  EXPECT_EQ(tags.input.tags->at(0).key, "a");
  EXPECT_EQ(tags.input.tags->at(0).value, "4");
  EXPECT_EQ(tags.input.tags->at(1).key, "b");
  EXPECT_EQ(tags.input.tags->at(1).value, "2");
}

TEST(JsonDecode, OnlyDistinctKeysCountAgainstTheLimitOfAMap) {
  std::string tags = R"({"Tags":{"first":"1")";
  for (int i = 0; i < 300; ++i) tags += R"(,"again":")" + std::to_string(i) + '"';
  const Decoded<AddTagsToStreamInput> decoded(tags + R"(,"last":null,"first":"2"}})");
  ASSERT_TRUE(decoded.result.has_value());
  const TextMap& map = *decoded.input.tags;
  ASSERT_EQ(map.size(), 3U);
  EXPECT_EQ(map[0].value, "2");
  EXPECT_EQ(map[1].value, "299");
  EXPECT_FALSE(map[2].value.has_value());
}

TEST(JsonDecode, NumbersAreCutOffAndClamped) {
  const auto limit = [](std::string_view number) {
    return *Decoded<GetRecordsInput>(R"({"Limit":)" + std::string(number) + "}").input.limit;
  };
  EXPECT_EQ(limit("7"), 7);
  EXPECT_EQ(limit("7.9"), 7);
  EXPECT_EQ(limit("-7.9"), -7);
  EXPECT_EQ(limit("-0"), 0);
  EXPECT_EQ(limit("1e3"), 1000);
  EXPECT_EQ(limit("1E-3"), 0);
  EXPECT_EQ(limit("100000000000"), 2147483647);
  EXPECT_EQ(limit("-100000000000"), -2147483648);
  EXPECT_EQ(limit("123456789012345678901234567890"), 2147483647);
  EXPECT_EQ(limit("-1e400"), -2147483648);
  EXPECT_EQ(limit("1e-400"), 0);
}

TEST(JsonDecode, TimestampsAreSecondsWithAnyNotation) {
  const auto time_ms = [](std::string_view number) {
    Decoded<GetShardIteratorInput> decoded(R"({"Timestamp":)" + std::string(number) + "}");
    return unix_milliseconds(*decoded.input.timestamp);
  };
  EXPECT_EQ(time_ms("1600000000"), 1600000000000);
  EXPECT_EQ(time_ms("1.6E9"), 1600000000000);
  EXPECT_EQ(time_ms("1.441215410867E9"), 1441215410867);
  EXPECT_EQ(time_ms("1441215410.867"), 1441215410867);
  EXPECT_EQ(time_ms("0.001"), 1);
  EXPECT_EQ(time_ms("-1.5"), -1500);
  EXPECT_EQ(time_ms("1e300"), std::int64_t{1} << 51);
}

TEST(JsonDecode, NestedStructuresAndChoices) {
  Decoded<ListShardsInput> decoded(R"({"ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":1.5}})");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(decoded.input.shard_filter->type->value, ShardFilterType::at_timestamp);
  EXPECT_TRUE(decoded.input.shard_filter->type->known);
  Decoded<ListShardsInput> other(R"({"ShardFilter":{"Type":"at_latest"}})");
  EXPECT_FALSE(other.input.shard_filter->type->known);
  EXPECT_EQ(other.input.shard_filter->type->text, "at_latest");
}

TEST(JsonDecode, Base64MayBeEscaped) {
  Decoded<PutRecordInput> decoded(R"({"Data":"\/\/\/\/\u0041A=="})");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(as_text(*decoded.input.data), std::string("\xFF\xFF\xFF\0", 4));
}

TEST(JsonDecode, ListsHoldNoMoreThanOneEntryAboveTheLimit) {
  std::string json = R"({"Records":[{})";
  for (int i = 0; i < 2000; ++i) json += R"(,{"PartitionKey":"k"})";
  Decoded<PutRecordsInput> decoded(json + "]}");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(decoded.input.records->size(), 501U);
  EXPECT_EQ(type_error<PutRecordsInput>(json + R"(,{"PartitionKey":1}]})"),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String");

  std::string tags = R"({"Tags":{"k":"v")";
  for (int i = 0; i < 2000; ++i) tags += R"(,"k)" + std::to_string(i) + R"(":"v")";
  EXPECT_EQ(Decoded<AddTagsToStreamInput>(tags + "}}").input.tags->size(), 201U);
}

// API reference §1.9, row by row.
TEST(JsonDecode, TypeViolationsReadAsTheReferenceSays) {
  const std::string number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to ";
  const std::string boolean = "class java.lang.Boolean can not be converted to ";
  const std::string text = "class java.lang.String can not be converted to ";
  const std::string list_start = "Start of list found where not expected";
  const std::string map_start = "Start of structure or map found where not expected.";

  EXPECT_EQ(type_error<DeleteStreamInput>(R"({"EnforceConsumerDeletion":1})"), number + "an Boolean");
  EXPECT_EQ(type_error<DeleteStreamInput>(R"({"EnforceConsumerDeletion":"abc"})"),
            "'ABC' can not be converted to an Boolean");
  EXPECT_EQ(type_error<GetRecordsInput>(R"({"Limit":true})"), boolean + "an Integer");
  EXPECT_EQ(type_error<GetRecordsInput>(R"({"Limit":"1"})"), text + "an Integer");
  EXPECT_EQ(type_error<GetRecordsOutput>(R"({"MillisBehindLatest":"1"})"), text + "an Long");
  EXPECT_EQ(type_error<GetRecordsInput>(R"({"ShardIterator":false})"), boolean + "an String");
  EXPECT_EQ(type_error<GetRecordsInput>(R"({"ShardIterator":1})"), number + "an String");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":true})"), boolean + "a Blob");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":1})"), number + "a Blob");
  EXPECT_EQ(
      type_error<PutRecordInput>(R"({"Data":"abc"})"),
      "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 3");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":"ab!d"})"),
            "'ab!d' can not be converted to a Blob: Invalid Base64 character: '!'");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":"=bcd"})"),
            "'=bcd' can not be converted to a Blob: Invalid Base64 character: '='");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4!XoxMjM0"})"),
            "'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4!XoxMjM0' can not be converted to a Blob: Invalid Base64 character: '!'");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":"ab=="})"),
            "'ab==' can not be converted to a Blob: Invalid last non-pad Base64 character dectected");
  EXPECT_EQ(type_error<GetShardIteratorInput>(R"({"Timestamp":true})"), boolean + "milliseconds since epoch");
  EXPECT_EQ(type_error<GetShardIteratorInput>(R"({"Timestamp":"1"})"), text + "milliseconds since epoch");
  for (const char* member : {"StreamName", "Data", "DryRun"}) {
    EXPECT_EQ(type_error<PutRecordInput>(R"({")" + std::string(member) + R"(":[]})"), list_start);
    EXPECT_EQ(type_error<PutRecordInput>(R"({")" + std::string(member) + R"(":{}})"), map_start);
  }
  EXPECT_EQ(type_error<GetShardIteratorInput>(R"({"Timestamp":[]})"), list_start);
  EXPECT_EQ(type_error<GetShardIteratorInput>(R"({"Timestamp":{}})"), map_start);
  for (const char* scalar : {"1", "true", "\"a\""}) {
    EXPECT_EQ(type_error<PutRecordsInput>(R"({"Records":)" + std::string(scalar) + "}"), "Expected list or null");
    EXPECT_EQ(type_error<AddTagsToStreamInput>(R"({"Tags":)" + std::string(scalar) + "}"), "Expected map or null");
    EXPECT_EQ(type_error<ListShardsInput>(R"({"ShardFilter":)" + std::string(scalar) + "}"), "Expected null");
    EXPECT_EQ(type_error<PutRecordsInput>(R"({"Records":[)" + std::string(scalar) + "]}"), "Expected null");
  }
  EXPECT_EQ(type_error<PutRecordsInput>(R"({"Records":{}})"), map_start);
  EXPECT_EQ(type_error<AddTagsToStreamInput>(R"({"Tags":[]})"), list_start);
  EXPECT_EQ(type_error<ListShardsInput>(R"({"ShardFilter":[]})"), list_start);
  EXPECT_EQ(type_error<PutRecordsInput>(R"({"Records":[[]]})"), list_start);
  EXPECT_EQ(type_error<RemoveTagsFromStreamInput>(R"({"TagKeys":[1]})"), number + "an String");
  EXPECT_EQ(type_error<AddTagsToStreamInput>(R"({"Tags":{"a":1}})"), number + "an String");
}

TEST(JsonDecode, SomeTextsAreBooleans) {
  for (const char* yes : {"true", "TRUE", "yes", "1"}) {
    EXPECT_EQ(Decoded<PutRecordInput>(R"({"DryRun":")" + std::string(yes) + R"("})").input.dry_run, true);
  }
  for (const char* no : {"false", "No", "0"}) {
    EXPECT_EQ(Decoded<PutRecordInput>(R"({"DryRun":")" + std::string(no) + R"("})").input.dry_run, false);
  }
}

TEST(JsonDecode, TheFirstViolationWinsButAMalformedBodyComesBefore) {
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":1,"PartitionKey":true})"),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":1,"PartitionKey":tru})"), "malformed");
  EXPECT_EQ(type_error<PutRecordInput>(R"({"Data":{"a":[}})"), "malformed");
}

TEST(JsonDecode, MalformedBodiesAreRefused) {
  for (const char* json : {"",
                           " ",
                           "{",
                           "}",
                           "[]",
                           "null",
                           "true",
                           "1",
                           "\"a\"",
                           "{}{}",
                           "{} x",
                           "{},",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":.5}",
                           "{\"a\":+1}",
                           "{\"a\":1e}",
                           "{\"a\":-}",
                           "{\"a\":nul}",
                           "{\"a\":nulll}",
                           "{\"a\":True}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12g4\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\udc00\"}",
                           "{\"a\":\"\\ud800\\u0041\"}",
                           "{\"a\":\"\x01\"}",
                           "{\"a\":\"\xFF\"}",
                           "{\"a\":\"b\":1}",
                           "{\"a\":[1 2]}",
                           "{\"a\":[1,]}",
                           "{\"a\":[1}",
                           "{\"a\":{]}",
                           "{\"a\":1]",
                           "{\"\\x\":1}",
                           "{\"a\":'b'}",
                           "{\"a\":\"b}",
                           "{\"a\":NaN}",
                           "{\"a\":{\"b\":1}",
                           "{\"a\":[[]}",
                           "{\"a\":1 2}",
                           "{\"a\":true\v}",
                           "{\"a\":1\f}",
                           "{\"a\":\"b\"\v}",
                           "{\"a\":null\xA0}",
                           "{\"a\"::1}",
                           "{\"a\":/**/1}"}) {
    EXPECT_EQ(type_error<PutRecordInput>(json), "malformed") << json;
    Body body(json);
    EXPECT_FALSE(is_well_formed(Encoding::json, body.bytes())) << json;
  }
}

TEST(JsonDecode, NestingIsBounded) {
  const auto nested = [](int depth) {
    return R"({"a":)" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  EXPECT_EQ(type_error<PutRecordInput>(nested(nesting_max - 1)), "accepted");
  EXPECT_EQ(type_error<PutRecordInput>(nested(nesting_max)), "malformed");
  EXPECT_EQ(type_error<PutRecordInput>(nested(100000)), "malformed");
}

TEST(JsonDecode, BodiesLargerThanTheKeptParserAreRead) {
  std::string data(4U * 1024 * 1024, 'A');
  Decoded<PutRecordInput> decoded(R"({"Data":")" + data + R"(","PartitionKey":"k"})");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(decoded.input.data->size(), 3U * 1024 * 1024);
  EXPECT_EQ(decoded.input.partition_key, "k");
}

}  // namespace
}  // namespace weir::kinesis
