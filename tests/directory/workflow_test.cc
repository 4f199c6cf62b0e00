// Workflows under failures: restarts at every transaction, a metastore that loses requests and answers, lanes that do
// not close.
#include <gtest/gtest.h>

#include "directory/stored_state.h"
#include "tests/directory/fixture.h"
#include "tests/support/simulation_test.h"

namespace weir::directory::test {
namespace {

using env::Task;
using metastore::MetastoreCall;
using metastore::MetastoreFault;

// What the commands that were acknowledged have promised.
struct Expected {
  bool created = false;
  bool split = false;
  bool merged = false;
  bool retained = false;
  bool tagged = false;
  bool deleted = false;
  bool created_again = false;
  StreamId first_id;
};

// One stream's life; goes on from wherever the stream is. A command that is refused as unavailable is not repeated
// here.
Task<void> live(Process& process, Expected& expected) {
  expected.created = (co_await process.create("s", 2)).has_value();
  if (!expected.created) co_return;
  expected.first_id = process.find("s")->id;
  co_await process.settle("s");
  expected.split = (co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1000})).has_value();
  co_await process.settle("s");
  expected.tagged = (co_await process.directory.add_tags(scope, "s", {{"k", "v"}})).has_value();
  if (expected.split) {
    expected.merged = (co_await process.directory.merge_shards(scope, "s", ShardIndex{3}, ShardIndex{1})).has_value();
  }
  co_await process.settle("s");
  expected.retained = (co_await process.directory.increase_retention(scope, "s", 48)).has_value();
  co_await process.settle("s");
  expected.deleted = (co_await process.directory.delete_stream(scope, "s")).has_value();
  co_await process.settle("s");
  if (expected.deleted) expected.created_again = (co_await process.create("s", 1)).has_value();
  co_await process.settle("s");
}

// After everything has settled. A change that was not acknowledged may have happened or not.
void check_promises(const Process& process, const Expected& expected) {
  const auto stream = process.find("s");
  if (expected.created_again) {
    ASSERT_NE(stream, nullptr);
    EXPECT_NE(stream->id, expected.first_id);
    EXPECT_EQ(stream->shards.size(), 1U);
    return;
  }
  if (expected.deleted) {
    EXPECT_TRUE(stream == nullptr || stream->id != expected.first_id);
    return;
  }
  if (!expected.created || stream == nullptr) return;
  if (expected.split) EXPECT_FALSE(stream->find_shard(ShardIndex{0})->is_open());
  if (expected.merged) EXPECT_NE(stream->find_shard(ShardIndex{4}), nullptr);
  if (expected.retained) EXPECT_EQ(stream->retention_hours, 48U);
  if (expected.tagged) EXPECT_EQ(stream->tags.at("k"), "v");
}

TEST(DirectoryWorkflow, GoesOnAfterACrashBeforeAndAfterEveryTransaction) {
  int crashes = 0;
  for (const bool after : {false, true}) {
    for (int at = 0;; ++at) {
      World world;
      Expected expected;
      env::Simulation* simulation = nullptr;
      int commits = 0;
      world.store_options.fault = [&](MetastoreCall call) {
        if (call != MetastoreCall::commit || commits++ != at) return MetastoreFault::none;
        simulation->stop();
        return after ? MetastoreFault::lost_after : MetastoreFault::lost_before;
      };
      const auto outcome = world.run([&expected](Process& process) { return live(process, expected); }, &simulation);
      if (outcome == env::Outcome::finished) break;
      ++crashes;
      SCOPED_TRACE("crash " + std::string(after ? "after" : "before") + " commit " + std::to_string(at));
      world.store_options.fault = {};
      world.run([&expected](Process& process) -> Task<void> {
        co_await process.settle("s");
        check_promises(process, expected);
      });
    }
  }
  EXPECT_GE(crashes, 2 * 14);  // 1 to initialize, 2 for each of six changes but one for the tags, and the second create
}

TEST(DirectoryWorkflow, ARestartInTheMiddleDoesNotShortenOrLengthenAState) {
  World world;
  world.settings.set("directory.create_time=10s");
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.core.sleep_for(seconds(4));
  });
  world.run([](Process& process) -> Task<void> {
    co_await process.core.sleep_for(seconds(4));
    EXPECT_EQ(process.find("s")->status, StreamStatus::creating);
    co_await process.core.sleep_for(seconds(2));
    EXPECT_EQ(process.find("s")->status, StreamStatus::active);
  });
}

TEST(DirectoryWorkflow, AClockThatWasSetBackDoesNotHoldAStreamForEver) {
  World world;
  world.settings.set("directory.create_time=10s");
  world.run([](Process& process) -> Task<void> { static_cast<void>(co_await process.create("s", 1)); });
  world.wall_clock -= hours(1000);
  world.run([](Process& process) -> Task<void> {
    co_await process.core.sleep_for(seconds(11));
    EXPECT_EQ(process.find("s")->status, StreamStatus::active);
  });
}

