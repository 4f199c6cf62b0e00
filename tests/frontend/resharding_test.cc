// SplitShard and MergeShards (API reference, sections 3.4 and 4.3).
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

Map split_of(std::string shard, std::string key) {
  return {{"StreamName", "s"}, {"ShardToSplit", std::move(shard)}, {"NewStartingHashKey", std::move(key)}};
}

Map merge_of(std::string shard, std::string adjacent) {
  return {{"StreamName", "s"}, {"ShardToMerge", std::move(shard)}, {"AdjacentShardToMerge", std::move(adjacent)}};
}

env::Task<void> reshard(Client client, std::string operation, Map input) {
  co_await client.expect(operation, std::move(input));
  co_await client.server.settle("s");
}

env::Task<List> all_shards(Client client) {
  co_return (co_await client.expect("ListShards", {{"StreamName", "s"}}))["Shards"].items();
}

std::string in_stream(std::string_view shard) { return std::string(shard) + " in stream s under account 000000000000"; }

constexpr std::string_view middle = "170141183460469231731687303715884105728";
constexpr std::string_view greatest = "340282366920938463463374607431768211455";

TEST(SplitShard, MakesTwoChildrenOfTheParentsRange) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await reshard(client, "SplitShard", split_of("shardId-0", "1000"));
    const List shards = co_await all_shards(client);
    EXPECT_EQ(shards.size(), 3U);
    const std::string ending = shards[0]["SequenceNumberRange"]["EndingSequenceNumber"].text();
    EXPECT_EQ(ending.size(), 56U);
    EXPECT_EQ(shards[1]["HashKeyRange"].to_json(), R"({"StartingHashKey":"0","EndingHashKey":"999"})");
    EXPECT_EQ(shards[2]["HashKeyRange"].to_json(),
              R"({"StartingHashKey":"1000","EndingHashKey":")" + std::string(greatest) + R"("})");
    for (const std::size_t child : {1U, 2U}) {
      EXPECT_EQ(shards[child]["ParentShardId"].text(), shard_name(0));
      EXPECT_FALSE(shards[child].has("AdjacentParentShardId"));
      EXPECT_GT(shards[child]["SequenceNumberRange"]["StartingSequenceNumber"].text(), ending);
      EXPECT_FALSE(shards[child]["SequenceNumberRange"].has("EndingSequenceNumber"));
    }
  });
}

TEST(SplitShard, TheKeyLiesBetweenTheSecondAndTheLastOfTheRange) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    const auto key_error = [](std::string_view key, std::string_view shard, std::string_view first,
                              std::string_view last) {
      return "InvalidArgumentException: NewStartingHashKey " + std::string(key) + " used in SplitShard() on shard " +
             in_stream(shard) + " is not both greater than one plus the shard's StartingHashKey " + std::string(first) +
             " and less than the shard's EndingHashKey " + std::string(last) + ".";
    };
    const std::string last_of_0 = "170141183460469231731687303715884105727";
    for (const std::string& key : {std::string("0"), std::string("1"), last_of_0, std::string(middle),
                                   std::string("999999999999999999999999999999999999999")}) {
      EXPECT_EQ((co_await client.call("SplitShard", split_of(shard_name(0), key))).error(),
                key_error(key, shard_name(0), "0", last_of_0));
    }
    for (const std::string& key :
         {std::string(middle), std::string("170141183460469231731687303715884105729"), std::string(greatest)}) {
      EXPECT_EQ((co_await client.call("SplitShard", split_of(shard_name(1), key))).error(),
                key_error(key, shard_name(1), middle, greatest));
    }
    co_await reshard(client, "SplitShard", split_of(shard_name(0), "2"));
    co_await reshard(client, "SplitShard", split_of(shard_name(1), "340282366920938463463374607431768211454"));
    EXPECT_EQ((co_await all_shards(client)).size(), 6U);
    // Two keys cannot be split.
    EXPECT_EQ((co_await client.call("SplitShard", split_of(shard_name(2), "1"))).code(), "InvalidArgumentException");
  });
}

