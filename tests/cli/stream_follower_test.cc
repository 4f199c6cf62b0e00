#include "cli/client/stream_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/task_group.h"
#include "tests/cli/fake_kinesis.h"
#include "tests/support/simulation_test.h"

namespace weir::cli {
namespace {

using test::FakeKinesis;
using test::must;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Keeps what it gets, by partition key.
class Collector final : public RecordSink {
 public:
  [[nodiscard]] env::Task<Result<void>> take(std::string_view, const std::vector<kinesis::Record>& records) override {
    for (const kinesis::Record& record : records) {
      by_key[std::string(*record.partition_key)].emplace_back(as_text(record.data));
      ++count;
    }
    co_return Result<void>();
  }
  std::map<std::string, std::vector<std::string>> by_key;
  std::size_t count = 0;
};

// A server, and a follower of its stream in the same simulated process.
struct Following {
  Following(env::Core& on_core, bool from_start, bool until_caught_up = false)
      : core(on_core),
        server(on_core),
        interrupt(on_core),
        tasks(on_core),
        options{.stream = "here", .from_start = from_start, .until_caught_up = until_caught_up} {}

  env::Task<void> start_server() {
    co_await server.start();
    client = must(co_await KinesisClient::make(core, interrupt,
                                               {.server = {}, .command = "weir test", .patience = endless_patience}));
  }
  env::Task<void> run() {
    StreamFollower follower(*client, collector, options);
    outcome = co_await follower.run();
    ended = true;
  }
  void begin() { tasks.spawn(run()); }
  env::Task<void> end() {
    interrupt.request();
    client->close();
    co_await tasks.wait();
    co_await server.stop();
  }
  // Begins and waits for what ends by itself.
  env::Task<void> run_to_end() {
    co_await start_server();
    co_await run();
    co_await server.stop();
  }

  env::Core& core;
  FakeKinesis server;
  Interrupt interrupt;
  env::TaskGroup tasks;
  FollowOptions options;
  std::unique_ptr<KinesisClient> client;
  Collector collector;
  Result<void> outcome;
  bool ended = false;
};

// Puts records under a few keys, remembering their order, and changes shards, all as the seed has it.
class Writer {
 public:
  explicit Writer(Following& following) : following_(following), server_(following.server) {}

  void put() {
    const std::string key = "key " + std::to_string(random(12));
    std::vector<std::string>& of_key = by_key[key];
    of_key.push_back(key + " record " + std::to_string(of_key.size()));
    server_.put(key, of_key.back());
  }
  void change_shards() {
    const std::vector<std::string> open = server_.open_shards();
    const std::size_t which = random(open.size());
    if (open.size() < 2 || (open.size() < 5 && random(2) == 0)) {
      server_.split(open[which]);
    } else {
      const std::size_t first = std::min(which, open.size() - 2);
      server_.merge(open[first], open[first + 1]);
    }
  }
  // `often`: one step in so many changes shards.
  env::Task<void> write(std::uint32_t steps, std::uint64_t often) {
    for (std::uint32_t step = 0; step < steps; ++step) {
      if (random(often) == 0)
        change_shards();
      else
        put();
      co_await following_.core.sleep_for(milliseconds(static_cast<std::int64_t>(random(60))));
    }
  }
  [[nodiscard]] std::uint64_t random(std::uint64_t below) { return following_.core.random_u64() % below; }

  std::map<std::string, std::vector<std::string>> by_key;

 private:
  Following& following_;
  FakeKinesis& server_;
};

env::Task<void> follow_through_changes(env::Core& core, bool from_start) {
  Following following(core, from_start);
  co_await following.start_server();
  Writer writer(following);
  if (from_start) co_await writer.write(60, 5);
  following.begin();
  co_await core.sleep_for(seconds(1));
  co_await writer.write(100, 8);
  co_await core.sleep_for(seconds(30));
  co_await following.end();
  EXPECT_EQ(following.collector.by_key, writer.by_key);
  EXPECT_LE(following.server.reads_per_second_max, 5U);
  EXPECT_TRUE(following.outcome.has_value());
}

TEST(StreamFollower, KeepsEachKeysOrderThroughSplitsAndMergesFromTheStart) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    test::run_simulation(seed, [](env::Core& core) { return follow_through_changes(core, true); });
  });
}

TEST(StreamFollower, KeepsEachKeysOrderThroughSplitsAndMergesFromNowOn) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    test::run_simulation(seed, [](env::Core& core) { return follow_through_changes(core, false); });
  });
}

// Every kind of trouble that passes, while records come and shards change.
env::Task<void> follow_through_trouble(env::Core& core) {
  Following following(core, true);
  co_await following.start_server();
  Writer writer(following);
  following.server.fault = [&](kinesis::Operation) -> std::optional<kinesis::ApiError> {
    switch (writer.random(20)) {
      case 0: return kinesis::errors::internal_failure();
      case 1: return kinesis::errors::shard_rate_exceeded("shardId-000000000000", "here", "000000000000");
      case 2: following.server.expire_iterators(); return std::nullopt;
      default: return std::nullopt;
    }
  };
  following.begin();
  for (int round = 0; round < 4; ++round) {
    co_await writer.write(30, 8);
    co_await following.server.stop();
    co_await core.sleep_for(milliseconds(static_cast<std::int64_t>(writer.random(4'000))));
    co_await following.server.start();
  }
  following.server.fault = nullptr;
  co_await core.sleep_for(seconds(60));
  co_await following.end();
  EXPECT_EQ(following.collector.by_key, writer.by_key);
  EXPECT_TRUE(following.outcome.has_value()) << following.outcome.error().message;
}

TEST(StreamFollower, LosesAndRepeatsNothingThroughRestartsThrottlesAndExpiredIterators) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    test::run_simulation(seed, [](env::Core& core) { return follow_through_trouble(core); });
  });
}

TEST(StreamFollower, AnIteratorThatExpiresBeforeTheFirstRecordLosesNone) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, false);
    co_await following.start_server();
    following.server.put("a", "before");
    co_await core.sleep_for(seconds(1));
    following.begin();
    co_await core.sleep_for(seconds(1));
    co_await following.server.stop();
    following.server.put("a", "while it was away");
    following.server.expire_iterators();
    co_await following.server.start();
    co_await core.sleep_for(seconds(5));
    co_await following.end();
    EXPECT_THAT(following.collector.by_key["a"], ElementsAre("while it was away"));
  });
}

