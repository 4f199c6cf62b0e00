// What each command checks, in its order, and what it leads to.
#include <gtest/gtest.h>

#include "tests/directory/fixture.h"

namespace weir::directory::test {
namespace {

using env::Task;

DirectoryRefusal refusal_of(const CommandResult& result) {
  EXPECT_FALSE(result.has_value());
  return result ? DirectoryRefusal{.reason = "not refused"} : result.error();
}

TEST(Directory, AStreamIsCreatingWithoutShardsThenActiveWithAll) {
  World world;
  world.run([](Process& process) -> Task<void> {
    EXPECT_TRUE((co_await process.create("s", 3)).has_value());
    const auto creating = process.find("s");
    EXPECT_EQ(creating->status, StreamStatus::creating);
    EXPECT_TRUE(creating->shards.empty());
    EXPECT_EQ(process.cell.map(), process.directory.map());
    co_await process.settle("s");
    const auto active = process.find("s");
    EXPECT_EQ(active->shards.size(), 3U);
    EXPECT_EQ(active->id, creating->id);
    EXPECT_EQ(active->retention_hours, 24U);
    EXPECT_EQ(process.cell.map(), process.directory.map());
  });
}

TEST(Directory, StatesLastAsLongAsTheSettingsSay) {
  World world;
  world.settings.set("directory.create_time=3s");
  world.settings.set("directory.delete_time=2s");
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.core.sleep_for(milliseconds(2'900));
    EXPECT_EQ(process.find("s")->status, StreamStatus::creating);
    co_await process.core.sleep_for(milliseconds(200));
    EXPECT_EQ(process.find("s")->status, StreamStatus::active);
    EXPECT_TRUE((co_await process.directory.delete_stream(scope, "s")).has_value());
    EXPECT_EQ(process.find("s")->status, StreamStatus::deleting);
    co_await process.core.sleep_for(milliseconds(1'900));
    EXPECT_EQ(process.find("s")->status, StreamStatus::deleting);
    co_await process.core.sleep_for(milliseconds(200));
    EXPECT_EQ(process.find("s"), nullptr);
  });
}

TEST(Directory, ANameIsTakenInEveryState) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    EXPECT_EQ(refusal_of(co_await process.create("s", 1)).kind, RefusalKind::stream_exists);
    co_await process.settle("s");
    EXPECT_EQ(refusal_of(co_await process.create("s", 1)).kind, RefusalKind::stream_exists);
    co_await process.directory.delete_stream(scope, "s");
    EXPECT_EQ(refusal_of(co_await process.create("s", 1)).kind, RefusalKind::stream_exists);
    const auto again = refusal_of(co_await process.directory.delete_stream(scope, "s"));
    EXPECT_EQ(again.kind, RefusalKind::stream_not_active);
    EXPECT_EQ(again.status, StreamStatus::deleting);
    co_await process.settle("s");
    EXPECT_EQ(refusal_of(co_await process.directory.delete_stream(scope, "s")).kind, RefusalKind::stream_not_found);
  });
}

TEST(Directory, ANameThatIsUsedAgainGetsANewStreamId) {
  World world;
  std::set<StreamId> ids;
  for (int restart = 0; restart < 3; ++restart) {
    world.run([&ids](Process& process) -> Task<void> {
      for (int round = 0; round < 3; ++round) {
        co_await process.create("s", 1);
        co_await process.settle("s");
        EXPECT_TRUE(ids.insert(process.find("s")->id).second);
        co_await process.directory.delete_stream(scope, "s");
        co_await process.settle("s");
      }
    });
  }
  EXPECT_EQ(ids.size(), 9U);
}

TEST(Directory, OtherAccountsAndRegionsAreOtherNameSpaces) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    for (const StreamScope& other :
         {StreamScope{"000000000001", "us-east-1"}, StreamScope{"000000000000", "eu-west-1"}}) {
      CreateStreamCommand command{.scope = other, .name = "s"};
      EXPECT_TRUE((co_await process.directory.create_stream(command)).has_value());
      EXPECT_NE(process.directory.map()->find(other.account, other.region, "s")->id, process.find("s")->id);
    }
  });
}

