// ListShards' filters (API reference, section 4.6).
#include <algorithm>
#include <set>

#include "base/hash_key.h"
#include "env/sim/seeded_random.h"
#include "gtest/gtest.h"
#include "model/hash_range.h"
#include "tests/frontend/fixture.h"
#include "tests/support/simulation_test.h"

namespace weir::frontend::test {
namespace {

using Indexes = std::vector<std::uint32_t>;

env::Task<WireValue> list(Client client, Map filter) {
  co_return (co_await client.expect("ListShards", {{"StreamName", "s"}, {"ShardFilter", std::move(filter)}}))["Shards"];
}

env::Task<Indexes> listed(Client client, Map filter) {
  Indexes indexes;
  const WireValue shards = co_await list(client, std::move(filter));
  for (const WireValue& shard : shards.items()) {
    indexes.push_back(static_cast<std::uint32_t>(std::stoul(shard["ShardId"].text().substr(8))));
  }
  co_return indexes;
}

env::Task<void> split(Client client, std::uint32_t shard, std::string key) {
  co_await client.expect("SplitShard",
                         {{"StreamName", "s"}, {"ShardToSplit", shard_name(shard)}, {"NewStartingHashKey", key}});
  co_await client.server.settle("s");
}

env::Task<void> merge(Client client, std::uint32_t shard, std::uint32_t adjacent) {
  co_await client.expect(
      "MergeShards",
      {{"StreamName", "s"}, {"ShardToMerge", shard_name(shard)}, {"AdjacentShardToMerge", shard_name(adjacent)}});
  co_await client.server.settle("s");
}

// When the shard was closed, from the map.
WallTime closed_at(TestServer& server, std::uint32_t shard) {
  return server.find("s")->find_shard(ShardIndex{shard})->closed.value();
}

class ShardFilterEncoding : public testing::TestWithParam<kinesis::Encoding> {};
INSTANTIATE_TEST_SUITE_P(Both, ShardFilterEncoding, testing::Values(kinesis::Encoding::json, kinesis::Encoding::cbor),
                         [](const auto& info) { return info.param == kinesis::Encoding::json ? "json" : "cbor"; });

TEST_P(ShardFilterEncoding, EachTypeShowsItsShards) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 2);
    const WallTime at_first = server.now();
    co_await server.home().sleep_for(seconds(10));
    co_await split(client, 0, "1000");  // 2 and 3
    co_await server.home().sleep_for(seconds(10));
    const WallTime between = server.now();
    co_await merge(client, 3, 1);  // 4
    co_await server.home().sleep_for(seconds(10));
    const WallTime long_ago = at_first - hours(1);

    EXPECT_EQ(co_await listed(client, {{"Type", "FROM_TRIM_HORIZON"}}), (Indexes{0, 1, 2, 3, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TRIM_HORIZON"}}), (Indexes{0, 1}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_LATEST"}}), (Indexes{2, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AFTER_SHARD_ID"}, {"ShardId", "shardId-2"}}), (Indexes{3, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AFTER_SHARD_ID"}, {"ShardId", shard_name(9)}}), Indexes{});

    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", long_ago}}), (Indexes{0, 1}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", at_first}}), (Indexes{0, 1}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", between}}), (Indexes{1, 2, 3}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", server.now()}}), (Indexes{2, 4}));

    EXPECT_EQ(co_await listed(client, {{"Type", "FROM_TIMESTAMP"}, {"Timestamp", long_ago}}), (Indexes{0, 1, 2, 3, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "FROM_TIMESTAMP"}, {"Timestamp", between}}), (Indexes{1, 2, 3, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "FROM_TIMESTAMP"}, {"Timestamp", server.now()}}), (Indexes{2, 4}));
    // The end counts in FROM_TIMESTAMP, not in AT_TIMESTAMP.
    const WallTime end = closed_at(server, 0);
    EXPECT_EQ(co_await listed(client, {{"Type", "FROM_TIMESTAMP"}, {"Timestamp", end}}), (Indexes{0, 1, 2, 3, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "FROM_TIMESTAMP"}, {"Timestamp", end + milliseconds(1)}}),
              (Indexes{1, 2, 3, 4}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", end - milliseconds(1)}}),
              (Indexes{0, 1}));
    EXPECT_EQ(co_await listed(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", end}}), (Indexes{1, 2, 3}));
  });
}

TEST(ShardFilter, MembersMustFitTheType) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    const std::pair<std::string, WireValue> time = {"Timestamp", server.now()};
    const std::pair<std::string, WireValue> shard = {"ShardId", shard_name(0)};
    for (const std::string type : {"AT_TIMESTAMP", "FROM_TIMESTAMP"}) {
      const std::string type_text = " for a ShardFilter of type " + type + ".";
      EXPECT_EQ(
          (co_await client.call("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", type}}}})).error(),
          "InvalidArgumentException: Timestamp must be provided" + type_text);
      EXPECT_EQ(
          (co_await client.call("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", type}, time, shard}}}))
              .error(),
          "InvalidArgumentException: ShardId must not be provided" + type_text);
    }
    for (const std::string type : {"AT_LATEST", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON"}) {
      for (const auto& member : {time, shard}) {
        EXPECT_EQ(
            (co_await client.call("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", type}, member}}}))
                .error(),
            "InvalidArgumentException: " + member.first + " must not be provided for a ShardFilter of type " + type +
                ".");
      }
    }
    EXPECT_EQ((co_await client.call(
                   "ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", "AFTER_SHARD_ID"}, shard, time}}}))
                  .code(),
              "InvalidArgumentException");
    EXPECT_EQ(
        (co_await client.call("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", "AFTER_SHARD_ID"}}}}))
            .code(),
        "InvalidArgumentException");
    EXPECT_EQ(
        (co_await client.call("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", "LATEST"}}}})).code(),
        "ValidationException");
    EXPECT_EQ((co_await client.call("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{shard}}})).code(),
              "ValidationException");
  });
}