TEST(StreamFollower, UntilCaughtUpEndsAtTheTipOfEveryShard) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, true, true);
    for (int i = 0; i < 10; ++i) following.server.put("a", std::to_string(i));
    following.server.split("shardId-000000000000");
    for (int i = 10; i < 20; ++i) following.server.put("a", std::to_string(i));
    co_await following.run_to_end();
    EXPECT_TRUE(following.ended);
    EXPECT_EQ(following.collector.count, 20U);
    EXPECT_EQ(following.collector.by_key["a"].back(), "19");
  });
}

TEST(StreamFollower, GoesOnWithTheChildrenOfAShardThatRetentionTook) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, false);
    co_await following.start_server();
    following.begin();
    co_await core.sleep_for(seconds(1));
    co_await following.server.stop();
    following.server.split("shardId-000000000000");
    following.server.put("a", "in a child");
    following.server.forget("shardId-000000000000");
    co_await following.server.start();
    co_await core.sleep_for(seconds(5));
    co_await following.end();
    EXPECT_THAT(following.collector.by_key["a"], ElementsAre("in a child"));
  });
}

TEST(StreamFollower, GoesOnWithTheGrandchildrenOfAShardThatRetentionTookWithItsChild) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, false);
    following.server.split("shardId-000000000000");
    following.server.put("a", "long ago");
    following.server.merge("shardId-000000000001", "shardId-000000000002");
    co_await following.start_server();
    following.begin();
    co_await core.sleep_for(seconds(1));
    co_await following.server.stop();
    following.server.split("shardId-000000000003");
    following.server.merge("shardId-000000000004", "shardId-000000000005");
    following.server.put("a", "in the last");
    for (const char* id : {"shardId-000000000003", "shardId-000000000004", "shardId-000000000005"}) {
      following.server.forget(id);
    }
    co_await following.server.start();
    co_await core.sleep_for(seconds(5));
    co_await following.end();
    EXPECT_THAT(following.collector.by_key["a"], ElementsAre("in the last"));
  });
}

// Of two shards one is long and splits, the other is empty and merges with a child of the first: the merged shard is
// known before that child is.
TEST(StreamFollower, AMergedShardWaitsForAParentThatIsNotKnownYet) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, false);
    following.server.split("shardId-000000000000");
    co_await following.start_server();
    following.begin();
    co_await core.sleep_for(seconds(1));
    co_await following.server.stop();
    for (int i = 0; i < 20; ++i) following.server.put("a", std::to_string(10 + i));
    const bool is_low = following.server.shards.at("shardId-000000000002").records.empty();
    following.server.split(is_low ? "shardId-000000000001" : "shardId-000000000002");
    if (is_low)
      following.server.merge("shardId-000000000004", "shardId-000000000002");
    else
      following.server.merge("shardId-000000000001", "shardId-000000000003");
    for (int i = 20; i < 40; ++i) following.server.put("a", std::to_string(10 + i));
    co_await following.server.start();
    co_await core.sleep_for(seconds(30));
    co_await following.end();
    EXPECT_EQ(following.collector.by_key["a"].size(), 40U);
    EXPECT_TRUE(std::ranges::is_sorted(following.collector.by_key["a"]));
  });
}

TEST(StreamFollower, WaitsForAStreamThatIsBeingCreated) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, true, true);
    following.server.put("a", "first");
    following.server.fault = [asked = 0](kinesis::Operation) mutable -> std::optional<kinesis::ApiError> {
      if (++asked > 3) return std::nullopt;
      return kinesis::errors::stream_not_active("here", "000000000000", "CREATING");
    };
    co_await following.run_to_end();
    EXPECT_TRUE(following.outcome.has_value());
    EXPECT_EQ(following.collector.count, 1U);
  });
}

TEST(StreamFollower, AStreamThatIsNotThereIsAnErrorThatNamesIt) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, true);
    following.options.stream = "there";
    co_await following.run_to_end();
    EXPECT_EQ(following.outcome.error().code, ErrorCode::not_found);
    EXPECT_THAT(following.outcome.error().message, HasSubstr("there"));
  });
}

TEST(StreamFollower, ShardsThatWaitForEachOtherAreAnErrorAndNoHang) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, true);
    following.server.shards.begin()->second.parents = {"shardId-000000000000"};
    co_await following.run_to_end();
    EXPECT_EQ(following.outcome.error().code, ErrorCode::corrupt);
  });
}

TEST(StreamFollower, AnInterruptEndsItDuringAnOutage) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Following following(core, true);
    co_await following.start_server();
    following.begin();
    co_await core.sleep_for(seconds(1));
    co_await following.server.stop();
    co_await core.sleep_for(seconds(20));
    EXPECT_FALSE(following.ended);
    following.interrupt.request();
    following.client->close();
    co_await following.tasks.wait();
    EXPECT_TRUE(following.outcome.has_value());
  });
}

}  // namespace
}  // namespace weir::cli
