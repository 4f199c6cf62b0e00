// Making, describing and removing streams, and what each state allows (API reference, section 3.4).
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

std::string not_active(std::string_view state) {
  return "ResourceInUseException: Stream s under account 000000000000 not ACTIVE, instead in state " +
         std::string(state);
}

constexpr std::string_view not_found = "ResourceNotFoundException: Stream s under account 000000000000 not found.";

Map put_input() { return {{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{"d"}}}; }

Map puts_input() { return {{"StreamName", "s"}, {"Records", List{Map{{"PartitionKey", "k"}, {"Data", Blob{"d"}}}}}}; }

// The commands that only an ACTIVE stream takes, with an input that would be right.
std::vector<std::pair<std::string, Map>> commands_on_active_streams() {
  return {
      {"DeleteStream", {{"StreamName", "s"}}},
      {"SplitShard", {{"StreamName", "s"}, {"ShardToSplit", shard_name(0)}, {"NewStartingHashKey", "1000"}}},
      {"MergeShards", {{"StreamName", "s"}, {"ShardToMerge", shard_name(0)}, {"AdjacentShardToMerge", shard_name(1)}}},
      {"IncreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 48}}},
      {"DecreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 24}}}};
}

TEST(CreateStream, ANewStreamHasTheDocumentedValues) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const WallTime before = server.now();
    co_await client.create("s", 3);
    const WireValue answer = co_await client.expect("DescribeStream", {{"StreamName", "s"}});
    const WireValue& stream = answer["StreamDescription"];
    EXPECT_EQ(stream["StreamName"].text(), "s");
    EXPECT_EQ(stream["StreamARN"].text(), "arn:aws:kinesis:us-east-1:000000000000:stream/s");
    EXPECT_EQ(stream["StreamStatus"].text(), "ACTIVE");
    EXPECT_EQ(stream["StreamModeDetails"]["StreamMode"].text(), "PROVISIONED");
    EXPECT_EQ(stream["RetentionPeriodHours"].integer(), 24);
    EXPECT_EQ(stream["EncryptionType"].text(), "NONE");
    EXPECT_FALSE(stream["HasMoreShards"].boolean());
    EXPECT_GE(stream["StreamCreationTimestamp"].time(), before);
    EXPECT_LE(stream["StreamCreationTimestamp"].time(), server.now());
    EXPECT_EQ(stream["EnhancedMonitoring"].to_json(), R"([{"ShardLevelMetrics":[]}])");
    EXPECT_EQ(stream.size(), 10U) << stream.to_json();

    // API reference, section 8.2.
    const char* const ranges[3][2] = {
        {"0", "113427455640312821154458202477256070484"},
        {"113427455640312821154458202477256070485", "226854911280625642308916404954512140969"},
        {"226854911280625642308916404954512140970", "340282366920938463463374607431768211455"}};
    EXPECT_EQ(stream["Shards"].size(), 3U);
    for (std::uint32_t i = 0; i < 3; ++i) {
      const WireValue& shard = stream["Shards"].item(i);
      EXPECT_EQ(shard["ShardId"].text(), shard_name(i));
      EXPECT_EQ(shard["HashKeyRange"]["StartingHashKey"].text(), ranges[i][0]);
      EXPECT_EQ(shard["HashKeyRange"]["EndingHashKey"].text(), ranges[i][1]);
      EXPECT_EQ(shard["SequenceNumberRange"]["StartingSequenceNumber"].text().size(), 56U);
      EXPECT_EQ(shard["SequenceNumberRange"].size(), 1U);
      EXPECT_EQ(shard.size(), 3U) << shard.to_json();
    }
  });
}

TEST(CreateStream, TheSummaryCountsInsteadOfListing) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.expect("CreateStream",
                           {{"StreamName", "s"}, {"ShardCount", 3}, {"MaxRecordSizeInKiB", 2048}, {"StreamId", "x"}});
    co_await server.settle("s");
    const WireValue answer = co_await client.expect("DescribeStreamSummary", {{"StreamName", "s"}});
    const WireValue& summary = answer["StreamDescriptionSummary"];
    EXPECT_EQ(summary["OpenShardCount"].integer(), 3);
    EXPECT_EQ(summary["ConsumerCount"].integer(), 0);
    EXPECT_EQ(summary["MaxRecordSizeInKiB"].integer(), 2048);
    EXPECT_EQ(summary["StreamStatus"].text(), "ACTIVE");
    EXPECT_EQ(summary["EncryptionType"].text(), "NONE");
    EXPECT_EQ(summary["EnhancedMonitoring"].to_json(), R"([{"ShardLevelMetrics":[]}])");
    EXPECT_EQ(summary.size(), 11U) << "no StreamId above all: " << summary.to_json();
  });
}

