// What a lane promises to those who read: positions, lag, ends, retention; and the closing of shards.
#include <deque>
#include <set>

#include "env/sim/sim_disk.h"
#include "gtest/gtest.h"
#include "model/sequence_number.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

using test::for_each_seed;
using test::run_simulation;

env::Task<RecordIndex> locate(TestLane& lane, StartFrom from, WallTime time = {}) {
  const LocateReply reply = co_await lane->locate(first_shard, from, time);
  WEIR_ASSERT(reply.refusal == Refusal::none);
  co_return reply.position;
}

env::Task<std::vector<std::string>> data_from(TestLane& lane, RecordIndex from) {
  co_return data_of(co_await read_all(*lane, first_shard, from));
}

TEST(LaneRead, IteratorsStartWhereTheirTypeSays) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    for (const StartFrom from : {StartFrom::trim_horizon, StartFrom::latest, StartFrom::timestamp}) {
      EXPECT_EQ((co_await data_from(*lane, co_await locate(*lane, from))).size(), 0U);
    }
    const RecordIndex of_empty_shard = co_await locate(*lane, StartFrom::latest);
    const WallTime before_all = core.wall_now();
    std::vector<AppendReply> replies;
    for (const char* const text : {"1", "2", "3"}) {
      replies.push_back(co_await put(*lane, first_shard, text));
      co_await core.sleep_for(seconds(1));
    }
    using Data = std::vector<std::string>;
    EXPECT_EQ(co_await data_from(*lane, of_empty_shard), (Data{"1", "2", "3"}));
    EXPECT_EQ(co_await data_from(*lane, co_await locate(*lane, StartFrom::trim_horizon)), (Data{"1", "2", "3"}));
    EXPECT_EQ(co_await data_from(*lane, co_await locate(*lane, StartFrom::timestamp, before_all)),
              (Data{"1", "2", "3"}));
    EXPECT_EQ(co_await data_from(*lane, co_await locate(*lane, StartFrom::timestamp, replies[1].arrival)),
              (Data{"2", "3"}));
    EXPECT_EQ(
        co_await data_from(*lane, co_await locate(*lane, StartFrom::timestamp, replies[1].arrival + milliseconds(1))),
        (Data{"3"}));
    const RecordIndex after_all = co_await locate(*lane, StartFrom::timestamp, core.wall_now());
    const RecordIndex latest = co_await locate(*lane, StartFrom::latest);
    EXPECT_EQ(co_await data_from(*lane, latest), Data{});
    static_cast<void>(co_await put(*lane, first_shard, "4"));
    EXPECT_EQ(co_await data_from(*lane, after_all), (Data{"4"}));
    EXPECT_EQ(co_await data_from(*lane, latest), (Data{"4"}));
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, LatestIncludesWhatIsAcknowledgedAfterItWasMade) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    static_cast<void>(co_await put(*lane, first_shard, "before"));
    env::TaskGroup puts(core);
    std::optional<AppendReply> reply;
    lane->gate().hold();
    puts.spawn(put_into(*lane, first_shard, "on its way", reply));
    co_await wait_until(core, [&] { return lane->gate().commits_in_flight() == 1; });
    const RecordIndex latest = co_await locate(*lane, StartFrom::latest);
    lane->gate().release();
    co_await puts.wait();
    EXPECT_EQ(co_await data_from(*lane, latest), std::vector<std::string>{"on its way"});
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, TheLagIsTheAgeOfTheLastRecordReturnedAndZeroAtTheTip) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    const auto read_one = [&lane](RecordIndex from) {
      return (*lane)->read({.shard = first_shard, .from = from, .records_max = 1, .bytes_max = 100});
    };
    EXPECT_EQ((co_await read_one({})).behind_ms, 0);
    const AppendReply first = co_await put(*lane, first_shard, "1");
    co_await core.sleep_for(seconds(7));
    static_cast<void>(co_await put(*lane, first_shard, "2"));
    co_await core.sleep_for(seconds(3));
    const ReadReply behind = co_await read_one({});
    EXPECT_EQ(behind.behind_ms, unix_milliseconds(core.wall_now()) - unix_milliseconds(first.arrival));
    const ReadReply tip = co_await read_one(behind.result.next);
    EXPECT_EQ(tip.result.record_count, 1U);
    EXPECT_TRUE(tip.result.reached_end);
    EXPECT_EQ(tip.behind_ms, 0);
    EXPECT_EQ((co_await read_one(tip.result.next)).behind_ms, 0);
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, WhatTheLaneDoesNotHaveIsNotMine) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    static_cast<void>(co_await put(*lane, first_shard, "x"));
    const ShardKey unknown{StreamId{1}, ShardIndex{7}};
    EXPECT_EQ((co_await put(*lane, unknown, "x")).refusal, Refusal::not_mine);
    EXPECT_EQ((co_await (*lane)->read({.shard = unknown, .records_max = 1, .bytes_max = 1})).refusal,
              Refusal::not_mine);
    EXPECT_EQ((co_await (*lane)->locate(unknown, StartFrom::latest, {})).refusal, Refusal::not_mine);
    EXPECT_EQ((co_await (*lane)->close_shard(unknown, {})).error().code, ErrorCode::not_found);
    (*lane)->apply(*sketch_map(2, {}));  // the stream was deleted
    EXPECT_EQ((co_await put(*lane, first_shard, "x")).refusal, Refusal::not_mine);
    EXPECT_EQ(lane->metrics().lanes[0].shards.value(), 0);
    (*lane)->apply(*sketch_map(1, {StreamSketch{}}));  // an old map comes late
    EXPECT_EQ((co_await put(*lane, first_shard, "x")).refusal, Refusal::not_mine);
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, AShardTakesNothingOnceItsCloseReturnedAndEverythingTakenIsBefore) {
  for_each_seed(1, 30, [](std::uint64_t seed) {
    run_simulation(seed, [](env::Core& core) -> env::Task<void> {
      const auto lane = co_await open_lane(core, lane_options(1));
      env::TaskGroup puts(core);
      std::deque<std::optional<AppendReply>> replies(20);
      for (auto& reply : replies) {
        puts.spawn(put_into(*lane, first_shard, "x", reply));
        if (core.random_u64() % 3 == 0) co_await core.sleep_for(microseconds(200));
      }
      const WallTime closed = must(co_await (*lane)->close_shard(first_shard, {})).time;
      const auto seen = co_await read_all(**lane, first_shard);
      EXPECT_EQ((co_await put(*lane, first_shard, "late")).refusal, Refusal::shard_closed);
      EXPECT_EQ((co_await put(*lane, second_shard, "elsewhere")).refusal, Refusal::none);
      co_await puts.wait();
      std::size_t taken = 0;
      for (const auto& reply : replies) {
        if (reply->refusal != Refusal::none) continue;
        ++taken;
        EXPECT_LE(reply->arrival, closed);
      }
      EXPECT_EQ(seen.size(), taken);  // all of it was durable when the close returned
      EXPECT_EQ(co_await read_all(**lane, first_shard), seen);
      co_await core.sleep_for(seconds(1));
      EXPECT_EQ(must(co_await (*lane)->close_shard(first_shard, {})).time, closed);
      co_await (*lane)->stop();
    });
  });
}

