// GetRecords (API reference, sections 3.4 and 4.5).
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

using Texts = std::vector<std::string>;

env::Task<WireValue> get(Client client, std::string iterator, Map more = {}) {
  more.emplace_back("ShardIterator", std::move(iterator));
  return client.expect("GetRecords", std::move(more));
}

env::Task<void> reshard(Client client, std::string operation, Map input) {
  co_await client.expect(operation, std::move(input));
  co_await client.server.settle("s");
}

Map split_of(std::uint32_t shard, std::string key) {
  return {{"StreamName", "s"}, {"ShardToSplit", shard_name(shard)}, {"NewStartingHashKey", std::move(key)}};
}

Map merge_of(std::uint32_t shard, std::uint32_t adjacent) {
  return {{"StreamName", "s"}, {"ShardToMerge", shard_name(shard)}, {"AdjacentShardToMerge", shard_name(adjacent)}};
}

class ReadingEncoding : public testing::TestWithParam<kinesis::Encoding> {};
INSTANTIATE_TEST_SUITE_P(Both, ReadingEncoding, testing::Values(kinesis::Encoding::json, kinesis::Encoding::cbor),
                         [](const auto& info) { return info.param == kinesis::Encoding::json ? "json" : "cbor"; });

TEST_P(ReadingEncoding, RecordsComeAsTheyWerePut) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    const WallTime before = server.now();
    const std::string bytes("\0\xff\"\n", 4);
    const WireValue first = co_await client.expect(
        "PutRecord", {{"StreamName", "s"}, {"PartitionKey", "key \"ü\"\\"}, {"Data", Blob{bytes}}});
    const WireValue second = co_await client.expect(
        "PutRecord", {{"StreamName", "s"}, {"PartitionKey", "k"}, {"ExplicitHashKey", "12"}, {"Data", Blob{""}}});
    const WireValue answer = co_await get(client, co_await client.iterator("s", shard_name(0), "TRIM_HORIZON"));
    EXPECT_EQ(answer["Records"].size(), 2U);
    const WireValue& record = answer["Records"].item(0);
    EXPECT_EQ(record["Data"].blob(), bytes);
    EXPECT_EQ(record["PartitionKey"].text(), "key \"ü\"\\");
    EXPECT_EQ(record["SequenceNumber"].text(), first["SequenceNumber"].text());
    EXPECT_GE(record["ApproximateArrivalTimestamp"].time(), before);
    EXPECT_LE(record["ApproximateArrivalTimestamp"].time(), server.now());
    EXPECT_EQ(record.size(), 4U) << "EncryptionType is absent: " << record.to_json();
    EXPECT_EQ(answer["Records"].item(1)["Data"].blob(), "");
    EXPECT_EQ(answer["Records"].item(1)["SequenceNumber"].text(), second["SequenceNumber"].text());
    EXPECT_EQ(answer["MillisBehindLatest"].integer(), 0);
    EXPECT_TRUE(answer.has("NextShardIterator"));
    EXPECT_EQ(answer.size(), 3U) << answer.to_json();
  });
}

TEST_P(ReadingEncoding, TheLastRecordsOfAClosedShardNameItsChildren) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 2);
    for (const std::string hash : {"5", "5000"}) {
      co_await client.expect(
          "PutRecord", {{"StreamName", "s"}, {"PartitionKey", "k"}, {"ExplicitHashKey", hash}, {"Data", Blob{hash}}});
    }
    const std::string before = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    co_await reshard(client, "SplitShard", split_of(0, "1000"));
    // All at once, with the children; one by one, with the last; and again long after.
    for (const Duration pause : {seconds(0), seconds(60)}) {
      co_await server.home().sleep_for(pause);
      const WireValue all = co_await get(client, before);
      EXPECT_EQ(all["Records"].size(), 2U);
      EXPECT_FALSE(all.has("NextShardIterator"));
      EXPECT_EQ(all["MillisBehindLatest"].integer(), 0);
      EXPECT_EQ(all["ChildShards"].to_json(),
                R"([{"ShardId":"shardId-000000000002","ParentShards":["shardId-000000000000"],)"
                R"("HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"999"}},)"
                R"({"ShardId":"shardId-000000000003","ParentShards":["shardId-000000000000"],)"
                R"("HashKeyRange":{"StartingHashKey":"1000",)"
                R"("EndingHashKey":"170141183460469231731687303715884105727"}}])");
      const WireValue one = co_await get(client, before, {{"Limit", 1}});
      EXPECT_EQ(one["Records"].size(), 1U);
      EXPECT_FALSE(one.has("ChildShards"));
      const WireValue rest = co_await get(client, one["NextShardIterator"].text(), {{"Limit", 1}});
      EXPECT_EQ(rest["Records"].size(), 1U);
      EXPECT_FALSE(rest.has("NextShardIterator"));
      EXPECT_EQ(rest["ChildShards"].size(), 2U);
    }
  });
}

