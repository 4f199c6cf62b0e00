#include "frontend/giving_way.h"

#include <gtest/gtest.h>

#include <string>

#include "env/sim/simulation.h"
#include "env/task.h"

namespace weir::frontend {
namespace {

// In virtual time.
void run_test(env::Task<int> (*test)(env::Core&)) {
  env::Simulation simulation({.seed = 1});
  ASSERT_EQ(simulation.run([&] { return test(simulation.core(0)); }), 0);
}

void refuse(GivingWay& giving_way, const std::string& account, std::uint64_t requests, std::size_t body_bytes = 100) {
  for (std::uint64_t i = 0; i < requests; ++i) giving_way.note_refused(account, body_bytes);
}

env::Task<int> many_requests(env::Core& core) {
  GivingWay giving_way(core);
  refuse(giving_way, "a", GivingWay::refused_per_second_max);
  EXPECT_FALSE(giving_way.gives_way("a"));
  refuse(giving_way, "a", 1);
  EXPECT_TRUE(giving_way.gives_way("a"));
  EXPECT_FALSE(giving_way.gives_way("b"));
  co_return 0;
}

TEST(GivingWay, BeginsWithMoreRefusedInASecondThanIsAnyClientsWay) { run_test(many_requests); }

env::Task<int> now_and_then(env::Core& core) {
  GivingWay giving_way(core);
  for (int i = 0; i < 100; ++i) {
    refuse(giving_way, "a", GivingWay::refused_per_second_max);
    EXPECT_FALSE(giving_way.gives_way("a"));
    co_await core.sleep_for(seconds(1));
  }
  co_return 0;
}

TEST(GivingWay, IsNotForWhoIsRefusedNowAndThen) { run_test(now_and_then); }

env::Task<int> large_requests(env::Core& core) {
  GivingWay giving_way(core);
  refuse(giving_way, "a", 3, 100 * kibibyte);
  EXPECT_FALSE(giving_way.gives_way("a"));
  refuse(giving_way, "b", 1, mebibyte);
  EXPECT_TRUE(giving_way.gives_way("b"));
  co_return 0;
}

TEST(GivingWay, CountsLargeRequestsForWhatTheyCost) { run_test(large_requests); }

env::Task<int> in_time(env::Core& core) {
  GivingWay giving_way(core);
  giving_way.note_refused("a", mebibyte);
  co_await core.sleep_for(GivingWay::gives_way_time - milliseconds(1));
  EXPECT_TRUE(giving_way.gives_way("a"));
  giving_way.note_refused("a", mebibyte);
  co_await core.sleep_for(GivingWay::gives_way_time - milliseconds(1));
  EXPECT_TRUE(giving_way.gives_way("a"));
  co_await core.sleep_for(milliseconds(1));
  EXPECT_FALSE(giving_way.gives_way("a"));
  co_return 0;
}

TEST(GivingWay, EndsSomeSecondsAfterTheLastTime) { run_test(in_time); }

env::Task<int> as_elsewhere(env::Core& core) {
  GivingWay giving_way(core);
  giving_way.begin("a");
  EXPECT_TRUE(giving_way.gives_way("a"));
  EXPECT_FALSE(giving_way.gives_way("b"));
  co_await core.sleep_for(GivingWay::gives_way_time - milliseconds(1));
  EXPECT_TRUE(giving_way.gives_way("a"));
  refuse(giving_way, "a", GivingWay::refused_per_second_max);
  co_await core.sleep_for(milliseconds(1));
  EXPECT_FALSE(giving_way.gives_way("a"));
  giving_way.begin("a");
  EXPECT_TRUE(giving_way.gives_way("a"));
  co_return 0;
}

TEST(GivingWay, BeginsWhereItBeganElsewhere) { run_test(as_elsewhere); }

env::Task<int> many_accounts(env::Core& core) {
  GivingWay giving_way(core);
  for (std::size_t i = 0; i < GivingWay::accounts_max; ++i) giving_way.note_refused(std::to_string(i), mebibyte);
  giving_way.note_refused("one more", mebibyte);
  giving_way.begin("one more");
  EXPECT_FALSE(giving_way.gives_way("one more"));
  giving_way.note_refused("0", mebibyte);
  EXPECT_TRUE(giving_way.gives_way("0"));
  co_await core.sleep_for(GivingWay::gives_way_time);
  giving_way.note_refused("one more", mebibyte);
  EXPECT_TRUE(giving_way.gives_way("one more"));
  EXPECT_FALSE(giving_way.gives_way("0"));
  co_return 0;
}

TEST(GivingWay, RemembersABoundedNumberOfAccounts) { run_test(many_accounts); }

}  // namespace
}  // namespace weir::frontend
