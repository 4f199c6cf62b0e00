// The per-second limits of a shard (design, invariant 6).
#include <deque>

#include "env/sim/seeded_random.h"
#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

using test::for_each_seed;
using test::run_simulation;

constexpr std::uint64_t records_per_second = 1'000;
constexpr std::uint64_t bytes_per_second = mebibyte;

struct Admitted {
  MonotonicTime at;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

// The most that `admitted` (in order of time) adds up to over any second, in each of the two.
Admitted busiest_second(const std::vector<Admitted>& admitted) {
  Admitted most;
  for (std::size_t from = 0; from < admitted.size(); ++from) {
    Admitted sum;
    for (std::size_t i = from; i < admitted.size() && admitted[i].at < admitted[from].at + seconds(1); ++i) {
      sum.records += admitted[i].records;
      sum.bytes += admitted[i].bytes;
    }
    most.records = std::max(most.records, sum.records);
    most.bytes = std::max(most.bytes, sum.bytes);
  }
  return most;
}

TEST(LaneLimits, AnySecondOfWritesStaysWithinTheLimit) {
  for_each_seed(1, 40, [](std::uint64_t seed) {
    run_simulation(seed, [seed](env::Core& core) -> env::Task<void> {
      const auto lane = co_await open_lane(core, lane_options(1, true));
      env::SeededRandom random(seed);
      std::vector<Admitted> admitted;
      std::uint64_t throttled = 0;
      for (int i = 0; i < 400; ++i) {
        const auto count = static_cast<std::uint32_t>(1 + random.below(random.below(4) == 0 ? 500 : 10));
        const std::uint64_t each = 2 + random.below(random.below(4) == 0 ? 20'000 : 200);
        const MonotonicTime at = core.now();  // of admission: the lane is on this core
        const AppendReply reply = co_await append(*lane, make_fragment(first_shard, "x", count, each));
        EXPECT_LE(reply.accepted, count);
        EXPECT_EQ(reply.accepted == 0, reply.refusal != Refusal::none);
        EXPECT_TRUE(reply.refusal == Refusal::none || reply.refusal == Refusal::throttled) << reply.reason;
        if (reply.accepted > 0) admitted.push_back({at, reply.accepted, reply.accepted * each});
        throttled += count - reply.accepted;
        if (random.below(3) == 0) co_await core.sleep_for(milliseconds(static_cast<std::int64_t>(random.below(400))));
      }
      const Admitted most = busiest_second(admitted);
      EXPECT_LE(most.records, records_per_second);
      EXPECT_LE(most.bytes, bytes_per_second);
      EXPECT_GT(throttled, 0U);
      co_await (*lane)->stop();
    });
  });
}

// Reads to the tip, waiting for as long as the shard's rate asks for.
env::Task<std::vector<SeenRecord>> read_all_slowly(TestLane& lane, ShardKey shard) {
  std::vector<SeenRecord> seen;
  RecordIndex from;
  for (;;) {
    const ReadReply reply =
        co_await lane->read({.shard = shard, .from = from, .records_max = 10'000, .bytes_max = 10 * mebibyte});
    if (reply.refusal == Refusal::throttled) {
      co_await lane.core().sleep_for(milliseconds(200));
      continue;
    }
    WEIR_ASSERT(reply.refusal == Refusal::none);
    add_records_of(reply.result, seen);
    if (reply.result.reached_end) co_return seen;
    from = reply.result.next;
  }
}

TEST(LaneLimits, TheFrontOfACallThatDoesNotFitIsTaken) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "a", 300))).accepted, 300U);
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "b", 500))).accepted, 500U);
    const AppendReply part = co_await append(*lane, make_fragment(first_shard, "c", 500));
    EXPECT_EQ(part.refusal, Refusal::none);
    EXPECT_EQ(part.accepted, 200U);
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "d"))).refusal, Refusal::throttled);
    EXPECT_EQ((co_await append(*lane, make_fragment(second_shard, "e"))).refusal, Refusal::none);
    EXPECT_EQ((co_await read_all_slowly(*lane, first_shard)).size(), 1'000U);
    co_await core.sleep_for(seconds(1));

    // By bytes: three records of 400,000 bytes go into a mebibyte twice.
    const AppendReply large = co_await append(*lane, make_fragment(first_shard, "f", 3, 400'000));
    EXPECT_EQ(large.accepted, 2U);
    const auto seen = co_await read_all_slowly(*lane, first_shard);
    EXPECT_EQ(seen.size(), 1'002U);
    EXPECT_EQ(seen.back().index, large.first_index.value + 1);
    EXPECT_EQ(lane->metrics().append_throttled.value(), 3U);
    co_await (*lane)->stop();
  });
}

TEST(LaneLimits, ARecordLargerThanTheLimitIsTakenAloneAndPaidForAfterwards) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "a"))).accepted, 1U);
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "b", 1, 10 * mebibyte))).refusal, Refusal::throttled);
    co_await core.sleep_for(seconds(1));
    // Of several such records only the first is taken.
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "c", 3, 3 * mebibyte))).accepted, 1U);
    for (int i = 0; i < 29; ++i) {
      EXPECT_EQ((co_await put(*lane, first_shard, "d")).refusal, Refusal::throttled);
      co_await core.sleep_for(milliseconds(100));
    }
    co_await core.sleep_for(milliseconds(200));
    EXPECT_EQ((co_await put(*lane, first_shard, "e")).refusal, Refusal::none);
    co_await (*lane)->stop();
  });
}