TEST(Reading, MergedParentsBothNameTheirChildAndTheChildBothParents) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    const std::string tip = co_await client.iterator("s", shard_name(1), "LATEST");
    co_await reshard(client, "MergeShards", merge_of(1, 0));
    const std::string children =
        R"([{"ShardId":"shardId-000000000002","ParentShards":["shardId-000000000001","shardId-000000000000"],)"
        R"("HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"}}])";
    for (const std::string& iterator : {tip, co_await client.iterator("s", shard_name(0), "TRIM_HORIZON"),
                                        co_await client.iterator("s", shard_name(1), "LATEST")}) {
      const WireValue end = co_await get(client, iterator);
      EXPECT_EQ(end["Records"].to_json(), "[]");
      EXPECT_FALSE(end.has("NextShardIterator"));
      EXPECT_EQ(end["ChildShards"].to_json(), children);
    }
    const WireValue child = co_await get(client, co_await client.iterator("s", shard_name(2), "TRIM_HORIZON"));
    EXPECT_TRUE(child.has("NextShardIterator"));
    EXPECT_FALSE(child.has("ChildShards"));
  });
}

TEST(Reading, TheLagIsTheAgeOfTheLastRecordGiven) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    std::string next = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    EXPECT_EQ((co_await get(client, next))["MillisBehindLatest"].integer(), 0);
    for (const std::string text : {"a", "b", "c"}) {
      co_await client.put("s", text);
      co_await server.home().sleep_for(seconds(10));
    }
    for (const std::int64_t behind : {30'000, 20'000, 0}) {
      const WireValue answer = co_await get(client, next, {{"Limit", 1}});
      EXPECT_GE(answer["MillisBehindLatest"].integer(), behind);
      EXPECT_LE(answer["MillisBehindLatest"].integer(), behind == 0 ? 0 : behind + 1'000);
      next = answer["NextShardIterator"].text();
    }
  });
}

