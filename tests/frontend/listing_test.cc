// Lists and their pages: ListStreams, DescribeStream, ListShards, ListTagsForStream (API reference, section 3.4).
#include <algorithm>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

std::vector<std::string> shard_ids(const WireValue& shards) {
  std::vector<std::string> ids;
  for (const WireValue& shard : shards.items()) ids.push_back(shard["ShardId"].text());
  return ids;
}

std::vector<std::string> shard_names(std::initializer_list<std::uint32_t> indexes) {
  std::vector<std::string> names;
  for (const std::uint32_t index : indexes) names.push_back(shard_name(index));
  return names;
}

using Names = std::vector<std::string>;

TEST(ListStreams, NamesComeSortedByBytesWithTheirSummaries) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    for (const std::string name : {"b", "a.1", "B", "a-1", "a"}) co_await client.create(name, 1);
    const WireValue all = co_await client.expect("ListStreams", {});
    EXPECT_EQ(all["StreamNames"].texts(), (Names{"B", "a", "a-1", "a.1", "b"}));
    EXPECT_FALSE(all["HasMoreStreams"].boolean());
    EXPECT_FALSE(all.has("NextToken"));
    EXPECT_EQ(all["StreamSummaries"].size(), 5U);
    for (std::size_t i = 0; i < all["StreamNames"].size(); ++i) {
      const WireValue& summary = all["StreamSummaries"].item(i);
      const std::string name = all["StreamNames"].item(i).text();
      EXPECT_EQ(summary["StreamName"].text(), name);
      EXPECT_EQ(summary["StreamARN"].text(), stream_arn(name));
      EXPECT_EQ(summary["StreamStatus"].text(), "ACTIVE");
      EXPECT_EQ(summary["StreamModeDetails"]["StreamMode"].text(), "PROVISIONED");
      EXPECT_LE(summary["StreamCreationTimestamp"].time(), server.now());
    }
  });
}

TEST(ListStreams, PagesByTokenAndByName) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    for (const std::string name : {"a", "b", "c", "d", "e"}) co_await client.create(name, 1);
    const WireValue first = co_await client.expect("ListStreams", {{"Limit", 2}});
    EXPECT_EQ(first["StreamNames"].texts(), (Names{"a", "b"}));
    EXPECT_TRUE(first["HasMoreStreams"].boolean());
    // The page does not depend on what became of the stream that ended the one before, nor on the core.
    co_await client.expect("DeleteStream", {{"StreamName", "b"}});
    co_await server.settle("b");
    const Client elsewhere{.server = server, .core = 1, .encoding = kinesis::Encoding::cbor};
    const WireValue second =
        co_await elsewhere.expect("ListStreams", {{"Limit", 2}, {"NextToken", first["NextToken"].text()}});
    EXPECT_EQ(second["StreamNames"].texts(), (Names{"c", "d"}));
    const WireValue third = co_await client.expect("ListStreams", {{"NextToken", second["NextToken"].text()}});
    EXPECT_EQ(third["StreamNames"].texts(), Names{"e"});
    EXPECT_FALSE(third["HasMoreStreams"].boolean());
    EXPECT_FALSE(third.has("NextToken"));

    const WireValue by_name = co_await client.expect("ListStreams", {{"ExclusiveStartStreamName", "bb"}, {"Limit", 3}});
    EXPECT_EQ(by_name["StreamNames"].texts(), (Names{"c", "d", "e"}));
    EXPECT_FALSE(by_name["HasMoreStreams"].boolean());
    EXPECT_EQ((co_await client.call("ListStreams",
                                    {{"ExclusiveStartStreamName", "a"}, {"NextToken", first["NextToken"].text()}}))
                  .error(),
              "InvalidArgumentException: NextToken and ExclusiveStartStreamName cannot be provided together.");
  });
}