TEST(CreateStream, WithoutACountItIsOnDemandWithFourShards) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.expect("CreateStream", {{"StreamName", "silent"}});
    co_await client.expect("CreateStream",
                           {{"StreamName", "explicit"}, {"StreamModeDetails", Map{{"StreamMode", "ON_DEMAND"}}}});
    for (const std::string name : {"silent", "explicit"}) {
      co_await server.settle(name);
      const WireValue answer = co_await client.expect("DescribeStream", {{"StreamName", name}});
      EXPECT_EQ(answer["StreamDescription"]["StreamModeDetails"]["StreamMode"].text(), "ON_DEMAND");
      EXPECT_EQ(answer["StreamDescription"]["Shards"].size(), 4U);
    }
  });
}

TEST(CreateStream, ModeAndCountMustFitEachOther) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    EXPECT_EQ((co_await client.call("CreateStream",
                                    {{"StreamName", "s"}, {"StreamModeDetails", Map{{"StreamMode", "PROVISIONED"}}}}))
                  .code(),
              "InvalidArgumentException");
    EXPECT_EQ((co_await client.call(
                   "CreateStream",
                   {{"StreamName", "s"}, {"ShardCount", 1}, {"StreamModeDetails", Map{{"StreamMode", "ON_DEMAND"}}}}))
                  .code(),
              "InvalidArgumentException");
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s"}, {"WarmThroughputMiBps", 10}})).code(),
              "InvalidArgumentException");
    EXPECT_EQ((co_await client.call("CreateStream", {{"ShardCount", 0}, {"StreamName", "a b"}})).error(),
              "ValidationException: 2 validation errors detected: Value '0' at 'shardCount' failed to satisfy "
              "constraint: Member must have value greater than or equal to 1; Value 'a b' at 'streamName' failed to "
              "satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s"}, {"MaxRecordSizeInKiB", 1023}})).code(),
              "ValidationException");
    EXPECT_TRUE((co_await client.expect("ListStreams", {}))["StreamNames"].items().empty());
    co_await client.expect(
        "CreateStream",
        {{"StreamName", "s"}, {"ShardCount", 1}, {"StreamModeDetails", Map{{"StreamMode", "PROVISIONED"}}}});
  });
}

TEST(CreateStream, ANameIsTakenInEveryStateAndCaseMatters) {
  run_server({.settings = {"directory.create_time=1h"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.expect("CreateStream", {{"StreamName", "s"}, {"ShardCount", 1}});
    const std::string taken = "ResourceInUseException: Stream s under account 000000000000 already exists.";
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s"}, {"ShardCount", 1}})).error(), taken);
    // Even before quotas.
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s"}, {"ShardCount", 1'000'000}})).error(), taken);
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "S"}, {"ShardCount", 1}})).error(), "");
  });
  run_server({.settings = {"directory.delete_time=1h"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s"}})).code(), "ResourceInUseException");
    co_await client.expect("DeleteStream", {{"StreamName", "s"}});
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s"}})).code(), "ResourceInUseException");
  });
}

TEST(CreateStream, TheAccountsShardLimitIsToldInFull) {
  run_server({.settings = {"directory.account_shards_max=5"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 3);
    const auto limit_error = [](std::string_view additional) {
      return "LimitExceededException: This request would exceed the shard limit for the account 000000000000 in "
             "us-east-1. Current shard count for the account: 3. Limit: 5. Number of additional shards that would have "
             "resulted from this request: " +
             std::string(additional) +
             ". Refer to the AWS Service Limits page "
             "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to "
             "request higher limits.";
    };
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "t"}, {"ShardCount", 3}})).error(),
              limit_error("3"));
    // Whatever the number, it is the account's limit that is told, not one of the machine.
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "t"}, {"ShardCount", 2'147'483'647}})).error(),
              limit_error("2147483647"));
    // On-demand streams have a quota of their own, other accounts and Regions theirs.
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "on-demand"}})).error(), "");
    const Client elsewhere{.server = server, .region = "eu-west-1"};
    co_await elsewhere.create("s", 5);
    const Client other{.server = server, .account_id = std::string(other_account)};
    co_await other.create("s", 5);
    co_await client.create("t", 2);
    // Deleted streams free what they had.
    co_await client.expect("DeleteStream", {{"StreamName", "s"}});
    co_await server.settle("s");
    co_await client.create("s", 3);
  });
}

