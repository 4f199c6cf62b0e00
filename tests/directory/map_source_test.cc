#include "directory/map/map_source.h"

#include <gtest/gtest.h>

#include <deque>

#include "directory/map/map_codec.h"
#include "env/task_group.h"
#include "tests/directory/map_support.h"
#include "tests/support/must.h"
#include "tests/support/simulation_test.h"

namespace weir::directory {
namespace {

using weir::test::must;

struct SourceWorld {
  SourceWorld(env::Core& on, const MapSourceOptions& options) : core(on), source(on, options, metrics), polls(on) {}

  // Polls, and counts the answer.
  env::Task<FollowAnswer> ask(FollowRequest request) {
    const std::string body = encode(request);
    const net::HttpResponse response = co_await source.follow(core, as_bytes(body));
    last_status = response.status;
    if (response.status != 200) co_return FollowAnswer{};
    co_return must(decode_follow_answer(response.body));
  }
  // The same in the background; the answer goes to `answers`.
  void ask_later(FollowRequest request) { polls.spawn(keep_answer(std::move(request))); }
  env::Task<void> keep_answer(FollowRequest request) {
    FollowAnswer answer = co_await ask(std::move(request));
    answers.push_back(std::move(answer));
  }

  env::Core& core;
  MetricsRegistry registry;
  MapMetrics metrics{registry};
  MapSource source;
  test::GrowingMap growing{1};
  env::TaskGroup polls;
  std::deque<FollowAnswer> answers;
  std::uint16_t last_status = 0;
};

void with_source(const MapSourceOptions& options, const std::function<env::Task<void>(SourceWorld&)>& body) {
  weir::test::run_simulation(1, [&](env::Core& core) -> env::Task<void> {
    SourceWorld world(core, options);
    co_await body(world);
    co_await world.source.stop();
    co_await world.polls.wait();
  });
}

FollowRequest front_end(const std::string& name, std::optional<MapId> held, const std::string& fleet = "default") {
  return {.name = name, .kind = FollowerKind::front_end, .slice = MapSlice::of_fleet(fleet), .held = held};
}

TEST(FollowCodec, RequestsComeBackAsTheyWereAndWhatIsNoRequestIsRefused) {
  const FollowRequest node{.name = "n",
                           .kind = FollowerKind::node,
                           .slice = MapSlice::of_cell(7),
                           .held = MapId{3, 9},
                           .wait = milliseconds(5),
                           .snapshot_only = true};
  EXPECT_EQ(must(decode_follow_request(encode(node))), node);
  const FollowRequest directory{.name = "d", .kind = FollowerKind::directory};
  EXPECT_EQ(must(decode_follow_request(encode(directory))), directory);
  EXPECT_EQ(must(decode_follow_request(encode(front_end("f", std::nullopt)))), front_end("f", std::nullopt));
  EXPECT_FALSE(decode_follow_request("").has_value());
  EXPECT_FALSE(decode_follow_request("\xff").has_value());
  FollowRequest far = node;
  far.slice.cell = cells_max;
  EXPECT_FALSE(decode_follow_request(encode(far)).has_value());
  far = node;
  far.wait = hours(1);
  EXPECT_EQ(must(decode_follow_request(encode(far))).wait, follow_wait_max);
}

TEST(MapSource, AnIdlePollIsAnsweredAfterItsTimeAndOneWithNewsAtOnce) {
  with_source({}, [](SourceWorld& world) -> env::Task<void> {
    MonotonicTime begin = world.core.now();
    const FollowAnswer none = co_await world.ask(front_end("a", std::nullopt));
    EXPECT_EQ(world.core.now() - begin, follow_wait_max);
    EXPECT_EQ(none.newest, std::nullopt);
    co_await world.source.apply(world.growing.grow(20));
    begin = world.core.now();
    const FollowAnswer first = co_await world.ask(front_end("a", std::nullopt));
    EXPECT_LE(world.core.now() - begin, milliseconds(5));
    EXPECT_TRUE(decode_map(first.snapshot, MapSlice::of_fleet("default")).has_value());
    begin = world.core.now();
    const FollowAnswer idle = co_await world.ask(front_end("a", first.newest));
    EXPECT_EQ(world.core.now() - begin, follow_wait_max);
    EXPECT_TRUE(idle.snapshot.empty() && idle.delta.empty());
    EXPECT_EQ(idle.newest, first.newest);
    // A follower that is ahead, of a later leader, learns that this source is behind.
    const FollowAnswer ahead = co_await world.ask(front_end("a", MapId{9, 1}));
    EXPECT_TRUE(ahead.snapshot.empty() && ahead.delta.empty());
  });
}

TEST(MapSource, OneChangeIsEncodedOnceForAThousandFollowers) {
  with_source({}, [](SourceWorld& world) -> env::Task<void> {
    co_await world.source.apply(world.growing.grow(20));
    const MapId held = world.growing.map()->id();
    for (int i = 0; i < 1'000; ++i) world.ask_later(front_end("f" + std::to_string(i), held));
    for (int i = 0; i < 10; ++i) world.ask_later(front_end("g" + std::to_string(i), std::nullopt));
    co_await world.core.sleep_for(seconds(1));
    EXPECT_EQ(world.answers.size(), 10U);
    co_await world.source.apply(world.growing.grow(2));
    co_await world.polls.wait();
    EXPECT_EQ(world.answers.size(), 1'010U);
    EXPECT_EQ(world.metrics.deltas_made.value(), 1U);
    EXPECT_EQ(world.metrics.snapshots_made.value(), 1U);
    EXPECT_EQ(world.metrics.answers_delta.value(), 1'000U);
    EXPECT_EQ(world.source.followers().size(), 1'010U);
  });
}

TEST(MapSource, MapsThatComeFastAreServedTogether) {
  with_source({.publish_interval = milliseconds(20)}, [](SourceWorld& world) -> env::Task<void> {
    co_await world.source.apply(world.growing.grow(5));
    MapId held = world.growing.map()->id();
    for (int i = 0; i < 100; ++i) {
      co_await world.source.apply(world.growing.grow(1));
      co_await world.core.sleep_for(milliseconds(1));
    }
    std::size_t answers = 0;
    while (held != world.growing.map()->id()) {
      const FollowAnswer answer = co_await world.ask(front_end("a", held));
      held = *answer.newest;
      ++answers;
    }
    EXPECT_LE(answers, 2U);
    EXPECT_LE(world.metrics.deltas_made.value(), 2U);
  });
}

TEST(MapSource, AMapThatIsNotNewerIsIgnored) {
  with_source({}, [](SourceWorld& world) -> env::Task<void> {
    const ShardMapPointer old = world.growing.grow(5);
    const ShardMapPointer newer = world.growing.grow(5);
    co_await world.source.apply(newer);
    co_await world.core.sleep_for(seconds(1));
    co_await world.source.apply(old);
    co_await world.core.sleep_for(seconds(1));
    EXPECT_EQ(world.source.newest(), newer);
  });
}

TEST(MapSource, RefusesWhatItCannotServe) {
  with_source({.polls_max = 3}, [](SourceWorld& world) -> env::Task<void> {
    EXPECT_EQ((co_await world.source.follow(world.core, as_bytes("\xff"))).status, 400);
    const std::string long_body(follow_request_bytes_max + 1, 'x');
    EXPECT_EQ((co_await world.source.follow(world.core, as_bytes(long_body))).status, 400);
    co_await world.source.apply(world.growing.grow(5));
    static_cast<void>(co_await world.ask(front_end("a", std::nullopt, "no such fleet")));
    EXPECT_EQ(world.last_status, 404);
    for (int i = 0; i < 3; ++i) world.ask_later(front_end("a", world.growing.map()->id()));
    static_cast<void>(co_await world.ask(front_end("b", std::nullopt)));
    EXPECT_EQ(world.last_status, 503);
    co_await world.source.stop();  // ends the three
    co_await world.polls.wait();
    EXPECT_EQ(world.answers.size(), 3U);
    EXPECT_EQ(world.last_status, 503);
    static_cast<void>(co_await world.ask(front_end("b", std::nullopt)));
    EXPECT_EQ(world.last_status, 503);
  });
}

TEST(MapSource, SnapshotsLeaveAtALimitedRate) {
  with_source({.snapshot_bytes_per_second = 50'000}, [](SourceWorld& world) -> env::Task<void> {
    co_await world.source.apply(world.growing.grow(100));
    const auto size = encode_map(*world.growing.map(), MapSlice::of_fleet("default"))->size();
    const MonotonicTime begin = world.core.now();
    for (int i = 0; i < 100; ++i) world.ask_later(front_end("f" + std::to_string(i), std::nullopt));
    co_await world.polls.wait();
    const double sent = static_cast<double>(world.metrics.answers_snapshot.value() * size);
    const double passed = std::chrono::duration<double>(world.core.now() - begin).count();
    EXPECT_LE(sent, 50'000 * (passed + 1) + static_cast<double>(size));
    EXPECT_GT(world.metrics.answers_snapshot.value(), 5U);
    EXPECT_LE(passed, 11.0);  // the rest are told to come again
  });
}

TEST(MapSource, ADirectoryOutOfTouchWithTheLeaderSaysSoAndKeepsPollsShort) {
  with_source({}, [](SourceWorld& world) -> env::Task<void> {
    world.source.set_age([] { return seconds(60); });
    co_await world.source.apply(world.growing.grow(5));
    const MonotonicTime begin = world.core.now();
    const FollowAnswer answer = co_await world.ask(front_end("a", world.growing.map()->id()));
    EXPECT_EQ(answer.age, seconds(60));
    EXPECT_LE(world.core.now() - begin, seconds(1));
  });
}

TEST(MapSource, FollowersAreForgottenAndTheirListIsBounded) {
  with_source({.followers_max = 5, .follower_forgotten_after = seconds(60)}, [](SourceWorld& world) -> env::Task<void> {
    co_await world.source.apply(world.growing.grow(5));
    for (int i = 0; i < 9; ++i) {
      static_cast<void>(co_await world.ask(front_end("f" + std::to_string(i), std::nullopt)));
      EXPECT_EQ(world.last_status, 200);
    }
    EXPECT_EQ(world.source.followers().size(), 5U);
    EXPECT_EQ(world.source.followers()[0].name, "f0");
    co_await world.core.sleep_for(seconds(61));
    EXPECT_TRUE(world.source.followers().empty());
    static_cast<void>(co_await world.ask(front_end("new", std::nullopt)));
    EXPECT_EQ(world.source.followers().size(), 1U);
  });
}

}  // namespace
}  // namespace weir::directory