TEST(ListStreams, APageHasAtMostAHundredNames) {
  run_server({.settings = {"directory.account_creating_streams_max=1000"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    for (int i = 0; i < 101; ++i) {
      co_await client.expect("CreateStream", {{"StreamName", fmt::format("s{:03}", i)}, {"ShardCount", 1}});
    }
    for (const Map& input : {Map{}, Map{{"Limit", 10'000}}, Map{{"Limit", 100}}}) {
      const WireValue page = co_await client.expect("ListStreams", input);
      EXPECT_EQ(page["StreamNames"].size(), 100U);
      EXPECT_TRUE(page["HasMoreStreams"].boolean());
    }
    EXPECT_EQ((co_await client.call("ListStreams", {{"Limit", 10'001}})).code(), "ValidationException");
  });
}

TEST(DescribeStream, PagesThroughTheShardsAHundredAtMost) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 250);
    std::vector<std::string> ids;
    Map input = {{"StreamName", "s"}};
    for (const std::size_t expected : {100U, 100U, 50U}) {
      const WireValue page = (co_await client.expect("DescribeStream", input))["StreamDescription"];
      EXPECT_EQ(page["Shards"].size(), expected);
      EXPECT_EQ(page["HasMoreShards"].boolean(), expected == 100);
      for (const std::string& id : shard_ids(page["Shards"])) ids.push_back(id);
      input = {{"StreamName", "s"}, {"Limit", 10'000}, {"ExclusiveStartShardId", ids.back()}};
    }
    EXPECT_EQ(ids.size(), 250U);
    for (std::uint32_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], shard_name(i));
    const WireValue two = co_await client.expect("DescribeStream", {{"StreamName", "s"}, {"Limit", 2}});
    EXPECT_EQ(shard_ids(two["StreamDescription"]["Shards"]), shard_names({0, 1}));
    const WireValue none =
        co_await client.expect("DescribeStream", {{"StreamName", "s"}, {"ExclusiveStartShardId", "shardId-250"}});
    EXPECT_EQ(none["StreamDescription"]["Shards"].to_json(), "[]");
    EXPECT_FALSE(none["StreamDescription"]["HasMoreShards"].boolean());
  });
}

TEST(ListShards, PagesThroughTheShardsAThousandAtMost) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1'001);
    for (const Map& input : {Map{{"StreamName", "s"}}, Map{{"StreamName", "s"}, {"MaxResults", 10'000}}}) {
      const WireValue page = co_await client.expect("ListShards", input);
      EXPECT_EQ(page["Shards"].size(), 1'000U);
      const WireValue rest = co_await client.expect("ListShards", {{"NextToken", page["NextToken"].text()}});
      EXPECT_EQ(shard_ids(rest["Shards"]), shard_names({1'000}));
      EXPECT_FALSE(rest.has("NextToken"));
    }
    // A page that ends with the last shard has no next one.
    const WireValue last = co_await client.expect(
        "ListShards", {{"StreamName", "s"}, {"MaxResults", 2}, {"ExclusiveStartShardId", shard_name(998)}});
    EXPECT_EQ(shard_ids(last["Shards"]), shard_names({999, 1'000}));
    EXPECT_FALSE(last.has("NextToken"));
  });
}

TEST(ListShards, ATokenStandsAloneButForMaxResults) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 5);
    const WireValue page = co_await client.expect("ListShards", {{"StreamName", "s"}, {"MaxResults", 1}});
    const std::string token = page["NextToken"].text();
    EXPECT_EQ((co_await client.call("ListShards", {})).error(),
              "InvalidArgumentException: Either NextToken or StreamName should be provided.");
    const std::vector<std::pair<std::string, WireValue>> members = {{"StreamName", "s"},
                                                                    {"StreamARN", stream_arn("s")},
                                                                    {"StreamCreationTimestamp", server.now()},
                                                                    {"ExclusiveStartShardId", shard_name(0)},
                                                                    {"ShardFilter", Map{{"Type", "AT_LATEST"}}}};
    for (const auto& member : members) {
      EXPECT_EQ((co_await client.call("ListShards", {{"NextToken", token}, member})).error(),
                "InvalidArgumentException: NextToken and " + member.first + " cannot be provided together.");
    }
    const Client elsewhere{.server = server, .core = 1};
    const WireValue next = co_await elsewhere.expect("ListShards", {{"NextToken", token}, {"MaxResults", 2}});
    EXPECT_EQ(shard_ids(next["Shards"]), shard_names({1, 2}));
    // It may be used again.
    EXPECT_EQ(shard_ids((co_await client.expect("ListShards", {{"NextToken", token}}))["Shards"]),
              shard_names({1, 2, 3, 4}));
  });
}

TEST(ListShards, TheFilterTravelsInTheToken) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 4);
    const WallTime before_split = server.now();
    co_await server.home().sleep_for(seconds(2));
    co_await client.expect("SplitShard", {{"StreamName", "s"},
                                          {"ShardToSplit", shard_name(1)},
                                          {"NewStartingHashKey", "100000000000000000000000000000000000000"}});
    co_await server.settle("s");
    const auto pages_of = [](const Client& from, Map filter) -> env::Task<std::vector<std::string>> {
      WireValue page = co_await from.expect(
          "ListShards", {{"StreamName", "s"}, {"MaxResults", 1}, {"ShardFilter", std::move(filter)}});
      std::vector<std::string> ids = shard_ids(page["Shards"]);
      while (page.has("NextToken")) {
        page = co_await from.expect("ListShards", {{"NextToken", page["NextToken"].text()}, {"MaxResults", 1}});
        for (const std::string& id : shard_ids(page["Shards"])) ids.push_back(id);
        EXPECT_EQ(page["Shards"].size(), 1U) << "no empty page";
      }
      co_return ids;
    };
    EXPECT_EQ(co_await pages_of(client, {{"Type", "AT_LATEST"}}), shard_names({0, 2, 3, 4, 5}));
    EXPECT_EQ(co_await pages_of(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", before_split}}),
              shard_names({0, 1, 2, 3}));
    EXPECT_EQ(co_await pages_of(client, {{"Type", "AFTER_SHARD_ID"}, {"ShardId", shard_name(1)}}),
              shard_names({2, 3, 4, 5}));
    EXPECT_EQ(co_await pages_of(client, {{"Type", "FROM_TIMESTAMP"}, {"Timestamp", server.now()}}),
              shard_names({0, 2, 3, 4, 5}));
  });
}

TEST(ListShards, ATokenOfADeletedStreamDoesNotListItsNamesake) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 3);
    const WireValue page = co_await client.expect("ListShards", {{"StreamName", "s"}, {"MaxResults", 1}});
    co_await client.expect("DeleteStream", {{"StreamName", "s"}});
    co_await server.settle("s");
    co_await client.create("s", 3);
    EXPECT_EQ((co_await client.call("ListShards", {{"NextToken", page["NextToken"].text()}})).error(),
              "ResourceNotFoundException: Stream s under account 000000000000 not found.");
    const Client other{.server = server, .account_id = std::string(other_account)};
    const WireValue fresh = co_await client.expect("ListShards", {{"StreamName", "s"}, {"MaxResults", 1}});
    EXPECT_EQ((co_await other.call("ListShards", {{"NextToken", fresh["NextToken"].text()}})).code(),
              "ResourceNotFoundException");
  });
}

TEST(ListShards, TheCreationTimeChoosesAmongStreamsOfOneName) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const WireValue described = co_await client.expect("DescribeStream", {{"StreamName", "s"}});
    const WallTime created = described["StreamDescription"]["StreamCreationTimestamp"].time();
    co_await client.expect("ListShards", {{"StreamName", "s"}, {"StreamCreationTimestamp", created}});
    EXPECT_EQ(
        (co_await client.call("ListShards", {{"StreamName", "s"}, {"StreamCreationTimestamp", created - seconds(5)}}))
            .error(),
        "ResourceNotFoundException: Stream s under account 000000000000 not found.");
  });
}

