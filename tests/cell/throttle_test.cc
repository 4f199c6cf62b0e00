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

// An answer that came at once.
void note(ShardThrottles& throttles, MonotonicTime now, Kind kind, ShardKey shard, const Throttle& throttle) {
  throttles.note(now, now, kind, shard, throttle);
}

std::optional<std::uint64_t> bytes_left(const ShardThrottles& throttles, MonotonicTime now) {
  const auto left = throttles.left(now, Kind::append, first_shard);
  return left ? std::optional(left->bytes) : std::nullopt;
}

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
    RC_ASSERT((told.wait >= throttle_wait_min && told.wait <= throttle_wait_max));
    RC_ASSERT(told.bytes_left < bytes);
    const MonotonicTime change = window.next_change(now);
    if (change - now > told.wait) continue;
    const Duration before = std::max<Duration>(Duration::zero(), change - now - microseconds(1));
    RC_ASSERT(window.try_admit(now + before, limit, 1, told.bytes_left + 1) != model::Admit::yes);
    now += before;
  }
}

// ... and so does what it tells of later, whatever else is admitted meanwhile.
RC_GTEST_PROP(Throttle, NothingThatIsKeptBackLaterWouldHaveBeenTaken, ()) {
  const model::RateLimit limit{.records = *rc::gen::inRange<std::uint64_t>(1, 50),
                               .bytes = *rc::gen::inRange<std::uint64_t>(100, 5'000)};
  const auto any_bytes = rc::gen::inRange<std::uint64_t>(1, 7'000);
  const auto any_load = rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
      rc::gen::pair(rc::gen::inRange(0, 100), any_bytes));
  model::RateWindow window;
  MonotonicTime now = start;
  const auto send = [&](const auto& load, auto&& check) {
    for (const auto& [pause_ms, bytes] : load) {
      now += milliseconds(pause_ms);
      check(bytes, window.try_admit(now, limit, 1, bytes) == model::Admit::yes);
    }
  };
  send(*any_load, [](std::uint64_t, bool) {});
  ShardThrottles throttles;
  throttles.note(now, now, Kind::append, first_shard, append_throttle_of(window, nullptr, now, limit));
  const MonotonicTime inexact_until = now + throttle_wait_min;
  send(*any_load, [&](std::uint64_t bytes, bool admitted) {
    const auto left = throttles.left(now, Kind::append, first_shard);
    if (admitted && now >= inexact_until) RC_ASSERT((!left || bytes <= left->bytes));
  });
}

// ... and so does what it tells while it admits in even parts.
RC_GTEST_PROP(Throttle, NothingThatIsKeptBackOfWhatIsPacedWouldHaveBeenTaken, ()) {
  const model::RateLimit limit{.records = *rc::gen::inRange<std::uint64_t>(10, 2'000),
                               .bytes = *rc::gen::inRange<std::uint64_t>(1'000, 1'000'000)};
  model::RateWindow window;
  model::Pace pace;
  MonotonicTime now = start;
  pace.asked_in_vain(now, 0xff);
  ShardThrottles throttles;
  std::optional<MonotonicTime> inexact_until;
  for (const int pause_ms : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 60))) {
    now += milliseconds(pause_ms);
    pace.asked_in_vain(now, 1);
    const model::Pace::Part part = pace.part(now, limit);
    const auto left = throttles.left(now, Kind::append, first_shard);
    if (part.records != 0 && left && inexact_until && now >= *inexact_until) {
      RC_ASSERT(left->any_first);
      RC_ASSERT(left->bytes >= part.bytes);
    }
    if (part.records == 0) continue;
    pace.admitted(now, limit, part.records, part.bytes / 2);
    if (!pace.is_closed(now)) continue;
    const Throttle told = append_throttle_of(window, &pace, now, limit);
    RC_ASSERT(told.later.size() <= model::rooms_max);
    throttles.note(now, now, Kind::append, first_shard, told);
    inexact_until = now + throttle_wait_min;
  }
}

TEST(ShardThrottles, RememberWhenSomethingWasKeptBack) {
  ShardThrottles throttles;
  note(throttles, start, Kind::append, first_shard, {.wait = milliseconds(20)});
  EXPECT_EQ(throttles.kept_back_slots(start, Kind::append, first_shard), 0);
  throttles.kept_back(start, Kind::append, first_shard);
  throttles.kept_back(start, Kind::append, other_shard);
  note(throttles, start + milliseconds(250), Kind::append, first_shard, {.wait = milliseconds(20)});
  EXPECT_EQ(throttles.kept_back_slots(start + milliseconds(250), Kind::append, first_shard), 0b100);
  EXPECT_EQ(throttles.kept_back_slots(start, Kind::append, other_shard), 0) << "of what was never throttled";
}

TEST(ShardThrottles, RememberWhatRoomThereWillBeLater) {
  ShardThrottles throttles;
  throttles.note(
      start, start + milliseconds(5), Kind::append, first_shard,
      {.wait = milliseconds(20), .bytes_left = 100, .later = {{milliseconds(30), 200}, {milliseconds(70), 300}}});
  const auto left_after = [&](int ms) { return bytes_left(throttles, start + milliseconds(ms)); };
  EXPECT_EQ(left_after(19), 100U);
  EXPECT_EQ(left_after(20), 200U);
  EXPECT_EQ(left_after(29), 200U);
  EXPECT_EQ(left_after(30), 300U);
  EXPECT_EQ(left_after(69), 300U);
  EXPECT_FALSE(left_after(70).has_value());
}

TEST(ShardThrottles, AnAnswerThatWasLongUnderWayKeepsBackNothingThatHasBecomeFree) {
  ShardThrottles throttles;
  throttles.note(start, start + milliseconds(150), Kind::append, first_shard,
                 {.wait = milliseconds(120),
                  .bytes_left = 100,
                  .later = {{milliseconds(130), 200}, {milliseconds(200), 300}, {milliseconds(300), 400}}});
  const auto left_after = [&](int ms) { return bytes_left(throttles, start + milliseconds(ms)); };
  EXPECT_EQ(left_after(159), 100U) << "for throttle_wait_min in any case";
  EXPECT_EQ(left_after(160), 300U);
  EXPECT_EQ(left_after(299), 400U);
  EXPECT_FALSE(left_after(300).has_value());
}

TEST(ShardThrottles, RememberForAsLongAsTheyWereTold) {
  ShardThrottles throttles;
  note(throttles, start, Kind::append, first_shard, {.wait = milliseconds(20), .bytes_left = 100});
  note(throttles, start, Kind::read, first_shard, {.wait = milliseconds(40)});
  note(throttles, start, Kind::locate, first_shard, {});
  EXPECT_EQ(bytes_left(throttles, start + milliseconds(19)), 100U);
  EXPECT_FALSE(bytes_left(throttles, start + milliseconds(20)).has_value());
  EXPECT_TRUE(throttles.refuses(start + milliseconds(39), Kind::read, first_shard));
  EXPECT_FALSE(throttles.refuses(start + milliseconds(40), Kind::read, first_shard));
  EXPECT_FALSE(throttles.refuses(start, Kind::locate, first_shard)) << "it was not told how long";
  EXPECT_FALSE(throttles.refuses(start, Kind::append, other_shard));
}

TEST(ShardThrottles, AreBounded) {
  ShardThrottles throttles;
  const auto shard = [](std::size_t i) { return ShardKey{StreamId{i}, ShardIndex{0}}; };
  for (std::size_t i = 0; i < ShardThrottles::throttles_max + 10; ++i) {
    note(throttles, start, Kind::read, shard(i), {.wait = milliseconds(100)});
  }
  EXPECT_EQ(throttles.size(), ShardThrottles::throttles_max);
  EXPECT_FALSE(throttles.refuses(start, Kind::read, shard(ShardThrottles::throttles_max + 5)));
  note(throttles, start + milliseconds(300), Kind::read, shard(0), {.wait = milliseconds(100)});
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
    EXPECT_EQ(part.throttle.later.size(), 2U) << "900 records, and then 100";
    EXPECT_EQ(part.throttle.later.front().bytes, 0U);
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