TEST(Directory, QuotasOfAnAccountCountWhatIsOnItsWay) {
  World world;
  world.settings.set("directory.account_shards_max=10");
  world.settings.set("directory.account_creating_streams_max=2");
  world.run([](Process& process) -> Task<void> {
    co_await process.create("a", 6);
    const auto over = refusal_of(co_await process.create("b", 5));
    EXPECT_EQ(over.kind, RefusalKind::shard_limit);
    EXPECT_EQ(over.current, 6U);
    EXPECT_EQ(over.limit, 10U);
    EXPECT_EQ(over.additional, 5U);
    EXPECT_TRUE((co_await process.create("b", 4)).has_value());
    EXPECT_EQ(refusal_of(co_await process.create("c", 1)).kind, RefusalKind::creating_limit);
    co_await process.settle("a");
    co_await process.settle("b");
    EXPECT_EQ(refusal_of(co_await process.create("c", 1)).kind, RefusalKind::shard_limit);
    const auto split = refusal_of(co_await process.directory.split_shard(scope, "a", ShardIndex{0}, HashKey{1000}));
    EXPECT_EQ(split.kind, RefusalKind::shard_limit);
    EXPECT_EQ(split.additional, 1U);
    CreateStreamCommand elsewhere{.scope = {scope.account, "eu-west-1"}, .name = "c", .shard_count = 10};
    EXPECT_TRUE((co_await process.directory.create_stream(elsewhere)).has_value());
  });
}

TEST(Directory, TheServersOwnBoundsHold) {
  World world;
  world.settings.set("directory.streams_max=2");
  world.settings.set("directory.shards_max=12");
  world.run([](Process& process) -> Task<void> {
    EXPECT_EQ(refusal_of(co_await process.create("a", 13)).kind, RefusalKind::capacity_limit);
    EXPECT_TRUE((co_await process.create("a", 6)).has_value());
    EXPECT_TRUE((co_await process.create("b", 5)).has_value());
    EXPECT_EQ(refusal_of(co_await process.create("c", 1)).kind, RefusalKind::capacity_limit);
    co_await process.settle("a");
    EXPECT_EQ(refusal_of(co_await process.directory.split_shard(scope, "a", ShardIndex{0}, HashKey{1000})).kind,
              RefusalKind::capacity_limit);
    EXPECT_TRUE((co_await process.directory.merge_shards(scope, "a", ShardIndex{0}, ShardIndex{1})).has_value());
  });
}

TEST(Directory, OnDemandStreamsHaveTheirOwnQuotaAndNoReshard) {
  World world;
  world.settings.set("directory.account_on_demand_streams_max=1");
  world.run([](Process& process) -> Task<void> {
    CreateStreamCommand command{.scope = scope, .name = "d", .mode = StreamMode::on_demand, .shard_count = 4};
    EXPECT_TRUE((co_await process.directory.create_stream(command)).has_value());
    command.name = "e";
    EXPECT_EQ(refusal_of(co_await process.directory.create_stream(command)).kind, RefusalKind::on_demand_limit);
    EXPECT_EQ(refusal_of(co_await process.directory.split_shard(scope, "d", ShardIndex{0}, HashKey{5})).kind,
              RefusalKind::on_demand_mode);
    EXPECT_EQ(refusal_of(co_await process.directory.merge_shards(scope, "d", ShardIndex{0}, ShardIndex{1})).kind,
              RefusalKind::on_demand_mode);
  });
}

