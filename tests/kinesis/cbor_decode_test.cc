#include <cmath>

#include "gtest/gtest.h"
#include "kinesis/cbor_decoder.h"
#include "kinesis/shapes/add_tags_to_stream.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/put_record.h"
#include "kinesis/shapes/put_records.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

template <class T>
struct Decoded {
  explicit Decoded(std::string_view hex) : body(from_hex(hex)) {
    result = decode(Encoding::cbor, body.bytes(), structure_of<T>, &input);
  }
  Body body;
  T input;
  std::expected<void, ApiError> result;
};

template <class T>
std::string type_error(std::string_view hex) {
  Decoded<T> decoded(hex);
  if (decoded.result.has_value()) return "accepted";
  return decoded.result.error().message.empty() ? "malformed" : decoded.result.error().message;
}

const std::string data_key = "64 44617461 ";
const std::string limit_key = "65 4c696d6974 ";
const std::string timestamp_key = "69 54696d657374616d70 ";
const std::string partition_key = "6c 506172746974696f6e4b6579 ";
const std::string dry_run_key = "66 44727952756e ";

// API reference §8.5.
TEST(CborDecode, ReadsTheVectorOfTheReference) {
  const std::string vector =
      "a3 6444617461 426869 6c506172746974696f6e4b6579 6161 6954696d657374616d70 c1 1b0000018bcfe5687b";
  Decoded<PutRecordInput> record(vector);
  ASSERT_TRUE(record.result.has_value());
  EXPECT_EQ(as_text(*record.input.data), "hi");
  EXPECT_EQ(record.input.partition_key, "a");
  Decoded<GetShardIteratorInput> iterator(vector);
  ASSERT_TRUE(iterator.result.has_value());
  EXPECT_EQ(unix_milliseconds(*iterator.input.timestamp), 1700000000123);
}

TEST(CborDecode, IndefiniteLengthsAreReadEverywhere) {
  Decoded<PutRecordInput> decoded("bf " + data_key +
                                  "5f 4168 40 4169 ff 7f 69506172746974696f6e 634b6579 ff 7f 6161 6162 ff ff");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(as_text(*decoded.input.data), "hi");
  EXPECT_EQ(decoded.input.partition_key, "ab");
  Decoded<PutRecordsInput> records("bf 67 5265636f726473 9f bf " + data_key + "4101 ff a0 f6 ff ff");
  ASSERT_TRUE(records.result.has_value());
  ASSERT_EQ(records.input.records->size(), 3U);
  EXPECT_EQ((*records.input.records)[0].data->size(), 1U);
  EXPECT_FALSE((*records.input.records)[2].data.has_value());
}

TEST(CborDecode, Base64TextIsAcceptedForBlobs) {
  Decoded<PutRecordInput> decoded("a1 " + data_key + "64 6147 6b3d");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_EQ(as_text(*decoded.input.data), "hi");
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + data_key + "64 6147 6b21"),
            "'aGk!' can not be converted to a Blob: Invalid Base64 character: '!'");
}

TEST(CborDecode, NullUndefinedAndTheSelfDescribeTag) {
  Decoded<PutRecordInput> decoded("d9d9f7 a2 " + data_key + "f6 " + partition_key + "f7");
  ASSERT_TRUE(decoded.result.has_value());
  EXPECT_FALSE(decoded.input.data.has_value());
  EXPECT_FALSE(decoded.input.partition_key.has_value());
}

TEST(CborDecode, EveryFormOfNumberIsRead) {
  const auto limit = [](const std::string& hex) {
    return *Decoded<GetRecordsInput>("a1 " + limit_key + hex).input.limit;
  };
  EXPECT_EQ(limit("00"), 0);
  EXPECT_EQ(limit("17"), 23);
  EXPECT_EQ(limit("1818"), 24);
  EXPECT_EQ(limit("190100"), 256);
  EXPECT_EQ(limit("1a00010000"), 65536);
  EXPECT_EQ(limit("1b0000000000000001"), 1);
  EXPECT_EQ(limit("1bffffffffffffffff"), 2147483647);
  EXPECT_EQ(limit("20"), -1);
  EXPECT_EQ(limit("3bffffffffffffffff"), -2147483648);
  EXPECT_EQ(limit("f94700"), 7);               // 7.0 as a half
  EXPECT_EQ(limit("fa40f9999a"), 7);           // 7.8 as a float
  EXPECT_EQ(limit("fbc01f333333333333"), -7);  // -7.8 as a double
  EXPECT_EQ(limit("f97c00"), 2147483647);      // infinity
  EXPECT_EQ(limit("f97e00"), 0);               // not a number
}