journal::ReadRequest read_from(RecordIndex from) {
  return {.shard = first_shard, .from = from, .records_max = 10'000, .bytes_max = 10 * mebibyte};
}

TEST(LaneLimits, FiveReadsASecondAreAnsweredAndAThrottledOneBringsNothing) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    EXPECT_EQ((co_await put(*lane, first_shard, "x")).refusal, Refusal::none);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 5; ++i) {
        const ReadReply reply = co_await (*lane)->read(read_from({}));
        EXPECT_EQ(reply.refusal, Refusal::none);
        EXPECT_EQ(reply.result.record_count, 1U);
      }
      const ReadReply sixth = co_await (*lane)->read(read_from({}));
      EXPECT_EQ(sixth.refusal, Refusal::throttled);
      EXPECT_TRUE(sixth.result.slices.empty());
      journal::ReadRequest of_other = read_from({});
      of_other.shard = second_shard;
      EXPECT_EQ((co_await (*lane)->read(of_other)).refusal, Refusal::none);
      co_await core.sleep_for(milliseconds(1'001));
    }
    EXPECT_EQ(lane->metrics().reads_throttled.value(), 3U);
    co_await (*lane)->stop();
  });
}

env::Task<void> fill(TestLane& lane, std::uint64_t mebibytes) {
  for (std::uint64_t i = 0; i < mebibytes; ++i) {
    while ((co_await append(lane, make_fragment(first_shard, "x", 1, mebibyte))).refusal != Refusal::none) {
      co_await lane.core().sleep_for(milliseconds(100));
    }
  }
}

TEST(LaneLimits, AnAnswerOfTenMebibytesBlocksTheNextOnesForFiveSeconds) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    co_await fill(*lane, 12);
    ReadReply reply = co_await (*lane)->read(read_from({}));
    EXPECT_EQ(reply.refusal, Refusal::none);
    EXPECT_EQ(reply.result.payload_bytes, 10 * mebibyte);
    const MonotonicTime answered = core.now();
    std::uint64_t throttled = 0;
    const RecordIndex next = reply.result.next;
    for (;; ++throttled) {
      reply = co_await (*lane)->read(read_from(next));
      if (reply.refusal != Refusal::throttled) break;
      EXPECT_TRUE(reply.result.slices.empty());
      co_await core.sleep_for(milliseconds(100));
    }
    EXPECT_EQ(reply.result.payload_bytes, 2 * mebibyte);
    EXPECT_GE(core.now() - answered, milliseconds(4'900));
    EXPECT_LE(core.now() - answered, milliseconds(5'300));
    EXPECT_GT(throttled, 40U);
    co_await (*lane)->stop();
  });
}

env::Task<void> read_once(TestLane& lane, std::uint64_t& bytes, std::uint64_t& throttled) {
  const ReadReply reply = co_await lane->read(read_from({}));
  throttled += reply.refusal == Refusal::throttled ? 1 : 0;
  bytes += reply.result.payload_bytes;
}

// Reads at the same time must not all see the room that there is for one.
TEST(LaneLimits, ReadsAtTheSameTimeShareTheLimit) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    co_await fill(*lane, 3);
    env::TaskGroup readers(core);
    std::uint64_t bytes = 0;
    std::uint64_t throttled = 0;
    for (int i = 0; i < 5; ++i) readers.spawn(read_once(*lane, bytes, throttled));
    co_await readers.wait();
    EXPECT_EQ(bytes, 3 * mebibyte);
    EXPECT_EQ(throttled, 4U);
    co_await (*lane)->stop();
  });
}

TEST(LaneLimits, FiveIteratorsASecondAreLocated) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ((co_await (*lane)->locate(first_shard, StartFrom::sequence_number, {})).refusal, Refusal::none);
    }
    EXPECT_EQ((co_await (*lane)->locate(first_shard, StartFrom::latest, {})).refusal, Refusal::throttled);
    EXPECT_EQ((co_await (*lane)->locate(second_shard, StartFrom::latest, {})).refusal, Refusal::none);
    co_await core.sleep_for(seconds(1));
    EXPECT_EQ((co_await (*lane)->locate(first_shard, StartFrom::latest, {})).refusal, Refusal::none);
    co_await (*lane)->stop();
  });
}