TEST(Directory, SplitClosesTheParentAndOpensItsChildren) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 2);
    co_await process.settle("s");
    const Shard parent = process.find("s")->shards[1];
    const HashKey key{parent.first_hash.value + 12345};
    EXPECT_TRUE((co_await process.directory.split_shard(scope, "s", parent.index, key)).has_value());
    const auto updating = process.find("s");
    EXPECT_EQ(updating->status, StreamStatus::updating);
    EXPECT_EQ(updating->shards.size(), 2U);
    EXPECT_TRUE(updating->shards[1].is_open());
    co_await process.settle("s");
    const auto split = process.find("s");
    EXPECT_EQ(split->shards.size(), 4U);
    EXPECT_EQ(split->shards[1].children, (std::vector<ShardIndex>{ShardIndex{2}, ShardIndex{3}}));
    EXPECT_EQ(split->shards[2].first_hash, parent.first_hash);
    EXPECT_EQ(split->shards[2].last_hash.value + 1, key.value);
    EXPECT_EQ(split->shards[3].first_hash, key);
    EXPECT_EQ(split->shards[3].parent, parent.index);
    EXPECT_EQ(split->shards[3].adjacent_parent, std::nullopt);
    EXPECT_GT(*split->shards[1].closed, parent.created);
    EXPECT_FALSE(process.cell.is_closing(split->key_of(parent)));
  });
}

TEST(Directory, SplitChecksInTheOrderOfTheReference) {
  World world;
  world.run([](Process& process) -> Task<void> {
    Directory& directory = process.directory;
    EXPECT_EQ(refusal_of(co_await directory.split_shard(scope, "s", ShardIndex{9}, HashKey{0})).kind,
              RefusalKind::stream_not_found);
    co_await process.create("s", 1);
    const auto creating = refusal_of(co_await directory.split_shard(scope, "s", ShardIndex{9}, HashKey{0}));
    EXPECT_EQ(creating.kind, RefusalKind::stream_not_active);
    EXPECT_EQ(creating.status, StreamStatus::creating);
    co_await process.settle("s");
    EXPECT_EQ(refusal_of(co_await directory.split_shard(scope, "s", ShardIndex{9}, HashKey{0})).kind,
              RefusalKind::shard_not_found);
    const auto bad_key = refusal_of(co_await directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1}));
    EXPECT_EQ(bad_key.kind, RefusalKind::bad_split_key);
    EXPECT_EQ(bad_key.first_hash, HashKey{0});
    EXPECT_EQ(bad_key.last_hash, HashKey::max());
    EXPECT_TRUE((co_await directory.split_shard(scope, "s", ShardIndex{0}, HashKey{2})).has_value());
    EXPECT_EQ(refusal_of(co_await directory.split_shard(scope, "s", ShardIndex{0}, HashKey{2})).status,
              StreamStatus::updating);
    co_await process.settle("s");
    EXPECT_EQ(refusal_of(co_await directory.split_shard(scope, "s", ShardIndex{0}, HashKey{2})).kind,
              RefusalKind::shard_already_closed);
  });
}

TEST(Directory, MergeTakesAdjacentOpenShardsInEitherOrder) {
  World world;
  world.run([](Process& process) -> Task<void> {
    Directory& directory = process.directory;
    co_await process.create("s", 4);
    co_await process.settle("s");
    EXPECT_EQ(refusal_of(co_await directory.merge_shards(scope, "s", ShardIndex{0}, ShardIndex{7})).shard,
              ShardIndex{7});
    for (const auto& [a, b] : {std::pair(0U, 2U), std::pair(1U, 1U), std::pair(3U, 0U)}) {
      EXPECT_EQ(refusal_of(co_await directory.merge_shards(scope, "s", ShardIndex{a}, ShardIndex{b})).kind,
                RefusalKind::shards_not_adjacent);
    }
    EXPECT_TRUE((co_await directory.merge_shards(scope, "s", ShardIndex{2}, ShardIndex{1})).has_value());
    co_await process.settle("s");
    const auto merged = process.find("s");
    EXPECT_EQ(merged->shards.size(), 5U);
    EXPECT_EQ(merged->shards[4].parent, ShardIndex{2});
    EXPECT_EQ(merged->shards[4].adjacent_parent, ShardIndex{1});
    EXPECT_EQ(merged->shards[4].first_hash, merged->shards[1].first_hash);
    EXPECT_EQ(merged->shards[4].last_hash, merged->shards[2].last_hash);
    EXPECT_EQ(refusal_of(co_await directory.merge_shards(scope, "s", ShardIndex{1}, ShardIndex{0})).kind,
              RefusalKind::shard_already_closed);
    EXPECT_TRUE((co_await directory.merge_shards(scope, "s", ShardIndex{0}, ShardIndex{4})).has_value());
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->open_shard_count(), 2U);
  });
}

