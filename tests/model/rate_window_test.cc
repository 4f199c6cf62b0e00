#include "model/rate_window.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace weir::model {
namespace {

constexpr MonotonicTime start{seconds(1000)};
constexpr RateLimit shard_limit{.records = 1000, .bytes = 1 << 20};

struct Admitted {
  MonotonicTime at;
  std::uint64_t records;
  std::uint64_t bytes;
};

// The most that lies in any second that ends with a request, without that request itself.
Admitted worst_second_before_last(const std::vector<Admitted>& all) {
  Admitted worst{start, 0, 0};
  Admitted sum{start, 0, 0};
  std::size_t first = 0;
  for (const Admitted& request : all) {
    for (; all[first].at + seconds(1) <= request.at; ++first) {
      sum.records -= all[first].records;
      sum.bytes -= all[first].bytes;
    }
    worst.records = std::max(worst.records, sum.records);
    worst.bytes = std::max(worst.bytes, sum.bytes);
    sum.records += request.records;
    sum.bytes += request.bytes;
  }
  return worst;
}

RC_GTEST_PROP(RateWindow, AnySecondHoldsAtMostTheLimitPlusOneRequest, ()) {
  const RateLimit limit{.records = *rc::gen::inRange<std::uint64_t>(1, 300),
                        .bytes = *rc::gen::inRange<std::uint64_t>(1, 5000)};
  const std::int64_t pace_us_max = *rc::gen::element(10, 1000, 20'000, 2'000'000);
  RateWindow window;
  std::vector<Admitted> admitted;
  MonotonicTime now = start;
  for (int i = 0; i < 2000; ++i) {
    now += microseconds(*rc::gen::resize(100, rc::gen::inRange<std::int64_t>(0, pace_us_max)));
    const auto records = *rc::gen::inRange<std::uint64_t>(1, 20);
    const auto bytes = *rc::gen::weightedOneOf<std::uint64_t>(
        {{20, rc::gen::inRange<std::uint64_t>(0, 100)}, {1, rc::gen::inRange<std::uint64_t>(0, 20'000)}});
    if (window.try_admit(now, limit, records, bytes) == Admit::yes) admitted.push_back({now, records, bytes});
  }
  const Admitted worst = worst_second_before_last(admitted);
  RC_ASSERT(worst.records <= limit.records);
  RC_ASSERT(worst.bytes <= limit.bytes);
  RC_ASSERT(!admitted.empty());
}

RC_GTEST_PROP(RateWindow, WhatItTellsOfItsRoomIsNeverTooLittleAndAtMostAStepTooMuch, ()) {
  const RateLimit limit{.records = *rc::gen::inRange<std::uint64_t>(1, 60),
                        .bytes = *rc::gen::inRange<std::uint64_t>(100, 5000)};
  RateWindow window;
  MonotonicTime now = start;
  for (int i = *rc::gen::inRange(0, 200); i > 0; --i) {
    now += milliseconds(*rc::gen::inRange(0, 40));
    const auto bytes = *rc::gen::weightedOneOf<std::uint64_t>(
        {{30, rc::gen::inRange<std::uint64_t>(0, 300)}, {1, rc::gen::inRange<std::uint64_t>(0, 20'000)}});
    static_cast<void>(window.try_admit(now, limit, 1, bytes));
  }
  const std::vector<Room> rooms = window.rooms(now, limit);
  RC_ASSERT(rooms.size() <= rooms_max);
  const auto told = [&] {
    const auto room = std::ranges::find_if(rooms, [&](const Room& each) { return now < each.until; });
    return room == rooms.end() ? unlimited : room->bytes;
  };
  const MonotonicTime end = now + seconds(2);
  for (; now < end; now += milliseconds(*rc::gen::inRange(1, 50))) {
    const bool has_room = window.has_room(now, limit) == Admit::yes;
    const std::uint64_t left = has_room ? limit.bytes - window.bytes_in_window() : 0;
    RC_ASSERT(told() >= left);
    if (told() == unlimited) {
      RC_ASSERT(window.try_admit(now, limit, 1, limit.bytes + 1) == Admit::yes);
      break;
    }
    RC_ASSERT(told() <= left + limit.bytes / room_steps);
  }
}

TEST(RateWindow, KeepsThePromiseAboveItsExactRange) {
  const RateLimit limit{.records = 50'000};
  RateWindow window;
  std::vector<Admitted> admitted;
  MonotonicTime now = start;
  for (int i = 0; i < 400'000; ++i, now += microseconds(7)) {
    if (window.try_admit(now, limit, 1, 10) == Admit::yes) admitted.push_back({now, 1, 10});
  }
  EXPECT_LE(worst_second_before_last(admitted).records, limit.records);
  EXPECT_GE(admitted.size(), 2U * 49'900U);  // 2.8 s: at least two full seconds' worth, less a millisecond each
  EXPECT_LE(window.memory_bytes(), 32U * 1024);
}

TEST(RateWindow, ASteadyStreamAtTheLimitIsNeverRefused) {
  RateWindow window;
  MonotonicTime now = start;
  for (int i = 0; i < 5000; ++i, now += milliseconds(1)) {
    ASSERT_EQ(window.try_admit(now, shard_limit, 1, 1048), Admit::yes) << i;
  }
}

TEST(RateWindow, ABurstOfTheLimitFitsAndTheNextRecordDoesNot) {
  RateWindow window;
  EXPECT_EQ(window.try_admit(start, shard_limit, 999, 0), Admit::yes);
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 0), Admit::yes);
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 0), Admit::over_records);
  EXPECT_EQ(window.try_admit(start + milliseconds(999), shard_limit, 1, 0), Admit::over_records);
  EXPECT_EQ(window.try_admit(start + seconds(1), shard_limit, 1000, 0), Admit::yes);
}

TEST(RateWindow, BytesAndRecordsAreLimitedEachOnItsOwn) {
  RateWindow window;
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 1 << 20), Admit::yes);
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 1), Admit::over_bytes);
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 0), Admit::yes);
}

TEST(RateWindow, ARefusedRequestCostsNothing) {
  RateWindow window;
  EXPECT_EQ(window.try_admit(start, shard_limit, 600, 0), Admit::yes);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(window.try_admit(start, shard_limit, 600, 0), Admit::over_records);
  EXPECT_EQ(window.try_admit(start, shard_limit, 400, 0), Admit::yes);
}

TEST(RateWindow, ARequestAboveTheLimitNeedsAnEmptyWindowAndPaysForItself) {
  RateWindow window;
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 1), Admit::yes);
  EXPECT_EQ(window.try_admit(start + milliseconds(500), shard_limit, 1, 10 << 20), Admit::over_bytes);
  const MonotonicTime empty = start + seconds(1);
  EXPECT_EQ(window.try_admit(empty, shard_limit, 1, 10 << 20), Admit::yes);
  EXPECT_EQ(window.try_admit(empty + milliseconds(9'999), shard_limit, 1, 1), Admit::over_bytes);
  EXPECT_EQ(window.next_change(empty + seconds(1)), empty + seconds(10));
  EXPECT_EQ(window.try_admit(empty + seconds(10), shard_limit, 1, 1), Admit::yes);
}

TEST(RateWindow, AReadOfTenMebibytesBlocksFiveSeconds) {
  const RateLimit limit{.bytes = 2 << 20};
  RateWindow window;
  EXPECT_EQ(window.has_room(start, limit), Admit::yes);
  window.charge(start, limit, 0, 10 << 20);
  EXPECT_EQ(window.has_room(start + milliseconds(4'999), limit), Admit::over_bytes);
  EXPECT_EQ(window.has_room(start + seconds(5), limit), Admit::yes);
}

TEST(RateWindow, ReadsThatOverlapPayForAllTheyTook) {
  const RateLimit limit{.bytes = 2 << 20};
  RateWindow window;
  window.charge(start, limit, 0, 10 << 20);
  window.charge(start + seconds(2), limit, 0, 10 << 20);
  EXPECT_EQ(window.has_room(start + milliseconds(9'999), limit), Admit::over_bytes);
  EXPECT_EQ(window.has_room(start + seconds(10), limit), Admit::yes);
}

RC_GTEST_PROP(RateWindow, ReadsKeepTheirAverageAtTheLimit, ()) {
  const RateLimit limit{.bytes = 1000};
  RateWindow window;
  MonotonicTime now = start;
  std::uint64_t total = 0;
  std::uint64_t largest = 0;
  for (int i = 0; i < 500; ++i) {
    now += milliseconds(*rc::gen::inRange(0, 300));
    if (window.has_room(now, limit) != Admit::yes) continue;
    const auto bytes = *rc::gen::inRange<std::uint64_t>(0, 5000);
    window.charge(now, limit, 0, bytes);
    total += bytes;
    largest = std::max(largest, bytes);
  }
  // A second's allowance that is read at once before, and another while what was read is not yet over the limit.
  const double elapsed = std::chrono::duration<double>(now - start).count();
  RC_ASSERT(static_cast<double>(total) <= 1000.0 * (elapsed + 2) + static_cast<double>(largest));
}

// A second's allowance just before the last one is forgotten, then a large read: again and again.
TEST(RateWindow, ReadsThatAreForgottenBeforeALargeOneArePaidFor) {
  const RateLimit limit{.bytes = 1000};
  RateWindow window;
  MonotonicTime now = start;
  std::uint64_t total = 0;
  for (int i = 0; i < 50; ++i) {
    while (window.has_room(now, limit) != Admit::yes) now += milliseconds(1);
    window.charge(now, limit, 0, 998);
    window.charge(now + milliseconds(1), limit, 0, 1);
    now += seconds(1);
    ASSERT_EQ(window.has_room(now, limit), Admit::yes);
    window.charge(now, limit, 0, 2000);
    total += 2999;
  }
  while (window.has_room(now, limit) != Admit::yes) now += milliseconds(1);
  EXPECT_LE(total, 1000 * static_cast<std::uint64_t>((now - start) / seconds(1) + 2));
}

TEST(RateWindow, GivesItsMemoryBackWhenIdle) {
  RateWindow window;
  EXPECT_EQ(window.memory_bytes(), 0U);
  EXPECT_EQ(window.try_admit(start, shard_limit, 1, 1), Admit::yes);
  EXPECT_GT(window.memory_bytes(), 0U);
  EXPECT_FALSE(window.release_if_idle(start + milliseconds(999)));
  EXPECT_TRUE(window.release_if_idle(start + seconds(1)));
  EXPECT_EQ(window.memory_bytes(), 0U);
  EXPECT_EQ(window.try_admit(start + seconds(2), shard_limit, 1000, 1), Admit::yes);
}

TEST(CallRate, AdmitsExactlyItsNumberInAnySecond) {
  CallRate rate;
  int admitted = 0;
  for (int ms = 0; ms < 1000; ++ms) admitted += rate.try_admit(start + milliseconds(ms), 5) ? 1 : 0;
  EXPECT_EQ(admitted, 5);
  EXPECT_TRUE(rate.try_admit(start + milliseconds(1000), 5));
  EXPECT_TRUE(rate.release_if_idle(start + milliseconds(2003)));
}

}  // namespace
}  // namespace weir::model