TEST(Reading, LimitsHoldAndTenThousandIsTheMost) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    List records;
    for (int i = 0; i < 500; ++i) records.push_back(Map{{"PartitionKey", "k"}, {"Data", Blob{std::to_string(i)}}});
    for (int i = 0; i < 21; ++i) co_await client.expect("PutRecords", {{"StreamName", "s"}, {"Records", records}});
    const std::string start = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    EXPECT_EQ((co_await get(client, start))["Records"].size(), 10'000U);
    const WireValue most = co_await get(client, start, {{"Limit", 10'000}});
    EXPECT_EQ(most["Records"].size(), 10'000U);
    EXPECT_EQ((co_await get(client, most["NextShardIterator"].text()))["Records"].size(), 500U);
    EXPECT_EQ((co_await get(client, start, {{"Limit", 7}}))["Records"].size(), 7U);
    EXPECT_EQ(
        (co_await client.call("GetRecords", {{"ShardIterator", start}, {"Limit", 10'001}})).error(),
        "ValidationException: 1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000");
  });
}

TEST(Reading, AnAnswerHasAtMostTenMebibytes) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = kinesis::Encoding::cbor};
    co_await client.create("s", 1);
    const std::string text(mebibyte - 1, 'x');
    for (int i = 0; i < 12; ++i) {
      co_await client.expect("PutRecord", {{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{text}}});
    }
    const WireValue first = co_await get(client, co_await client.iterator("s", shard_name(0), "TRIM_HORIZON"));
    EXPECT_EQ(first["Records"].size(), 10U);
    const WireValue second = co_await get(client, first["NextShardIterator"].text());
    EXPECT_EQ(second["Records"].size(), 2U);
    EXPECT_EQ(second["MillisBehindLatest"].integer(), 0);
  });
}

TEST(Reading, WhatIsPastItsRetentionIsHidden) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.put("s", "a");
    co_await server.home().sleep_for(seconds(30));
    co_await client.put("s", "b");
    // Set forward, nothing has been trimmed yet.
    server.simulation().step_wall_clock(hours(24) - seconds(40));
    EXPECT_EQ(co_await client.read_all("s", shard_name(0)), (Texts{"a", "b"}));
    co_await client.expect("IncreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 25}});
    co_await server.settle("s");
    server.simulation().step_wall_clock(seconds(20));
    EXPECT_EQ(co_await client.read_all("s", shard_name(0)), (Texts{"a", "b"}));
    co_await client.expect("DecreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 24}});
    co_await server.settle("s");
    EXPECT_EQ(co_await client.read_all("s", shard_name(0)), Texts{"b"});
    // An older place than the horizon is the horizon.
    const WireValue answer = co_await get(client, co_await client.iterator("s", shard_name(0), "AT_TIMESTAMP",
                                                                           {{"Timestamp", server.now() - hours(99)}}));
    EXPECT_EQ(answer["Records"].size(), 1U);
  });
}

TEST(Reading, AnExpiredShardIsGone) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string iterator = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    co_await reshard(client, "SplitShard", split_of(0, "1000"));
    server.simulation().step_wall_clock(hours(24) + seconds(1));
    co_await server.home().sleep_for(seconds(2));
    const WireValue listed = co_await client.expect("ListShards", {{"StreamName", "s"}});
    EXPECT_EQ(listed["Shards"].size(), 2U);
    EXPECT_EQ(listed["Shards"].item(0)["ParentShardId"].text(), shard_name(0)) << "the link to the parent stays";
    EXPECT_EQ(
        (co_await client.call("GetShardIterator",
                              {{"StreamName", "s"}, {"ShardId", shard_name(0)}, {"ShardIteratorType", "TRIM_HORIZON"}}))
            .code(),
        "ResourceNotFoundException");
    EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", iterator}})).code(), "ExpiredIteratorException");
  });
}

TEST(Reading, AnArnMustBeThatOfTheIteratorsStream) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.create("t", 1);
    const std::string iterator = co_await client.iterator("s", shard_name(0), "LATEST");
    co_await get(client, iterator, {{"StreamARN", stream_arn("s")}});
    EXPECT_EQ(
        (co_await client.call("GetRecords", {{"ShardIterator", iterator}, {"StreamARN", stream_arn("t")}})).error(),
        "InvalidArgumentException: ShardIterator does not belong to the stream " + stream_arn("t") + ".");
  });
}

TEST(DryRun, AnswersItsOwnErrorOnceAllIsWellAndDoesNothing) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string iterator = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    const std::vector<std::pair<std::string, Map>> calls = {
        {"PutRecord", {{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{"d"}}}},
        {"PutRecords", {{"StreamName", "s"}, {"Records", List{Map{{"PartitionKey", "k"}, {"Data", Blob{"d"}}}}}}},
        {"GetShardIterator", {{"StreamName", "s"}, {"ShardId", "0"}, {"ShardIteratorType", "LATEST"}}},
        {"GetRecords", {{"ShardIterator", iterator}}}};
    for (const auto& [operation, input] : calls) {
      Map dry = input;
      dry.emplace_back("DryRun", true);
      // Far more often than the rates allow: nothing is counted.
      for (int i = 0; i < 20; ++i) {
        const Reply reply = co_await client.call(operation, dry);
        EXPECT_EQ(reply.code(), "DryRunOperationException") << operation;
        EXPECT_EQ(reply.status, 400);
      }
      dry.front().second = operation == "GetRecords" ? "x" : "missing";
      EXPECT_NE((co_await client.call(operation, dry)).code(), "DryRunOperationException") << operation;
      Map wet = input;
      wet.emplace_back("DryRun", false);
      EXPECT_EQ((co_await client.call(operation, wet)).error(), "") << operation;
    }
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 2U) << "one of PutRecord, one of PutRecords";
  });
}

}  // namespace
}  // namespace weir::frontend::test
