#include "cli/client/record_putter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_kinesis.h"
#include "tests/support/simulation_test.h"

namespace weir::cli {
namespace {

using test::FakeKinesis;
using test::must;
using ::testing::HasSubstr;

struct Putting {
  Putting(env::Core& on_core, std::string stream) : core(on_core), server(on_core), interrupt(on_core), name(stream) {}

  env::Task<void> start() {
    co_await server.start();
    client = must(co_await KinesisClient::make(core, interrupt, {.server = {}, .command = "weir test"}));
    putter = std::make_unique<RecordPutter>(*client, name, "a");
  }
  [[nodiscard]] std::vector<std::string> stored() const {
    std::vector<std::string> data;
    for (const auto& [id, shard] : server.shards) {
      for (const test::FakeRecord& record : shard.records) data.push_back(record.data);
    }
    return data;
  }

  env::Core& core;
  FakeKinesis server;
  Interrupt interrupt;
  std::string name;
  std::unique_ptr<KinesisClient> client;
  std::unique_ptr<RecordPutter> putter;
};

TEST(RecordPutter, PutsEachRecordOnceHoweverManyAreRefused) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    test::run_simulation(seed, [](env::Core& core) -> env::Task<void> {
      Putting putting(core, "here");
      co_await putting.start();
      putting.server.refuses_entry = [&core] { return core.random_u64() % 3 == 0; };
      std::vector<std::string> wanted;
      for (int i = 0; i < 1'200; ++i) {
        wanted.push_back(std::to_string(i));
        must(co_await putting.putter->add(wanted.back()));
      }
      must(co_await putting.putter->flush());
      EXPECT_EQ(putting.putter->records_put(), wanted.size());
      EXPECT_THAT(putting.stored(), ::testing::UnorderedElementsAreArray(wanted));
      co_await putting.server.stop();
    });
  });
}

TEST(RecordPutter, TakesAsFewCallsAsTheApiAllowsAndKeepsTheOrder) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Putting putting(core, "here");
    co_await putting.start();
    std::vector<std::string> wanted;
    for (int i = 0; i < 1'001; ++i) wanted.push_back(std::to_string(i));
    for (const std::string& data : wanted) must(co_await putting.putter->add(data));
    must(co_await putting.putter->flush());
    EXPECT_EQ(putting.server.requests, 3U);
    EXPECT_EQ(putting.stored(), wanted);
    co_await putting.server.stop();
  });
}

TEST(RecordPutter, LargeRecordsGoInCallsOfBoundedSize) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Putting putting(core, "here");
    co_await putting.start();
    for (int i = 0; i < 8; ++i) must(co_await putting.putter->add(std::string(1 * mebibyte - 1, 'x')));
    must(co_await putting.putter->flush());
    EXPECT_EQ(putting.server.requests, 2U);
    EXPECT_EQ(putting.stored().size(), 8U);
    co_await putting.server.stop();
  });
}

TEST(RecordPutter, GivesUpWhenNothingIsTakenForHalfAMinute) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Putting putting(core, "here");
    co_await putting.start();
    putting.server.refuses_entry = [] { return true; };
    must(co_await putting.putter->add("x"));
    const auto flushed = co_await putting.putter->flush();
    EXPECT_EQ(flushed.error().code, ErrorCode::unavailable);
    EXPECT_THAT(flushed.error().message, HasSubstr("Rate exceeded"));
    EXPECT_EQ(putting.putter->records_put(), 0U);
    co_await putting.server.stop();
  });
}

TEST(RecordPutter, OutlastsARestartOfTheServer) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Putting putting(core, "here");
    co_await putting.start();
    must(co_await putting.putter->add("before"));
    must(co_await putting.putter->flush());
    co_await putting.server.stop();
    must(co_await putting.putter->add("after"));
    auto flush = [](RecordPutter& putter, bool& done) -> env::Task<void> {
      must(co_await putter.flush());
      done = true;
    };
    bool done = false;
    env::TaskGroup tasks(core);
    tasks.spawn(flush(*putting.putter, done));
    co_await core.sleep_for(seconds(10));
    EXPECT_FALSE(done);
    co_await putting.server.start();
    co_await tasks.wait();
    EXPECT_THAT(putting.stored(), ::testing::ElementsAre("before", "after"));
    co_await putting.server.stop();
  });
}

}  // namespace
}  // namespace weir::cli