// Though the shards of that time may still be stored.
TEST(ShardFilter, ATimestampBeforeTheHorizonActsAsTheHorizon) {
  run_server({.settings = {"directory.expiry_interval=24h"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const WallTime at_first = server.now();
    co_await split(client, 0, "1000");
    server.simulation().step_wall_clock(hours(25));
    for (const Map& filter :
         {Map{{"Type", "AT_TIMESTAMP"}, {"Timestamp", at_first}}, Map{{"Type", "AT_TRIM_HORIZON"}}}) {
      EXPECT_EQ(co_await listed(client, filter), (Indexes{1, 2}));
    }
  });
}

TEST(ShardFilter, GoesWithAnExclusiveStart) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 4);
    co_await split(client, 0, "1000");
    const auto first_listed = [](const Client& by, std::uint32_t start, Map filter) -> env::Task<std::string> {
      const WireValue page = co_await by.expect(
          "ListShards",
          {{"StreamName", "s"}, {"ExclusiveStartShardId", shard_name(start)}, {"ShardFilter", std::move(filter)}});
      co_return page["Shards"].item(0)["ShardId"].text();
    };
    EXPECT_EQ(co_await first_listed(client, 2, {{"Type", "AT_LATEST"}}), shard_name(3));
    // The later of two starts counts.
    EXPECT_EQ(co_await first_listed(client, 3, {{"Type", "AFTER_SHARD_ID"}, {"ShardId", "1"}}), shard_name(4));
    EXPECT_EQ(co_await first_listed(client, 1, {{"Type", "AFTER_SHARD_ID"}, {"ShardId", "3"}}), shard_name(4));
  });
}

// The shards' ranges cover every key exactly once.
void expect_tiles(const WireValue& shards, const std::string& when) {
  std::vector<model::HashRange> ranges;
  std::string ids;
  for (const WireValue& shard : shards.items()) {
    ids += " " + shard["ShardId"].text();
    ranges.push_back({parse_hash_key(shard["HashKeyRange"]["StartingHashKey"].text()).value(),
                      parse_hash_key(shard["HashKeyRange"]["EndingHashKey"].text()).value()});
  }
  std::ranges::sort(ranges, {}, &model::HashRange::first);
  EXPECT_TRUE(model::tile_key_space(ranges)) << when << ":" << ids;
}

env::Task<void> live_and_list(TestServer& server, env::SeededRandom& random, bool clock_steps) {
  const Client client{.server = server};
  co_await client.create("s", static_cast<std::uint32_t>(1 + random.below(4)));
  std::set<WallTime> instants;
  for (int step = 0; step < 12; ++step) {
    instants.insert(server.now());
    co_await reshard_somehow(client, "s", random);
    co_await server.home().sleep_for(milliseconds(random.below(3) == 0 ? 0 : random.below(5'000'000)));
    if (clock_steps && random.below(3) == 0) {
      server.simulation().step_wall_clock(milliseconds(random.between(0, 6'000'000)) - milliseconds(3'000'000));
    }
    for (const directory::Shard& shard : server.find("s")->shards) {
      if (!shard.closed) continue;
      for (const int offset : {-1, 0, 1}) instants.insert(*shard.closed + milliseconds(offset));
    }
    expect_tiles(co_await list(client, {{"Type", "AT_LATEST"}}), "AT_LATEST");
    expect_tiles(co_await list(client, {{"Type", "AT_TRIM_HORIZON"}}), "AT_TRIM_HORIZON");
  }
  // Once more after the first shards have expired, before and after they are removed.
  for (const Duration pause : {Duration(0), Duration(hours(24)), Duration(milliseconds(1)), Duration(seconds(1))}) {
    server.simulation().step_wall_clock(pause);
    for (const WallTime instant : instants) {
      expect_tiles(co_await list(client, {{"Type", "AT_TIMESTAMP"}, {"Timestamp", instant}}),
                   "AT_TIMESTAMP " + std::to_string(unix_milliseconds(instant)));
    }
    expect_tiles(co_await list(client, {{"Type", "AT_TRIM_HORIZON"}}), "AT_TRIM_HORIZON at the end");
    co_await server.home().sleep_for(seconds(1));
  }
}

TEST(ShardFilter, TheAtFiltersTileTheKeySpaceAtEveryInstant) {
  weir::test::for_each_seed(1, 6, [](std::uint64_t seed) {
    env::SeededRandom random(seed, 7);
    run_server({.seed = seed}, [&random](TestServer& server) { return live_and_list(server, random, false); });
  });
}

TEST(ShardFilter, TheAtFiltersTileTheKeySpaceThoughTheClockStepsBack) {
  weir::test::for_each_seed(1, 6, [](std::uint64_t seed) {
    env::SeededRandom random(seed, 8);
    run_server({.seed = seed}, [&random](TestServer& server) { return live_and_list(server, random, true); });
  });
}

}  // namespace
}  // namespace weir::frontend::test