TEST(DirectoryWorkflow, ALaneThatDoesNotCloseIsAskedAgainAndTheOtherParentReopened) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 2);
    co_await process.settle("s");
    const auto stream = process.find("s");
    process.cell.fail_closes(3);
    co_await process.directory.merge_shards(scope, "s", ShardIndex{0}, ShardIndex{1});
    co_await process.core.sleep_for(milliseconds(250));
    EXPECT_EQ(process.find("s")->status, StreamStatus::updating);
    EXPECT_FALSE(process.cell.is_closing(stream->key_of(stream->shards[0])));
    EXPECT_FALSE(process.cell.is_closing(stream->key_of(stream->shards[1])));
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->open_shard_count(), 1U);
  });
}

TEST(DirectoryWorkflow, ARefusedTransactionReopensTheParentAndIsTriedAgain) {
  World world;
  bool full = false;
  world.store_options.fault = [&full](MetastoreCall call) {
    return full && call == MetastoreCall::commit ? MetastoreFault::refused : MetastoreFault::none;
  };
  world.run([&full](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.settle("s");
    const ShardKey parent{process.find("s")->id, ShardIndex{0}};
    co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1000});
    full = true;
    co_await process.core.sleep_for(milliseconds(250));
    EXPECT_FALSE(process.cell.is_closing(parent));
    EXPECT_TRUE(process.find("s")->shards[0].is_open());
    const auto refused = co_await process.create("t", 1);
    EXPECT_EQ(refused.error().kind, RefusalKind::unavailable);
    full = false;
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->open_shard_count(), 2U);
  });
}

TEST(DirectoryWorkflow, WhileTheOutcomeIsUnknownTheParentStaysClosed) {
  World world;
  bool away = false;
  bool happens = false;
  world.store_options.fault = [&](MetastoreCall call) {
    if (!away) return MetastoreFault::none;
    if (call == MetastoreCall::read || !happens) return MetastoreFault::lost_before;
    return MetastoreFault::lost_after;
  };
  for (const bool split_happens : {false, true}) {
    happens = split_happens;
    const std::string name = split_happens ? "yes" : "no";
    world.run([&away, name](Process& process) -> Task<void> {
      co_await process.create(name, 1);
      co_await process.settle(name);
      const ShardKey parent{process.find(name)->id, ShardIndex{0}};
      co_await process.directory.split_shard(scope, name, ShardIndex{0}, HashKey{1000});
      away = true;
      co_await process.core.sleep_for(seconds(2));
      EXPECT_TRUE(process.cell.is_closing(parent));
      EXPECT_EQ((co_await process.create("other", 1)).error().kind, RefusalKind::unavailable);
      away = false;
      co_await process.settle(name);
      EXPECT_EQ(process.find(name)->open_shard_count(), 2U);
      EXPECT_FALSE(process.cell.is_closing(parent));
    });
  }
}

TEST(DirectoryWorkflow, AReshardIsNotStoredWhenTheLaneHasHadAnotherOwnerSinceItClosed) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.settle("s");
    process.cell.delay_closes(milliseconds(20));
    co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1000});
    co_await process.core.sleep_for(milliseconds(500));
    EXPECT_EQ(process.find("s")->open_shard_count(), 2U);

    const LaneId lane_of_child = process.find("s")->shards[1].lane;
    EXPECT_EQ((co_await process.directory.claim_lane(lane_of_child)).value(), Epoch{1});
    co_await process.directory.split_shard(scope, "s", ShardIndex{1}, HashKey{500});
    co_await process.core.sleep_for(seconds(1));
    EXPECT_EQ(process.find("s")->status, StreamStatus::updating) << "closed under epoch 0, owned under epoch 1";
    EXPECT_EQ(process.find("s")->open_shard_count(), 2U);
    process.cell.set_epoch(Epoch{1});
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->open_shard_count(), 3U);
  });
}

// A transaction whose answer was lost may arrive after it was read that it has not.
TEST(DirectoryWorkflow, NoParentIsReopenedBeforeALateTransactionIsRuledOut) {
  World world;
  bool lose = false;
  world.store_options.fault = [&lose](MetastoreCall call) {
    return lose && call == MetastoreCall::commit ? MetastoreFault::lost_before : MetastoreFault::none;
  };
  world.run([&](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.settle("s");
    const ShardKey parent{process.find("s")->id, ShardIndex{0}};
    co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1000});
    const auto guard = [&] { return world.content->entries.at(writer_key()).modified; };
    const auto before = guard();
    lose = true;
    co_await process.core.sleep_for(seconds(2));
    EXPECT_TRUE(process.cell.is_closing(parent)) << "what was sent may still arrive";
    EXPECT_EQ(guard(), before);
    lose = false;
    while (process.cell.is_closing(parent)) co_await process.core.sleep_for(milliseconds(1));
    EXPECT_GT(guard(), before) << "and fails by its guard from now on";
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->open_shard_count(), 2U);
  });
}

TEST(DirectoryWorkflow, ALaneThatDoesNotSayWhetherItClosedIsReopened) {
  World world;
  world.run([](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.settle("s");
    const std::size_t reopens = process.cell.reopens();
    process.cell.fail_closes(1, ErrorCode::timeout);
    co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1000});
    co_await process.settle("s");
    EXPECT_EQ(process.cell.reopens(), reopens + 1);
  });
}