TEST(LaneLimits, NothingIsThrottledWhenRatesAreNotEnforced) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, false));
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "x", 500, 1'000))).accepted, 500U);
      EXPECT_EQ((co_await (*lane)->read(read_from({}))).refusal, Refusal::none);
      EXPECT_EQ((co_await (*lane)->locate(first_shard, StartFrom::latest, {})).refusal, Refusal::none);
    }
    co_await (*lane)->stop();
  });
}

// Sends `per_second` requests of `records` small records each for ten seconds; what was admitted when.
env::Task<std::vector<Admitted>> flood(env::Core& core, TestLane& lane, int per_second, std::uint32_t records) {
  std::vector<Admitted> admitted;
  for (int i = 0; i < 10 * per_second; ++i) {
    const MonotonicTime at = core.now();
    const AppendReply reply = co_await append(lane, make_fragment(first_shard, "x", records, 20));
    if (reply.accepted != 0) admitted.push_back({at, reply.accepted, 0});
    co_await core.sleep_until(at + milliseconds(1'000) / per_second);
  }
  co_return admitted;
}

TEST(LaneLimits, AShardThatIsFloodedIsGivenItsLimitInEvenParts) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    const MonotonicTime began = core.now();
    const std::vector<Admitted> admitted = co_await flood(core, *lane, 100, 100);
    std::vector<std::uint64_t> eighths(200);
    std::uint64_t all = 0;
    for (const Admitted& each : admitted) {
      eighths.at(static_cast<std::size_t>((each.at - began) / milliseconds(125))) += each.records;
      all += each.records;
    }
    EXPECT_GE(all, 9'500U);
    EXPECT_LE(busiest_second(admitted).records, records_per_second);
    EXPECT_EQ(eighths[0], 1'000U) << "nobody knows yet that it is a flood";
    // A quarter of the limit, and what an eighth of a second makes, and what was made until it was asked for.
    for (std::size_t i = 8; i < eighths.size(); ++i) EXPECT_LE(eighths[i], 250U + 125U + 10U) << i;
    co_await (*lane)->stop();
  });
}

TEST(LaneLimits, ABurstOnceInASecondIsGivenTheWholeLimit) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    for (int second = 0; second < 10; ++second) {
      const MonotonicTime at = core.now();
      std::uint64_t accepted = 0;
      for (int i = 0; i < 20; ++i)
        accepted += (co_await append(*lane, make_fragment(first_shard, "x", 100, 20))).accepted;
      EXPECT_EQ(accepted, records_per_second) << second;
      co_await core.sleep_until(at + milliseconds(1'200));
    }
    co_await (*lane)->stop();
  });
}

TEST(LaneLimits, WhatCallersKeptBackCountsAsAskedFor) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "x", 1'000, 20))).accepted, 1'000U);
    co_await core.sleep_for(milliseconds(1'001));
    std::vector<AppendRequest> requests = one_request(make_fragment(first_shard, "x", 1'000, 20));
    requests.front().kept_back = 0xff;
    const auto replies = co_await (*lane)->append(core, std::move(requests));
    EXPECT_EQ(replies.front().accepted, 250U);
    EXPECT_GE(replies.front().throttle.wait, milliseconds(240));
    EXPECT_TRUE(replies.front().throttle.later.back().any_first);
    co_await (*lane)->stop();
  });
}

TEST(LaneLimits, WhatWasReservedIsCountedThenAndNotAgain) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1, true));
    EXPECT_EQ((*lane)->reserve({.shard = first_shard, .record_bytes = std::vector<std::uint32_t>(400, 20)}).accepted,
              400U);
    EXPECT_EQ((*lane)->reserve({.shard = first_shard, .record_bytes = {900'000, 900'000}}).accepted, 1U);
    const ReserveReply none = (*lane)->reserve({.shard = first_shard, .record_bytes = {900'000}});
    EXPECT_EQ(none.refusal, Refusal::throttled);
    EXPECT_GT(none.throttle.wait, milliseconds(500));
    EXPECT_EQ((*lane)->reserve({.shard = second_shard, .record_bytes = {900'000}}).accepted, 1U);

    std::vector<AppendRequest> requests = one_request(make_fragment(first_shard, "x", 1, 900'000));
    requests.front().has_room = true;
    EXPECT_EQ((co_await (*lane)->append(core, std::move(requests))).front().accepted, 1U);
    EXPECT_EQ((co_await append(*lane, make_fragment(first_shard, "x", 1'000, 20))).accepted, 599U);
    co_await (*lane)->stop();
  });
}

}  // namespace
}  // namespace weir::cell