TEST(Directory, RetentionRisesAndFallsWithinItsBounds) {
  World world;
  world.run([](Process& process) -> Task<void> {
    Directory& directory = process.directory;
    EXPECT_EQ(refusal_of(co_await directory.increase_retention(scope, "s", 48)).kind, RefusalKind::stream_not_found);
    co_await process.create("s", 1);
    co_await process.settle("s");
    EXPECT_EQ(refusal_of(co_await directory.increase_retention(scope, "s", 23)).kind, RefusalKind::retention_too_short);
    EXPECT_EQ(refusal_of(co_await directory.increase_retention(scope, "s", 8761)).kind,
              RefusalKind::retention_too_long);
    EXPECT_EQ(refusal_of(co_await directory.decrease_retention(scope, "s", 25)).kind,
              RefusalKind::retention_above_current);
    EXPECT_EQ(refusal_of(co_await directory.decrease_retention(scope, "s", -1)).kind, RefusalKind::retention_too_short);
    EXPECT_TRUE((co_await directory.increase_retention(scope, "s", 24)).has_value());
    EXPECT_EQ(process.find("s")->status, StreamStatus::active);
    EXPECT_TRUE((co_await directory.increase_retention(scope, "s", 8760)).has_value());
    EXPECT_EQ(process.find("s")->status, StreamStatus::updating);
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->retention_hours, 8760U);
    const auto below = refusal_of(co_await directory.increase_retention(scope, "s", 48));
    EXPECT_EQ(below.kind, RefusalKind::retention_below_current);
    EXPECT_EQ(below.current, 8760U);
    EXPECT_TRUE((co_await directory.decrease_retention(scope, "s", 24)).has_value());
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->retention_hours, 24U);
  });
}

TEST(Directory, TagsAreAddedOverwrittenRemovedAndCounted) {
  World world;
  using Tags = std::map<std::string, std::string>;
  world.run([](Process& process) -> Task<void> {
    Directory& directory = process.directory;
    CreateStreamCommand command{.scope = scope, .name = "s", .tags = {{"a", "1"}}};
    EXPECT_TRUE((co_await directory.create_stream(command)).has_value());
    EXPECT_EQ(process.find("s")->tags, (Tags{{"a", "1"}}));
    EXPECT_EQ(refusal_of(co_await directory.add_tags(scope, "s", {{"b", "2"}})).status, StreamStatus::creating);
    co_await process.settle("s");
    EXPECT_TRUE((co_await directory.add_tags(scope, "s", {{"a", "2"}, {"b", ""}})).has_value());
    EXPECT_EQ(process.find("s")->tags, (Tags{{"a", "2"}, {"b", ""}}));
    EXPECT_TRUE((co_await directory.remove_tags(scope, "s", {"a", "missing"})).has_value());
    EXPECT_EQ(process.find("s")->tags, (Tags{{"b", ""}}));
    Tags many;
    for (int i = 0; i < 50; ++i) many["k" + std::to_string(i)] = "v";
    const auto over = refusal_of(co_await directory.add_tags(scope, "s", many));
    EXPECT_EQ(over.kind, RefusalKind::too_many_tags);
    EXPECT_EQ(over.limit, 50U);
    many.erase("k0");
    EXPECT_TRUE((co_await directory.add_tags(scope, "s", many)).has_value());
    EXPECT_TRUE((co_await directory.add_tags(scope, "s", many)).has_value());
    many["k0"] = "v";
    many["k50"] = "v";
    CreateStreamCommand too_many{.scope = scope, .name = "t", .tags = many};
    EXPECT_EQ(refusal_of(co_await directory.create_stream(too_many)).kind, RefusalKind::too_many_tags);
  });
}

