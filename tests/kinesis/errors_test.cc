#include "kinesis/errors.h"

#include <set>

#include "gtest/gtest.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

TEST(Errors, BodiesInEachForm) {
  const ApiError error = errors::stream_not_found("s", "000000000000");
  EXPECT_EQ(error_body(error, ErrorForm::json),
            R"({"__type":"ResourceNotFoundException","message":"Stream s under account 000000000000 not found."})");
  EXPECT_EQ(error_body(errors::unknown_operation(), ErrorForm::json), R"({"__type":"UnknownOperationException"})");
  EXPECT_EQ(error_body(errors::serialization("x"), ErrorForm::json),
            R"({"__type":"SerializationException","Message":"x"})");
  EXPECT_EQ(error_body(errors::internal_failure(), ErrorForm::json), R"({"__type":"InternalFailure"})");
  EXPECT_EQ(error_body(errors::serialization("x"), ErrorForm::cbor),
            from_hex("bf 66 5f5f74797065 76") + "SerializationException" + from_hex("67 4d657373616765 6178 ff"));
  EXPECT_EQ(error_body(errors::missing_authentication_token(), ErrorForm::xml),
            "<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token</Message>\n"
            "</MissingAuthenticationTokenException>\n");
  EXPECT_EQ(error_body(errors::invalid_signature("a<b>&'c'"), ErrorForm::xml),
            "<InvalidSignatureException>\n  <Message>a&lt;b&gt;&amp;'c'</Message>\n</InvalidSignatureException>\n");
}

// API reference §1.8.
TEST(Errors, StatusesAndRetries) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < api_error_codes; ++i) {
    const auto code = static_cast<ApiErrorCode>(i);
    names.insert(info(code).name);
    const bool retryable = code == ApiErrorCode::limit_exceeded || code == ApiErrorCode::internal_failure ||
                           code == ApiErrorCode::provisioned_throughput_exceeded ||
                           code == ApiErrorCode::service_unavailable;
    EXPECT_EQ(info(code).retryable, retryable) << info(code).name;
    const int status = code == ApiErrorCode::internal_failure      ? 500
                       : code == ApiErrorCode::service_unavailable ? 503
                                                                   : 400;
    EXPECT_EQ(error_status({code, ""}, ErrorForm::json), status);
    EXPECT_EQ(error_status({code, ""}, ErrorForm::xml), status == 400 ? 403 : status);
  }
  EXPECT_EQ(names.size(), api_error_codes);
}

// API reference §3.4: the texts that clients or their tests match.
TEST(Errors, TextsOfTheReference) {
  const char* account = "123456789012";
  EXPECT_EQ(errors::stream_exists("s", account).message, "Stream s under account 123456789012 already exists.");
  EXPECT_EQ(errors::stream_not_active("s", account, "CREATING").message,
            "Stream s under account 123456789012 not ACTIVE, instead in state CREATING");
  EXPECT_EQ(errors::shard_rate_exceeded("shardId-000000000001", "s", account).message,
            "Rate exceeded for shard shardId-000000000001 in stream s under account 123456789012.");
  EXPECT_EQ(errors::stream_calls_exceeded("s", account).message,
            "Rate exceeded for stream s under account 123456789012.");
  EXPECT_EQ(
      errors::shard_limit_exceeded(account, "us-east-1", 8, 10, 3).message,
      "This request would exceed the shard limit for the account 123456789012 in us-east-1. Current shard count for "
      "the account: 8. Limit: 10. Number of additional shards that would have resulted from this request: 3. Refer "
      "to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for "
      "current limits and how to request higher limits.");
  EXPECT_EQ(errors::shard_not_parsed("x", "s", account).message,
            "Could not find shard x in stream s under account 123456789012.");
  EXPECT_EQ(errors::shard_does_not_exist("shardId-000000000005", "s", account).message,
            "Shard shardId-000000000005 in stream s under account 123456789012 does not exist");
  EXPECT_EQ(errors::split_key_out_of_range("1", "shardId-000000000000", "s", account, "0", "9").message,
            "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream s under account "
            "123456789012 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's "
            "EndingHashKey 9.");
  EXPECT_EQ(
      errors::iterator_expired(wall_time_ms(1421889722000), wall_time_ms(1421890083456)).message,
      "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while right now it is Thu Jan "
      "22 01:28:03 UTC 2015 which is further in the future than the tolerated delay of 300000 milliseconds.");
  EXPECT_EQ(errors::starting_sequence_number_missing("AT_SEQUENCE_NUMBER").message,
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
            "TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified AT_SEQUENCE_NUMBER and no "
            "StartingSequenceNumber.");
  EXPECT_EQ(errors::starting_sequence_number_invalid("7", "shardId-000000000000", "s", account).message,
            "StartingSequenceNumber 7 used in GetShardIterator on shard shardId-000000000000 in stream s under account "
            "123456789012 is invalid.");
  EXPECT_EQ(errors::starting_sequence_number_of_other_stream("7", "shardId-000000000000", "s", account).message,
            "StartingSequenceNumber 7 used in GetShardIterator on shard shardId-000000000000 in stream s under account "
            "123456789012 is invalid because it did not come from this stream.");
  EXPECT_EQ(
      errors::timestamp_in_future(wall_time_ms(5), wall_time_ms(3)).message,
      "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 5, "
      "currentTimestampInMillis: 3");
  EXPECT_EQ(errors::retention_shorter_than_existing(25, 48, "s").message,
            "Requested retention period (25 hours) for stream s can not be shorter than existing retention period (48 "
            "hours). Use DecreaseRetentionPeriod API.");
  EXPECT_EQ(errors::retention_longer_than_existing(48, 25, "s").message,
            "Requested retention period (48 hours) for stream s can not be longer than existing retention period (25 "
            "hours). Use IncreaseRetentionPeriod API.");
  EXPECT_EQ(
      errors::record_too_large("records.3.member.data", 1048577, 1048576).message,
      "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]' at "
      "'records.3.member.data' failed to satisfy constraint: Member must have length less than or equal to 1048576");
}

}  // namespace
}  // namespace weir::kinesis
