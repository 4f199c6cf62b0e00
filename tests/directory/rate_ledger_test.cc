#include "directory/rates/rate_ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "directory/fleet/front_end_census.h"

namespace weir::directory {
namespace {

constexpr MonotonicTime began(seconds(1'000));
constexpr MonotonicTime settled = began + rate_window;

RateLedger settled_ledger(const RateLedgerOptions& options = {}) { return RateLedger(began, options); }

// The most that any second saw, the windows [t, t + 1 s) of all t.
std::size_t most_in_a_second(std::vector<MonotonicTime> times) {
  std::ranges::sort(times);
  std::size_t most = 0;
  for (std::size_t first = 0, end = 0; first < times.size(); ++first) {
    while (end < times.size() && times[end] - times[first] < seconds(1)) ++end;
    most = std::max(most, end - first);
  }
  return most;
}

// Front ends ask whenever they like and use a grant at any time of its life.
RC_GTEST_PROP(RateLedger, NoSecondSeesMoreThanTheRateWhoeverAsks, ()) {
  RateLedger ledger = settled_ledger();
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 60);
  MonotonicTime now = settled;
  std::vector<MonotonicTime> admitted;
  for (const auto& [pause_us, wanted] : *rc::gen::container<std::vector<std::pair<int, std::uint32_t>>>(
           rc::gen::pair(rc::gen::inRange(0, 80'000), rc::gen::inRange<std::uint32_t>(0, 40)))) {
    now += microseconds(pause_us);
    const RateGrant grant = ledger.ask(now, {.subject = "s", .calls_per_second = limit, .wanted = wanted});
    RC_ASSERT(grant.granted <= wanted);
    RC_ASSERT((grant.granted == wanted) == (grant.refuse_for == microseconds(0)));
    RC_ASSERT(grant.refuse_for <= rate_window);
    for (std::uint32_t i = 0; i < grant.granted; ++i) {
      admitted.push_back(now + microseconds(*rc::gen::inRange(0, 50'000)));
    }
  }
  RC_ASSERT(most_in_a_second(admitted) <= limit);
}

// While more is wanted than the rate, nine tenths of it at least are granted: however many front ends ask, and although
// they wait as they are told.
RC_GTEST_PROP(RateLedger, DemandOverTheRateGetsNineTenthsOfIt, ()) {
  RateLedger ledger = settled_ledger();
  const auto limit = *rc::gen::inRange<std::uint32_t>(5, 1'001);
  const auto front_ends = *rc::gen::inRange<std::size_t>(1, 9);
  const auto most_wanted = *rc::gen::inRange<std::uint32_t>(limit / 10 + 1, limit + 2);
  std::vector<MonotonicTime> refused_until(front_ends, settled);
  constexpr Duration length = seconds(10);
  std::uint64_t granted = 0;
  for (MonotonicTime now = settled; now < settled + length; now += milliseconds(5)) {
    for (std::size_t i = 0; i < front_ends; ++i) {
      if (now < refused_until[i]) continue;
      const RateGrant grant = ledger.ask(now, {.subject = "s", .calls_per_second = limit, .wanted = most_wanted});
      granted += grant.granted;
      refused_until[i] = now + grant.refuse_for;
    }
  }
  RC_ASSERT(granted * 10 >= limit * 10 * 9U);
}

TEST(RateLedger, TellsWhenTheNextCallFits) {
  RateLedger ledger = settled_ledger();
  const auto ask = [&ledger](Duration at, std::uint32_t wanted) {
    return ledger.ask(settled + at, {.subject = "s", .calls_per_second = 5, .wanted = wanted});
  };
  EXPECT_EQ(ask(milliseconds(0), 2), (RateGrant{.granted = 2}));
  EXPECT_EQ(ask(milliseconds(100), 5), (RateGrant{.granted = 3, .refuse_for = rate_window - milliseconds(100)}));
  EXPECT_EQ(ask(milliseconds(300), 1), (RateGrant{.granted = 0, .refuse_for = rate_window - milliseconds(300)}));
  EXPECT_EQ(ask(rate_window, 3), (RateGrant{.granted = 2, .refuse_for = milliseconds(100)}));
}

TEST(RateLedger, SubjectsAreCountedApart) {
  RateLedger ledger = settled_ledger();
  for (const std::string subject : {"a", "b"}) {
    EXPECT_EQ(ledger.ask(settled, {.subject = subject, .calls_per_second = 1, .wanted = 2}).granted, 1U);
  }
}

TEST(RateLedger, WhatFrontEndsAdmittedThemselvesCounts) {
  RateLedger ledger = settled_ledger();
  const RateAsk ask{.subject = "s", .calls_per_second = 5, .wanted = 3, .spent = 4};
  EXPECT_EQ(ledger.ask(settled, ask).granted, 1U);
  // Over the rate, too: nothing is granted until it fits again.
  EXPECT_EQ(ledger.ask(settled + milliseconds(10), ask),
            (RateGrant{.granted = 0, .refuse_for = rate_window - milliseconds(10)}));
  EXPECT_EQ(ledger.ask(settled + rate_window, {.subject = "s", .calls_per_second = 5, .wanted = 3}).granted, 1U);
}

TEST(RateLedger, GrantsNothingBeforeItKnowsTheLastSecond) {
  RateLedger ledger(began);
  EXPECT_FALSE(ledger.is_settled(settled - milliseconds(1)));
  const RateAsk ask{.subject = "s", .calls_per_second = 5, .wanted = 3, .spent = 4};
  EXPECT_EQ(ledger.ask(settled - milliseconds(1), ask).granted, 0U);
  EXPECT_TRUE(ledger.is_settled(settled));
  EXPECT_EQ(ledger.ask(settled, {.subject = "s", .calls_per_second = 5, .wanted = 3}).granted, 1U);
}

TEST(RateLedger, AFullLedgerLeavesSubjectsToTheFrontEndsUntilOthersAreIdle) {
  RateLedger ledger = settled_ledger({.subjects_max = 2});
  const auto ask = [&ledger](MonotonicTime now, const std::string& subject) {
    return ledger.ask(now, {.subject = subject, .calls_per_second = 5, .wanted = 1});
  };
  EXPECT_FALSE(ask(settled, "a").by_share);
  EXPECT_FALSE(ask(settled, "b").by_share);
  EXPECT_EQ(ask(settled, "c"), (RateGrant{.by_share = true}));
  EXPECT_FALSE(ask(settled + milliseconds(500), "b").by_share);
  EXPECT_FALSE(ask(settled + rate_window, "c").by_share);
  EXPECT_EQ(ledger.subjects(), 2U);
  EXPECT_TRUE(ask(settled + rate_window, "a").by_share);
}

TEST(FrontEndCensus, CountsByFleetThoseHeardOfLately) {
  FrontEndCensus census(began);
  MonotonicTime now = began;
  for (const std::string name : {"a", "b", "c"}) census.note(now, name, name == "c" ? "big" : "default");
  EXPECT_EQ(census.count(now, "default"), 0U) << "others may not have been heard of yet";
  now += seconds(5);
  EXPECT_EQ(census.count(now, "default"), 2U);
  EXPECT_EQ(census.count(now, "big"), 1U);
  EXPECT_EQ(census.count(now, "none"), 0U);
  EXPECT_EQ(census.count_all(now), 3U);
  census.note(now, "b", "big");
  EXPECT_EQ(census.count(now, "default"), 1U);
  EXPECT_EQ(census.count(now, "big"), 2U);
  now += seconds(6);
  census.note(now, "b", "big");
  EXPECT_EQ(census.count(now, "default"), 0U) << "a and c are gone";
  EXPECT_EQ(census.count(now, "big"), 1U);
  EXPECT_EQ(census.count_all(now), 1U);
}

}  // namespace
}  // namespace weir::directory