TEST(SplitShard, IsCheckedInTheDocumentedOrder) {
  run_server({.settings = {"directory.account_shards_max=2"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    EXPECT_EQ((co_await client.call("SplitShard", split_of("x", "0"))).error(),
              "ResourceNotFoundException: Could not find shard " + in_stream("x") + ".");
    EXPECT_EQ((co_await client.call("SplitShard", split_of("shardId-5", "0"))).error(),
              "ResourceNotFoundException: Stream s under account 000000000000 not found.");
    co_await client.create("s", 2);
    EXPECT_EQ((co_await client.call("SplitShard", split_of("shardId-5", "0"))).error(),
              "ResourceNotFoundException: Could not find shard " + in_stream("shardId-000000000005") + ".");
    EXPECT_EQ(
        (co_await client.call("SplitShard", split_of("shardId-0", "0"))).error(),
        "LimitExceededException: This request would exceed the shard limit for the account 000000000000 in "
        "us-east-1. Current shard count for the account: 2. Limit: 2. Number of additional shards that would have "
        "resulted from this request: 1. Refer to the AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to "
        "request higher limits.");
    co_await reshard(client, "MergeShards", merge_of("0", "1"));
    EXPECT_EQ((co_await client.call("SplitShard", split_of("shardId-0", "1000"))).error(),
              "InvalidArgumentException: Shard " + in_stream(shard_name(0)) +
                  " has already been merged or split, and thus is not eligible for merging or splitting.");
    co_await reshard(client, "SplitShard", split_of("shardId-2", "1000"));
  });
}

TEST(MergeShards, MakesOneChildOfTwoNeighboursInEitherOrder) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 4);
    co_await reshard(client, "MergeShards", merge_of("0", "1"));
    co_await reshard(client, "MergeShards", merge_of("3", "2"));
    const List shards = co_await all_shards(client);
    EXPECT_EQ(shards.size(), 6U);
    EXPECT_EQ(shards[4]["ParentShardId"].text(), shard_name(0));
    EXPECT_EQ(shards[4]["AdjacentParentShardId"].text(), shard_name(1));
    EXPECT_EQ(shards[4]["HashKeyRange"].to_json(),
              R"({"StartingHashKey":"0","EndingHashKey":"170141183460469231731687303715884105727"})");
    EXPECT_EQ(shards[5]["ParentShardId"].text(), shard_name(3));
    EXPECT_EQ(shards[5]["AdjacentParentShardId"].text(), shard_name(2));
    for (const std::size_t parent : {0U, 1U}) {
      EXPECT_LT(shards[parent]["SequenceNumberRange"]["EndingSequenceNumber"].text(),
                shards[4]["SequenceNumberRange"]["StartingSequenceNumber"].text());
    }
  });
}

TEST(MergeShards, IsCheckedInTheDocumentedOrder) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    for (const auto& [shard, adjacent] : {std::pair("x", "0"), std::pair("0", "x")}) {
      EXPECT_EQ((co_await client.call("MergeShards", merge_of(shard, adjacent))).error(),
                "ResourceNotFoundException: Could not find shard " + in_stream("x") + ".");
    }
    EXPECT_EQ((co_await client.call("MergeShards", merge_of("0", "9"))).error(),
              "ResourceNotFoundException: Stream s under account 000000000000 not found.");
    co_await client.create("s", 4);
    for (const auto& [shard, adjacent] : {std::pair("9", "0"), std::pair("0", "9")}) {
      EXPECT_EQ((co_await client.call("MergeShards", merge_of(shard, adjacent))).error(),
                "ResourceNotFoundException: Could not find shard " + in_stream("shardId-000000000009") + ".");
    }
    for (const auto& [shard, adjacent] : {std::pair(0U, 2U), std::pair(3U, 0U), std::pair(1U, 1U)}) {
      EXPECT_EQ((co_await client.call("MergeShards", merge_of(shard_name(shard), shard_name(adjacent)))).error(),
                "InvalidArgumentException: Shards " + shard_name(shard) + " and " + in_stream(shard_name(adjacent)) +
                    " are not an adjacent pair of shards eligible for merging");
    }
    co_await reshard(client, "MergeShards", merge_of("0", "1"));
    EXPECT_EQ((co_await client.call("MergeShards", merge_of("2", "1"))).error(),
              "InvalidArgumentException: Shard " + in_stream(shard_name(1)) +
                  " has already been merged or split, and thus is not eligible for merging or splitting.");
  });
}

TEST(Resharding, IsNotForOnDemandStreams) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.expect("CreateStream", {{"StreamName", "s"}});
    co_await server.settle("s");
    const std::string refusal =
        "ValidationException: Request is invalid. Stream s under account 000000000000 is in On-Demand mode.";
    EXPECT_EQ((co_await client.call("SplitShard", split_of("0", "1000"))).error(), refusal);
    EXPECT_EQ((co_await client.call("MergeShards", merge_of("0", "1"))).error(), refusal);
  });
}

TEST(Resharding, PutsGoToTheParentUntilItIsDoneAndToTheChildrenAfter) {
  run_server({.settings = {"directory.update_time=1s"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.expect("SplitShard", split_of("0", std::string(middle)));
    std::string last;
    const MonotonicTime begin = server.home().now();
    while (server.home().now() - begin < seconds(2)) {
      const bool done = server.find("s")->status == directory::StreamStatus::active;
      const WireValue put = co_await client.put("s", "a");  // 0cc1..., in the lower half
      EXPECT_EQ(put["ShardId"].text(), shard_name(done ? 1 : 0));
      EXPECT_GT(put["SequenceNumber"].text(), last);
      last = put["SequenceNumber"].text();
      co_await server.home().sleep_for(milliseconds(50));
    }
    EXPECT_EQ(server.find("s")->status, directory::StreamStatus::active);
  });
}

}  // namespace
}  // namespace weir::frontend::test