TEST(CreateStream, OnDemandStreamsHaveAQuotaOfTheirOwn) {
  run_server({.settings = {"directory.account_on_demand_streams_max=1"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.expect("CreateStream", {{"StreamName", "s"}});
    co_await server.settle("s");
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "t"}})).code(), "LimitExceededException");
    co_await client.create("t", 1);
  });
}

TEST(CreateStream, AtMostFiveStreamsOfAnAccountAreInCreatingAtOnce) {
  run_server({.settings = {"directory.create_time=10s"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    for (int i = 0; i < 5; ++i) {
      co_await client.expect("CreateStream", {{"StreamName", "s" + std::to_string(i)}, {"ShardCount", 1}});
    }
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s5"}, {"ShardCount", 1}})).code(),
              "LimitExceededException");
    const Client other{.server = server, .account_id = std::string(other_account)};
    EXPECT_EQ((co_await other.call("CreateStream", {{"StreamName", "s5"}, {"ShardCount", 1}})).error(), "");
    co_await server.settle("s0");
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "s5"}, {"ShardCount", 1}})).error(), "");
  });
}

TEST(StreamStates, CreatingShowsNoShardsAndTakesNoData) {
  run_server({.settings = {"directory.create_time=1h"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.expect("CreateStream", {{"StreamName", "s"}, {"ShardCount", 2}, {"Tags", Map{{"a", "b"}}}});
    const WireValue described = co_await client.expect("DescribeStream", {{"StreamName", "s"}});
    EXPECT_EQ(described["StreamDescription"]["StreamStatus"].text(), "CREATING");
    EXPECT_EQ(described["StreamDescription"]["Shards"].to_json(), "[]");
    EXPECT_FALSE(described["StreamDescription"]["HasMoreShards"].boolean());
    EXPECT_EQ((co_await client.call("PutRecord", put_input())).error(), not_found);
    EXPECT_EQ((co_await client.call("PutRecords", puts_input())).error(), not_found);
    EXPECT_EQ((co_await client.call("GetShardIterator",
                                    {{"StreamName", "s"}, {"ShardId", shard_name(0)}, {"ShardIteratorType", "LATEST"}}))
                  .error(),
              "ResourceNotFoundException: Shard shardId-000000000000 in stream s under account 000000000000 does not "
              "exist");
    EXPECT_EQ((co_await client.call("ListShards", {{"StreamName", "s"}})).error(), not_active("CREATING"));
    for (const auto& [operation, input] : commands_on_active_streams()) {
      EXPECT_EQ((co_await client.call(operation, input)).error(), not_active("CREATING")) << operation;
    }
    EXPECT_EQ((co_await client.call("AddTagsToStream", {{"StreamName", "s"}, {"Tags", Map{{"c", "d"}}}})).error(),
              not_active("CREATING"));
    EXPECT_EQ((co_await client.call("RemoveTagsFromStream", {{"StreamName", "s"}, {"TagKeys", List{"a"}}})).error(),
              not_active("CREATING"));
    EXPECT_EQ((co_await client.expect("ListTagsForStream", {{"StreamName", "s"}}))["Tags"].size(), 1U);
  });
}

TEST(StreamStates, UpdatingTakesDataAndTagsButNoSecondChange) {
  run_server({.settings = {"directory.update_time=1h"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    co_await client.expect("SplitShard",
                           {{"StreamName", "s"}, {"ShardToSplit", shard_name(0)}, {"NewStartingHashKey", "1000"}});
    for (const auto& [operation, input] : commands_on_active_streams()) {
      EXPECT_EQ((co_await client.call(operation, input)).error(), not_active("UPDATING")) << operation;
    }
    const WireValue put = co_await client.expect("PutRecord", put_input());
    EXPECT_LE(put["ShardId"].text(), shard_name(1)) << "until the split is done";
    const WireValue listed = co_await client.expect("ListShards", {{"StreamName", "s"}});
    EXPECT_EQ(listed["Shards"].size(), 2U);
    for (const WireValue& shard : listed["Shards"].items()) {
      EXPECT_FALSE(shard["SequenceNumberRange"].has("EndingSequenceNumber"));
    }
    co_await client.expect("AddTagsToStream", {{"StreamName", "s"}, {"Tags", Map{{"a", "b"}}}});
    EXPECT_EQ((co_await client.expect("ListTagsForStream", {{"StreamName", "s"}}))["Tags"].size(), 1U);
    EXPECT_EQ((co_await client.read_all("s", put["ShardId"].text())), std::vector<std::string>{"d"});
    const WireValue summary = co_await client.expect("DescribeStreamSummary", {{"StreamName", "s"}});
    EXPECT_EQ(summary["StreamDescriptionSummary"]["StreamStatus"].text(), "UPDATING");
  });
}

TEST(StreamStates, DeletingIsShownAndEndsInNothing) {
  run_server({.settings = {"directory.delete_time=10s"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    co_await client.expect("DeleteStream", {{"StreamName", "s"}, {"EnforceConsumerDeletion", false}});
    const WireValue described = co_await client.expect("DescribeStream", {{"StreamName", "s"}});
    EXPECT_EQ(described["StreamDescription"]["StreamStatus"].text(), "DELETING");
    for (const auto& [operation, input] : commands_on_active_streams()) {
      EXPECT_EQ((co_await client.call(operation, input)).error(), not_active("DELETING")) << operation;
    }
    EXPECT_EQ((co_await client.call("ListShards", {{"StreamName", "s"}})).error(), not_active("DELETING"));
    EXPECT_EQ((co_await client.call("AddTagsToStream", {{"StreamName", "s"}, {"Tags", Map{{"c", "d"}}}})).error(),
              not_active("DELETING"));
    EXPECT_EQ((co_await client.expect("ListStreams", {}))["StreamNames"].texts(), std::vector<std::string>{"s"});
    co_await server.settle("s");
    EXPECT_EQ((co_await client.call("DescribeStream", {{"StreamName", "s"}})).error(), not_found);
    EXPECT_EQ((co_await client.call("DeleteStream", {{"StreamName", "s"}})).error(), not_found);
    EXPECT_EQ((co_await client.call("PutRecord", put_input())).error(), not_found);
    EXPECT_TRUE((co_await client.expect("ListStreams", {}))["StreamNames"].items().empty());
  });
}

TEST(StreamStates, AMissingStreamIsNotFoundByAnyOperation) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    auto calls = commands_on_active_streams();
    calls.insert(calls.end(), {{"DescribeStream", {{"StreamName", "s"}}},
                               {"DescribeStreamSummary", {{"StreamName", "s"}}},
                               {"ListShards", {{"StreamName", "s"}}},
                               {"ListTagsForStream", {{"StreamName", "s"}}},
                               {"AddTagsToStream", {{"StreamName", "s"}, {"Tags", Map{{"c", "d"}}}}},
                               {"RemoveTagsFromStream", {{"StreamName", "s"}, {"TagKeys", List{"a"}}}},
                               {"PutRecord", put_input()},
                               {"PutRecords", puts_input()}});
    for (const auto& [operation, input] : calls) {
      const Reply reply = co_await client.call(operation, input);
      EXPECT_EQ(reply.error(), not_found) << operation;
      EXPECT_EQ(reply.status, 400);
    }
  });
}