TEST(PageTokens, ExpireAfterFiveMinutes) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("a", 3);
    co_await client.create("b", 1);
    const WireValue streams = co_await client.expect("ListStreams", {{"Limit", 1}});
    const WireValue shards = co_await client.expect("ListShards", {{"StreamName", "a"}, {"MaxResults", 1}});
    co_await server.home().sleep_for(milliseconds(299'990));
    co_await client.expect("ListStreams", {{"NextToken", streams["NextToken"].text()}});
    co_await client.expect("ListShards", {{"NextToken", shards["NextToken"].text()}});
    co_await server.home().sleep_for(milliseconds(20));
    for (const auto& [operation, token] : std::vector<std::pair<std::string, std::string>>{
             {"ListStreams", streams["NextToken"].text()}, {"ListShards", shards["NextToken"].text()}}) {
      const Reply reply = co_await client.call(operation, {{"NextToken", token}});
      EXPECT_EQ(reply.code(), "ExpiredNextTokenException");
      EXPECT_NE(reply.error().find("tolerated delay of 300000 milliseconds."), std::string::npos) << reply.error();
    }
  });
}

TEST(PageTokens, OnlyAWholeTokenOfTheRightKindIsTaken) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("a", 3);
    co_await client.create("b", 1);
    const std::string streams = (co_await client.expect("ListStreams", {{"Limit", 1}}))["NextToken"].text();
    const std::string shards =
        (co_await client.expect("ListShards", {{"StreamName", "a"}, {"MaxResults", 1}}))["NextToken"].text();
    const std::string iterator = co_await client.iterator("a", shard_name(0), "LATEST");
    std::string changed = shards;
    changed[10] = changed[10] == 'A' ? 'B' : 'A';
    const std::vector<std::pair<std::string, std::string>> wrong = {{"ListStreams", shards},  {"ListStreams", iterator},
                                                                    {"ListStreams", "x"},     {"ListShards", streams},
                                                                    {"ListShards", iterator}, {"ListShards", changed}};
    for (const auto& [operation, token] : wrong) {
      EXPECT_EQ((co_await client.call(operation, {{"NextToken", token}})).error(),
                "InvalidArgumentException: Invalid NextToken.");
    }
    EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", shards}})).error(),
              "InvalidArgumentException: Invalid ShardIterator.");
  });
}