TEST(CborDecode, TimestampsAreMillisecondsAndFloatsSeconds) {
  const auto time_ms = [](const std::string& hex) {
    return unix_milliseconds(*Decoded<GetShardIteratorInput>("a1 " + timestamp_key + hex).input.timestamp);
  };
  EXPECT_EQ(time_ms("c1 1b0000018bcfe5687b"), 1700000000123);
  EXPECT_EQ(time_ms("1b0000018bcfe5687b"), 1700000000123);
  EXPECT_EQ(time_ms("c1 fb3ff8000000000000"), 1500);
  EXPECT_EQ(time_ms("1bffffffffffffffff"), std::int64_t{1} << 51);
}

TEST(CborDecode, HalvesAgreeWithTheirDefinition) {
  EXPECT_EQ(detail::double_from_half(0x0001), std::ldexp(1, -24));
  EXPECT_EQ(detail::double_from_half(0x03FF), std::ldexp(1023, -24));
  EXPECT_EQ(detail::double_from_half(0x0400), std::ldexp(1, -14));
  EXPECT_EQ(detail::double_from_half(0x3C00), 1.0);
  EXPECT_EQ(detail::double_from_half(0xC000), -2.0);
  EXPECT_EQ(detail::double_from_half(0x7BFF), 65504.0);
}

TEST(CborDecode, TypeViolationsReadAsInJson) {
  const std::string number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to ";
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + partition_key + "01"), number + "an String");
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + partition_key + "4161"),
            "class java.nio.HeapByteBuffer can not be converted to an String");
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + data_key + "f5"),
            "class java.lang.Boolean can not be converted to a Blob");
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + data_key + "80"), "Start of list found where not expected");
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + data_key + "a0"), "Start of structure or map found where not expected.");
  EXPECT_EQ(type_error<PutRecordInput>("a1 " + dry_run_key + "01"), number + "an Boolean");
  EXPECT_EQ(type_error<GetRecordsInput>("a1 " + limit_key + "6131"),
            "class java.lang.String can not be converted to an Integer");
  EXPECT_EQ(type_error<PutRecordsInput>("a1 67 5265636f726473 01"), "Expected list or null");
}

TEST(CborDecode, MalformedBodiesAreRefused) {
  for (const std::string hex : {"",
                                "80",
                                "f6",
                                "01",
                                "a1",
                                "a1 6161",
                                "a1 01 01",
                                "bf",
                                "bf 6161",
                                "bf 6161 ff",
                                "bf ff ff",
                                "a0 00",
                                "a1 6161 1c",
                                "a1 6161 5f 6161 ff",
                                "a1 6161 5f 5f ff ff",
                                "a1 6161 7f 4161 ff",
                                "a1 6161 5f",
                                "a1 6161 42 00",
                                "a1 6161 ff",
                                "a1 61ff 00",
                                "a1 6161 61ff",
                                "a1 6161 1f",
                                "a1 6161 3f",
                                "a1 6161 df 00",
                                "a1 6161 f820",
                                "a1 6161 e0",
                                "bbffffffffffffffff",
                                "a1 6161 9bffffffffffffffff",
                                "a1 6161 5bffffffffffffffff",
                                "a1 6161 c1"}) {
    EXPECT_EQ(type_error<PutRecordInput>(hex), "malformed") << hex;
    Body body(from_hex(hex));
    EXPECT_FALSE(is_well_formed(Encoding::cbor, body.bytes())) << hex;
  }
}

TEST(CborDecode, NestingIsBoundedForListsMapsAndTags) {
  const auto nested = [](std::string_view start, std::string_view end, int depth) {
    std::string hex = "a1 6161 ";
    for (int i = 0; i < depth; ++i) hex += start;
    hex += "00";
    for (int i = 0; i < depth; ++i) hex += end;
    return hex;
  };
  EXPECT_EQ(type_error<PutRecordInput>(nested("81", "", nesting_max - 1)), "accepted");
  EXPECT_EQ(type_error<PutRecordInput>(nested("81", "", nesting_max)), "malformed");
  EXPECT_EQ(type_error<PutRecordInput>(nested("9f", "ff", 50000)), "malformed");
  EXPECT_EQ(type_error<PutRecordInput>(nested("a16161", "", nesting_max)), "malformed");
  EXPECT_EQ(type_error<PutRecordInput>(nested("c1", "", 3)), "accepted");
  EXPECT_EQ(type_error<PutRecordInput>(nested("c1", "", 1000)), "malformed");
}

}  // namespace
}  // namespace weir::kinesis