TEST(DescribeLimits, CountsOpenShardsAndOnDemandStreamsOfTheAccount) {
  run_server(
      {.settings = {"directory.account_shards_max=300", "directory.account_on_demand_streams_max=7"}},
      [](TestServer& server) -> env::Task<void> {
        const Client client{.server = server, .core = 1};
        EXPECT_EQ((co_await client.expect("DescribeLimits", {})).to_json(),
                  R"({"ShardLimit":300,"OpenShardCount":0,"OnDemandStreamCount":0,"OnDemandStreamCountLimit":7})");
        co_await client.create("s", 2);
        co_await client.expect("CreateStream", {{"StreamName", "on-demand"}});
        co_await server.settle("on-demand");
        co_await client.expect("SplitShard",
                               {{"StreamName", "s"}, {"ShardToSplit", shard_name(0)}, {"NewStartingHashKey", "1000"}});
        co_await server.settle("s");
        EXPECT_EQ((co_await client.expect("DescribeLimits", {})).to_json(),
                  R"({"ShardLimit":300,"OpenShardCount":3,"OnDemandStreamCount":1,"OnDemandStreamCountLimit":7})");
        const Client elsewhere{.server = server, .region = "eu-west-1"};
        EXPECT_EQ((co_await elsewhere.expect("DescribeLimits", {}))["OpenShardCount"].integer(), 0);
      });
}

}  // namespace
}  // namespace weir::frontend::test
