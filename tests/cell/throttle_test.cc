#include "cell/lane/throttle.h"

#include "env/sim/seeded_random.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

using Kind = ShardThrottles::Kind;
constexpr ShardKey other_shard{StreamId{9}, ShardIndex{9}};
constexpr MonotonicTime start(seconds(10));

// What a window tells stays true for as long as it says, but for what frees in the first throttle_wait_min.
RC_GTEST_PROP(Throttle, NothingThatIsKeptBackWouldHaveBeenTaken, ()) {
  const model::RateLimit limit{.records = *rc::gen::inRange<std::uint64_t>(1, 50),
                               .bytes = *rc::gen::inRange<std::uint64_t>(100, 5'000)};
  model::RateWindow window;
  MonotonicTime now = start;
  for (const auto& [pause_ms, bytes] : *rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
           rc::gen::pair(rc::gen::inRange(0, 100), rc::gen::inRange<std::uint64_t>(1, 2'000)))) {
    now += milliseconds(pause_ms);
    if (window.try_admit(now, limit, 1, bytes) == model::Admit::yes) continue;
    const Throttle told = throttle_of(window, now, limit);
    RC_ASSERT(told.wait >= throttle_wait_min && told.wait <= throttle_wait_max);
    RC_ASSERT(told.bytes_left < bytes);
    const MonotonicTime change = window.next_change(now);
    if (change - now > told.wait) continue;
    const Duration before = std::max<Duration>(Duration::zero(), change - now - microseconds(1));
    RC_ASSERT(window.try_admit(now + before, limit, 1, told.bytes_left + 1) != model::Admit::yes);
    now += before;
  }
}

TEST(ShardThrottles, RememberForAsLongAsTheyWereTold) {
  ShardThrottles throttles;
  throttles.note(start, Kind::append, first_shard, {.wait = milliseconds(20), .bytes_left = 100});
  throttles.note(start, Kind::read, first_shard, {.wait = milliseconds(40)});
  throttles.note(start, Kind::locate, first_shard, {});
  EXPECT_EQ(throttles.bytes_left(start + milliseconds(19), Kind::append, first_shard), 100U);
  EXPECT_FALSE(throttles.bytes_left(start + milliseconds(20), Kind::append, first_shard).has_value());
  EXPECT_TRUE(throttles.refuses(start + milliseconds(39), Kind::read, first_shard));
  EXPECT_FALSE(throttles.refuses(start + milliseconds(40), Kind::read, first_shard));
  EXPECT_FALSE(throttles.refuses(start, Kind::locate, first_shard)) << "it was not told how long";
  EXPECT_FALSE(throttles.refuses(start, Kind::append, other_shard));
}

TEST(ShardThrottles, AreBounded) {
  ShardThrottles throttles;
  const auto shard = [](std::size_t i) { return ShardKey{StreamId{i}, ShardIndex{0}}; };
  for (std::size_t i = 0; i < ShardThrottles::throttles_max + 10; ++i) {
    throttles.note(start, Kind::read, shard(i), {.wait = milliseconds(100)});
  }
  EXPECT_EQ(throttles.size(), ShardThrottles::throttles_max);
  EXPECT_FALSE(throttles.refuses(start, Kind::read, shard(ShardThrottles::throttles_max + 5)));
  throttles.note(start + milliseconds(300), Kind::read, shard(0), {.wait = milliseconds(100)});
  EXPECT_EQ(throttles.size(), 1U) << "those whose time is over make room";
}

TEST(Throttle, ALaneTellsForHowLongItRefuses) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "x", 900, 100))).throttle, Throttle{});
    const AppendReply part = co_await append(*lane, make_fragment(first_shard, "x", 500, 100));
    EXPECT_EQ(part.accepted, 100U);
    EXPECT_EQ(part.throttle.bytes_left, 0U) << "no record is left";
    EXPECT_GT(part.throttle.wait, milliseconds(500));
    const AppendReply whole = co_await append(*lane, make_fragment(first_shard, "x"));
    EXPECT_EQ(whole.refusal, Refusal::throttled);
    EXPECT_GT(whole.throttle.wait, milliseconds(500));
    co_await core.sleep_for(whole.throttle.wait);
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "x"))).refusal, Refusal::none);

    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ((co_await (*lane)->locate(first_shard, StartFrom::latest, {})).throttle, Throttle{});
    }
    const LocateReply located = co_await (*lane)->locate(first_shard, StartFrom::latest, {});
    EXPECT_EQ(located.refusal, Refusal::throttled);
    EXPECT_GT(located.throttle.wait, milliseconds(500));
    ReadReply read;
    for (int i = 0; i < 6; ++i) {
      read = co_await (*lane)->read({.shard = first_shard, .records_max = 1, .bytes_max = 1'000});
      EXPECT_EQ(read.throttle == Throttle{}, i < 5) << i;
    }
    EXPECT_EQ(read.refusal, Refusal::throttled);
    co_await core.sleep_for(read.throttle.wait);
    read = co_await (*lane)->read({.shard = first_shard, .records_max = 1, .bytes_max = 1'000});
    EXPECT_EQ(read.refusal, Refusal::none);
    co_await (*lane)->stop();
  });
}

}  // namespace
}  // namespace weir::cell