// Requests overtake one another: on their way, and when one is given up and made again.
TEST(LaneRead, AnOrderThatComesBehindALaterOneIsNotFollowed) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    const auto close = [&lane](std::uint64_t term, std::uint64_t number) {
      return (*lane)->close_shard(first_shard, {term, number});
    };
    EXPECT_EQ(must(co_await close(2, 5)).epoch, Epoch{1});
    (*lane)->reopen_shard(first_shard, {2, 4});
    (*lane)->reopen_shard(first_shard, {1, 9});
    EXPECT_EQ((co_await put(*lane, first_shard, "late")).refusal, Refusal::shard_closed);
    (*lane)->reopen_shard(first_shard, {2, 6});
    EXPECT_EQ((co_await put(*lane, first_shard, "1")).refusal, Refusal::none);
    EXPECT_EQ((co_await close(2, 5)).error().code, ErrorCode::conflict);
    EXPECT_EQ((co_await close(1, 7)).error().code, ErrorCode::conflict);
    EXPECT_EQ((co_await put(*lane, first_shard, "2")).refusal, Refusal::none);
    must(co_await close(3, 1));

    // Reopened while the close waits for what was taken before: it has not closed anything.
    (*lane)->reopen_shard(first_shard, {3, 2});
    lane->gate().hold();
    std::optional<AppendReply> reply;
    env::TaskGroup tasks(core);
    tasks.spawn(put_into(*lane, first_shard, "3", reply));
    co_await core.sleep_for(milliseconds(1));
    std::optional<ErrorCode> ended;
    tasks.spawn([](TestLane& at, std::optional<ErrorCode>& with) -> env::Task<void> {
      with = (co_await at->close_shard(first_shard, {3, 3})).error().code;
    }(*lane, ended));
    co_await core.sleep_for(milliseconds(1));
    (*lane)->reopen_shard(first_shard, {3, 4});
    lane->gate().release();
    co_await tasks.wait();
    EXPECT_EQ(ended, ErrorCode::conflict);
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, ACloseCanBeUndoneUntilTheMapSaysClosed) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    const auto read = [&lane] { return (*lane)->read({.shard = first_shard, .records_max = 10, .bytes_max = 1'000}); };
    static_cast<void>(co_await put(*lane, first_shard, "1"));
    static_cast<void>(must(co_await (*lane)->close_shard(first_shard, {})).time);
    EXPECT_FALSE((co_await read()).shard_ended);
    (*lane)->apply(*sketch_map(2, {StreamSketch{.retention_hours = 48}}));  // a map about something else
    EXPECT_EQ((co_await put(*lane, first_shard, "late")).refusal, Refusal::shard_closed);
    (*lane)->reopen_shard(first_shard, {});
    EXPECT_EQ((co_await put(*lane, first_shard, "2")).refusal, Refusal::none);

    const WallTime closed = must(co_await (*lane)->close_shard(first_shard, {})).time;
    (*lane)->apply(*sketch_map(3, {StreamSketch{.closed = {{ShardIndex{0}, closed}}}}));
    (*lane)->reopen_shard(first_shard, {});
    EXPECT_EQ((co_await put(*lane, first_shard, "late")).refusal, Refusal::shard_closed);
    EXPECT_EQ(must(co_await (*lane)->close_shard(first_shard, {})).time, closed);
    const ReadReply ended = co_await read();
    EXPECT_EQ(ended.result.record_count, 2U);
    EXPECT_TRUE(ended.shard_ended);
    const ReadReply part = co_await (*lane)->read({.shard = first_shard, .records_max = 1, .bytes_max = 1'000});
    EXPECT_FALSE(part.shard_ended);
    co_await (*lane)->stop();
  });
}

env::Task<void> fill(TestLane& lane, int records) {
  for (int i = 0; i < records; ++i) {
    const AppendReply reply = co_await put(lane, first_shard, std::string(100'000, 'x'));
    WEIR_ASSERT(reply.refusal == Refusal::none);
  }
}

TEST(LaneRead, WhatIsPastItsRetentionIsHiddenBeforeItIsTrimmed) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    LaneOptions options = lane_options(1);
    options.trim_interval = hours(1'000);
    const auto lane = co_await open_lane(core, options);
    co_await fill(*lane, 3);
    co_await core.sleep_for(hours(23));
    static_cast<void>(co_await put(*lane, first_shard, "newer"));
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), 4U);
    co_await core.sleep_for(milliseconds(61 * 60'000));
    EXPECT_EQ(data_of(co_await read_all(**lane, first_shard)), std::vector<std::string>{"newer"});
    const RecordIndex oldest = co_await locate(*lane, StartFrom::trim_horizon);
    EXPECT_EQ(data_of(co_await read_all(**lane, first_shard, oldest)), std::vector<std::string>{"newer"});
    co_await core.sleep_for(hours(24));
    const ReadReply empty = co_await (*lane)->read({.shard = first_shard, .records_max = 10, .bytes_max = 100});
    EXPECT_EQ(empty.result.record_count, 0U);
    EXPECT_TRUE(empty.result.reached_end);
    EXPECT_EQ(empty.behind_ms, 0);
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, WhatIsPastItsRetentionGivesItsSpaceBack) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto lane = co_await open_lane(core, lane_options(1));
    co_await fill(*lane, 50);
    co_await core.sleep_for(hours(23));
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), 50U);
    const std::uint64_t stored_before = lane->gate().statistics().stored_bytes;
    co_await fill(*lane, 5);
    co_await core.sleep_for(milliseconds(61 * 60'000));
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), 5U);
    co_await core.sleep_for(milliseconds(5 * 60'000));
    EXPECT_LT(lane->gate().statistics().stored_bytes, stored_before / 2);
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), 5U);
    EXPECT_EQ(co_await read_all(**lane, first_shard, co_await locate(*lane, StartFrom::trim_horizon)),
              co_await read_all(**lane, first_shard));

    // A longer retention keeps what is still there.
    (*lane)->apply(*sketch_map(2, {StreamSketch{.retention_hours = 48}}));
    co_await core.sleep_for(hours(30));
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), 5U);
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, ADeletedStreamGivesItsSpaceBackButNothingGoesBeforeTheFirstMap) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    auto lane = co_await open_lane(core, lane_options(1));
    co_await fill(*lane, 50);
    co_await (*lane)->stop();

    lane = co_await open_lane_without_map(core, lane_options(2));
    EXPECT_EQ((co_await (*lane)->trim()).error().code, ErrorCode::unavailable);
    co_await core.sleep_for(hours(1));
    (*lane)->apply(*sketch_map(1, {StreamSketch{}}));
    EXPECT_EQ((co_await read_all(**lane, first_shard)).size(), 50U);
    (*lane)->apply(*sketch_map(2, {}));
    EXPECT_GT(must(co_await (*lane)->trim()).bytes_reclaimed, 4'000'000U);
    co_await (*lane)->stop();
  });
}

TEST(LaneRead, NumbersRiseAcrossRestartsEvenIfNothingIsLeft) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    std::uint64_t last = 0;
    for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
      const auto lane = co_await open_lane(core, lane_options(epoch));
      const AppendReply reply = co_await append(*lane, make_fragment(first_shard, "x", 500));
      EXPECT_GT(reply.first_index.value, last);
      EXPECT_LT(reply.first_index, model::ending_record_index);
      last = reply.first_index.value + 499;
      co_await core.sleep_for(hours(25));
      EXPECT_TRUE((*lane).gate().bounds(first_shard) == std::nullopt);
      EXPECT_GT((co_await put(*lane, first_shard, "y")).first_index.value, last);
      co_await core.sleep_for(hours(25));
      co_await (*lane)->stop();
    }
  });
}

}  // namespace
}  // namespace weir::cell