TEST(DirectoryWorkflow, ACommandWhoseAnswerWasLostIsFoundToBeDone) {
  World world;
  bool lose = false;
  world.store_options.fault = [&lose](MetastoreCall call) {
    if (call != MetastoreCall::commit || !lose) return MetastoreFault::none;
    lose = false;
    return MetastoreFault::lost_after;
  };
  world.run([&lose](Process& process) -> Task<void> {
    lose = true;
    EXPECT_TRUE((co_await process.create("s", 1)).has_value());
    co_await process.settle("s");
    EXPECT_EQ(process.find("s")->open_shard_count(), 1U);
    // A claim is the exception: a rival's would look the same.
    lose = true;
    EXPECT_EQ((co_await process.directory.claim_lane(LaneId{0})).error().code, ErrorCode::unavailable);
    EXPECT_EQ((co_await process.directory.claim_lane(LaneId{0})).value(), Epoch{2});
  });
}

TEST(DirectoryWorkflow, AStopInTheMiddleLeavesTheRestToTheNextProcess) {
  for (int stop_after_ms = 0; stop_after_ms < 260; stop_after_ms += 13) {
    World world;
    world.run([](Process& process) -> Task<void> {
      co_await process.create("s", 1);
      co_await process.settle("s");
    });
    world.run([stop_after_ms](Process& process) -> Task<void> {
      process.cell.delay_closes(milliseconds(20));
      co_await process.directory.split_shard(scope, "s", ShardIndex{0}, HashKey{1000});
      co_await process.core.sleep_for(milliseconds(stop_after_ms));
    });
    world.run([](Process& process) -> Task<void> {
      co_await process.settle("s");
      EXPECT_EQ(process.find("s")->open_shard_count(), 2U);
      EXPECT_EQ(process.find("s")->shards.size(), 3U);
    });
  }
}

// Commands at random on a few streams, with a metastore and lanes that fail at random.
Task<void> issue_commands(Process& process, int rounds) {
  env::Core& core = process.core;
  Directory& directory = process.directory;
  for (int round = 0; round < rounds; ++round) {
    const std::string name = "s" + std::to_string(core.random_u64() % 3);
    const auto stream = process.find(name);
    const std::uint64_t count = stream != nullptr ? stream->shards.size() + 1 : 1;
    const ShardIndex shard{static_cast<std::uint32_t>(core.random_u64() % count)};
    if (core.random_u64() % 10 == 0) process.cell.fail_closes(1);
    switch (core.random_u64() % 8) {
      case 0: co_await process.create(name, 1 + static_cast<std::uint32_t>(core.random_u64() % 4)); break;
      case 1:
        if (core.random_u64() % 4 == 0) co_await directory.delete_stream(scope, name);
        break;
      case 2:
      case 3:
      case 4: {
        const Shard* found = stream != nullptr ? stream->find_shard(shard) : nullptr;
        if (found == nullptr) break;
        const HashKey middle{found->first_hash.value + (found->last_hash.value - found->first_hash.value) / 2};
        co_await directory.split_shard(scope, name, shard, middle);
        break;
      }
      case 5:
        co_await directory.merge_shards(scope, name, shard,
                                        ShardIndex{static_cast<std::uint32_t>(core.random_u64() % count)});
        break;
      case 6: co_await directory.add_tags(scope, name, {{std::to_string(core.random_u64() % 60), "v"}}); break;
      default: co_await core.sleep_for(milliseconds(core.random_u64() % 200)); break;
    }
    co_await core.sleep_for(microseconds(core.random_u64() % 50'000));
  }
}

void run_seed(std::uint64_t seed) {
  World world;
  world.seed = seed * 1000;
  world.settings.set("directory.expiry_interval=50ms");
  world.settings.set("directory.account_shards_max=30");
  std::uint64_t draw = seed;
  bool failing = true;
  env::Simulation* simulation = nullptr;
  world.store_options.latency = microseconds(200);
  world.store_options.fault = [&](MetastoreCall) {
    draw = draw * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t dice = (draw >> 33) % 400;
    if (!failing || dice >= 60) return MetastoreFault::none;
    if (dice == 0) simulation->stop();
    return dice < 20 ? MetastoreFault::lost_before : dice < 40 ? MetastoreFault::lost_after : MetastoreFault::refused;
  };
  for (int life = 0; life < 6; ++life) {
    failing = false;  // while it opens
    world.run(
        [&failing](Process& process) -> Task<void> {
          failing = true;
          co_await issue_commands(process, 60);
          failing = false;
        },
        &simulation);
  }
  failing = false;
  world.run([](Process& process) -> Task<void> {
    for (int i = 0; i < 3; ++i) co_await process.settle("s" + std::to_string(i));
    for (const auto& [id, stream] : process.directory.map()->all()) EXPECT_EQ(stream->status, StreamStatus::active);
  });
}

TEST(DirectoryWorkflow, KeepsEveryPromiseUnderRandomFailuresAndCrashes) { weir::test::for_each_seed(1, 60, run_seed); }

}  // namespace
}  // namespace weir::directory::test