TEST(Tags, PageByKey) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.expect("AddTagsToStream",
                           {{"StreamName", "s"}, {"Tags", Map{{"b", "2"}, {"a", ""}, {"c", "3"}, {"B", "4"}}}});
    EXPECT_EQ((co_await client.expect("ListTagsForStream", {{"StreamName", "s"}})).to_json(),
              R"({"Tags":[{"Key":"B","Value":"4"},{"Key":"a","Value":""},{"Key":"b","Value":"2"},)"
              R"({"Key":"c","Value":"3"}],"HasMoreTags":false})");
    const WireValue page =
        co_await client.expect("ListTagsForStream", {{"StreamName", "s"}, {"ExclusiveStartTagKey", "a"}, {"Limit", 1}});
    EXPECT_EQ(page.to_json(), R"({"Tags":[{"Key":"b","Value":"2"}],"HasMoreTags":true})");
    const WireValue rest = co_await client.expect("ListTagsForStream",
                                                  {{"StreamName", "s"}, {"ExclusiveStartTagKey", "bb"}, {"Limit", 1}});
    EXPECT_EQ(rest.to_json(), R"({"Tags":[{"Key":"c","Value":"3"}],"HasMoreTags":false})");
    EXPECT_EQ((co_await client.call("ListTagsForStream", {{"StreamName", "s"}, {"Limit", 51}})).code(),
              "ValidationException");
  });
}

}  // namespace
}  // namespace weir::frontend::test