TEST(Directory, ClosedShardsGoWhenTheirRetentionHasPassed) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.settle("s");
    co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{77});
    co_await process.settle("s");
    co_await process.core.sleep_for(hours(23));
    EXPECT_EQ(process.find("s")->shards.size(), 3U);
    co_await process.core.sleep_for(hours(1) + seconds(61));
    EXPECT_EQ(process.find("s")->shards.size(), 2U);
    EXPECT_EQ(process.cell.map()->find(process.find("s")->id)->shards.size(), 2U);
    EXPECT_EQ(refusal_of(co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{9})).kind,
              RefusalKind::shard_not_found);
    co_await process.directory.split_shard(scope, "s", ShardIndex{2}, HashKey{1'000'000});
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->shards.back().index, ShardIndex{4});
  });
}

TEST(Directory, CommandsBeyondTheQueueAreRefused) {
  World world;
  world.settings.set("directory.commands_waiting_max=3");
  world.store_options.latency = milliseconds(50);
  world.run([](Process& process) -> Task<void> {
    int done = 0;
    int refused = 0;
    const auto issue = [](Process& where, int i, int& ok, int& no) -> Task<void> {
      const auto result = co_await where.create("s" + std::to_string(i), 1);
      ++(result ? ok : no);
    };
    env::TaskGroup group(process.core);
    for (int i = 0; i < 5; ++i) group.spawn(issue(process, i, done, refused));
    co_await group.wait();
    EXPECT_EQ(done, 3);
    EXPECT_EQ(refused, 2);
  });
}

TEST(Directory, AClaimAlwaysRaisesTheEpoch) {
  World world;
  Epoch last{0};
  for (int restart = 0; restart < 4; ++restart) {
    world.run([&last](Process& process) -> Task<void> {
      for (int i = 0; i < 3; ++i) {
        const auto epoch = co_await process.directory.claim_lane(LaneId{2});
        EXPECT_GT(epoch.value(), last);
        last = epoch.value();
      }
      EXPECT_EQ((co_await process.directory.claim_lane(LaneId{4})).error().code, ErrorCode::invalid_argument);
    });
  }
  EXPECT_EQ(last, Epoch{12});
}

TEST(Directory, TheNumberOfLanesAndTheTokenKeyAreFixedAtTheFirstStart) {
  World world;
  std::vector<std::byte> key;
  const auto remember = [&key](Process& process) -> Task<void> {
    const auto now = process.directory.token_key();
    if (!key.empty()) EXPECT_TRUE(std::ranges::equal(key, now));
    key.assign(now.begin(), now.end());
    co_return;
  };
  world.run(remember);
  world.run(remember);
  EXPECT_FALSE(std::ranges::all_of(key, [](std::byte b) { return b == std::byte{0}; }));
  env::Simulation simulation({.seed = 9});
  EXPECT_EQ(simulation.run([&]() -> Task<int> {
    const auto store = metastore::make_memory_metastore(simulation.core(0), world.content);
    const auto opened =
        co_await Directory::open(simulation.core(0), *store, 5, world.settings.settings, world.settings.metrics);
    EXPECT_EQ(opened.error().code, ErrorCode::invalid_argument);
    co_return 0;
  }),
            0);
}

}  // namespace
}  // namespace weir::directory::test
