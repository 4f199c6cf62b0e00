#include "model/pace.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace weir::model {
namespace {

constexpr MonotonicTime start{seconds(1000)};
constexpr RateLimit shard_limit{.records = 1000, .bytes = 1 << 20};

void make_steady(Pace& pace, MonotonicTime now) { pace.asked_in_vain(now, 0xff); }

TEST(Demand, IsSteadyWhileSomethingIsAskedForInVainInHalfOfTheEighthsOfASecond) {
  Demand demand;
  MonotonicTime now = start;
  for (int slot = 0; slot < Demand::steady_slots; ++slot) {
    EXPECT_FALSE(demand.is_steady(now));
    now += Demand::slot_length;
    demand.mark(now);
  }
  EXPECT_TRUE(demand.is_steady(now));
  EXPECT_TRUE(demand.is_steady(now + 4 * Demand::slot_length)) << "half of a second without does not end it";
  EXPECT_FALSE(demand.is_steady(now + 5 * Demand::slot_length));
  EXPECT_EQ(demand.marked(now + Demand::slot_count * Demand::slot_length), 0);
  EXPECT_EQ(demand.marked(now + hours(1)), 0);
}

TEST(Demand, ABurstOnceInASecondIsNotSteady) {
  Demand demand;
  for (int i = 0; i < 10; ++i) {
    demand.mark(start + seconds(i));
    demand.mark(start + seconds(i) + milliseconds(200));
    EXPECT_FALSE(demand.is_steady(start + seconds(i) + milliseconds(200)));
  }
}

TEST(Pace, GivesAQuarterOfTheLimitAndNothingMoreUntilThatIsPaidFor) {
  Pace pace;
  make_steady(pace, start);
  ASSERT_TRUE(pace.is_on(start));
  EXPECT_EQ(pace.part(start, shard_limit).records, 250U);
  EXPECT_EQ(pace.part(start, shard_limit).bytes, shard_limit.bytes / 4);
  pace.admitted(start, shard_limit, 100, 1'000);
  EXPECT_FALSE(pace.is_closed(start)) << "some of the part is left";
  EXPECT_EQ(pace.part(start, shard_limit).records, 150U);
  pace.admitted(start, shard_limit, 150, 1'000);
  EXPECT_TRUE(pace.is_closed(start));
  EXPECT_EQ(pace.part(start, shard_limit).records, 0U);
  EXPECT_EQ(pace.opens(), start + milliseconds(250));
  EXPECT_EQ(pace.part(start + milliseconds(249), shard_limit).records, 0U);
  EXPECT_EQ(pace.part(start + milliseconds(250), shard_limit).records, 250U);
}

TEST(Pace, WhatIsNotAskedForIsKeptForASecond) {
  Pace pace;
  make_steady(pace, start);
  EXPECT_EQ(pace.part(start + milliseconds(500), shard_limit).records, 750U);
  EXPECT_EQ(pace.part(start + seconds(20), shard_limit).records, 1'000U);
  pace.admitted(start + seconds(20), shard_limit, 1'000, 0);
  EXPECT_EQ(pace.opens(), start + seconds(20) + milliseconds(250));
}

TEST(Pace, WhatTheWindowRefusesMeanwhileIsNotKept) {
  Pace pace;
  make_steady(pace, start);
  make_steady(pace, start + milliseconds(500));
  pace.refused(start + milliseconds(500));
  EXPECT_EQ(pace.part(start + milliseconds(500), shard_limit).records, 250U);
  pace.admitted(start + milliseconds(500), shard_limit, 250, 0);
  pace.refused(start + milliseconds(600));
  EXPECT_EQ(pace.opens(), start + milliseconds(750)) << "what is asked for while it is closed changes nothing";
}

TEST(Pace, WhatWasAdmittedBeforeItBeganIsNotToBePaidFor) {
  Pace pace;
  pace.refused(start);
  pace.admitted(start, shard_limit, 1'000, 0);
  make_steady(pace, start + milliseconds(10));
  EXPECT_EQ(pace.part(start + milliseconds(10), shard_limit).records, 250U);
}

TEST(Pace, ALimitThatIsUnlimitedDoesNotCount) {
  Pace pace;
  make_steady(pace, start);
  const RateLimit records_only{.records = 1'000};
  pace.admitted(start, records_only, 1, std::uint64_t{1} << 40);
  EXPECT_FALSE(pace.is_closed(start));
  EXPECT_EQ(pace.part(start, records_only).bytes, unlimited);
}

TEST(Pace, WhatDidNotFitClosesIt) {
  Pace pace;
  make_steady(pace, start);
  pace.admitted(start, shard_limit, 200, 200'000);
  ASSERT_FALSE(pace.is_closed(start));
  pace.refused(start);
  EXPECT_TRUE(pace.is_closed(start)) << "or what time makes would be taken each time somebody asks";
  EXPECT_EQ(pace.opens(), start + milliseconds(200));
  EXPECT_EQ(pace.part(start + milliseconds(200), shard_limit).records, 250U);
}

struct Flood {
  std::uint64_t records_max;
  std::uint64_t record_bytes;
  std::uint64_t pause_ms;
  std::uint64_t times;  // so often the limit is asked for

  [[nodiscard]] RateLimit limit() const { return {.records = records_max, .bytes = 1 << 20}; }
  [[nodiscard]] std::uint64_t per_second() const { return std::min(records_max, limit().bytes / record_bytes); }
};

using Admitted = std::vector<std::pair<MonotonicTime, std::uint64_t>>;

// Twenty seconds of it.
Admitted admitted_of(const Flood& flood) {
  const std::uint64_t asked = (flood.per_second() * flood.times * flood.pause_ms + 999) / 1'000;
  Pace pace;
  make_steady(pace, start);
  Admitted admitted;
  for (MonotonicTime now = start; now < start + seconds(20); now += milliseconds(flood.pause_ms)) {
    EXPECT_TRUE(pace.is_on(now));
    const Pace::Part part = pace.part(now, flood.limit());
    const std::uint64_t fits = std::max<std::uint64_t>(part.bytes / flood.record_bytes, 1);
    const std::uint64_t records = std::min({asked, part.records, fits});
    if (records != 0) {
      pace.admitted(now, flood.limit(), records, records * flood.record_bytes);
      admitted.emplace_back(now, records);
    }
    if (records < asked) pace.refused(now);
  }
  return admitted;
}

std::uint64_t most_in_a_part_length(const Admitted& admitted) {
  std::uint64_t most = 0;
  for (auto from = admitted.begin(); from != admitted.end(); ++from) {
    std::uint64_t sum = 0;
    for (auto i = from; i != admitted.end() && i->first < from->first + Pace::part_length; ++i) sum += i->second;
    most = std::max(most, sum);
  }
  return most;
}

// A part, what time made until it was first asked for, what it makes meanwhile; a record beyond, and two of rounding.
std::uint64_t part_max(const Flood& flood) { return flood.per_second() * (500 + flood.pause_ms) / 1'000 + 3; }

// Whoever asks for three to twenty times the limit all the time is given the limit; and never more within a part's time
// than the part, what time has made, and a record.
RC_GTEST_PROP(Pace, TakesNothingFromWhoAsksAllTheTime, ()) {
  const Flood flood{.records_max = *rc::gen::inRange<std::uint64_t>(100, 2'000),
                    .record_bytes = *rc::gen::inRange<std::uint64_t>(1, 50'000),
                    .pause_ms = *rc::gen::inRange<std::uint64_t>(1, 20),
                    .times = *rc::gen::inRange<std::uint64_t>(3, 20)};
  const Admitted admitted = admitted_of(flood);
  std::uint64_t total = 0;
  for (const auto& [at, records] : admitted) total += records;
  RC_ASSERT(total * 10 >= 9 * 20 * flood.per_second());
  RC_ASSERT(most_in_a_part_length(admitted) <= part_max(flood));
}

TEST(Pace, FloodsThatOnceFailedPass) {
  const Flood flood{.records_max = 836, .record_bytes = 1'255, .pause_ms = 8, .times = 3};
  const Admitted admitted = admitted_of(flood);
  EXPECT_LE(most_in_a_part_length(admitted), part_max(flood));
  // Each part is paid for after three eighths of a second and given in an eighth: a third of the time it is open.
  EXPECT_LE(admitted.size(), 20'000 / flood.pause_ms / 2)
      << "of a part that is not closed something is given each time";
}

}  // namespace
}  // namespace weir::model
