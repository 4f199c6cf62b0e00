// What a front end does with what a lane throttled.
#include "tests/cell/scripted_nodes.h"

namespace weir::cell {
namespace {

using namespace scripted;

// Answers as a lane whose shard `throttled` is over its rate.
Response throttle(const Received& request, ShardKey throttled, Throttle told) {
  const auto call = decode_append_call(as_bytes(request.body));
  WEIR_ASSERT(call.has_value());
  std::vector<AppendReply> replies;
  for (const AppendRequest& append : call->requests) {
    if (append.fragment.shard() == throttled) {
      replies.push_back({.refusal = Refusal::throttled, .reason = "over", .throttle = told});
    } else {
      replies.push_back({.first_index = {7}, .accepted = append.fragment.record_count()});
    }
  }
  return ok(encode_append_answer(replies));
}

TEST(RemoteCell, WhatALaneThrottlesIsNotSentAgainBeforeItsTime) {
  FrontEnd front_end;
  const ShardKey other_shard{first_shard.stream, ShardIndex{first_shard.shard.value + 1}};
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
    co_return throttle(request, first_shard, {.wait = milliseconds(50), .bytes_left = 30});
  };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    std::vector<Received>& received = front_end.nodes.received;
    EXPECT_EQ((co_await put(core, *front_end.cell, 0, 40)).refusal, Refusal::throttled);
    EXPECT_EQ((co_await put(core, *front_end.cell, 0, 40)).refusal, Refusal::throttled);
    EXPECT_EQ(received.size(), 1U);
    EXPECT_EQ(front_end.metrics.throttled_early.value(), 1U);

    // Other shards go on, also in the same call; every request has its own reply.
    std::vector<AppendRequest> mixed;
    mixed.push_back({.fragment = make_fragment(first_shard, "x", 1, 40)});
    mixed.push_back({.fragment = make_fragment(other_shard, "x", 2, 40)});
    mixed.push_back({.fragment = make_fragment(first_shard, "x", 1, 40)});
    const auto replies = co_await front_end.cell->append(core, LaneId{0}, std::move(mixed));
    EXPECT_EQ(replies.size(), 3U);
    EXPECT_EQ(replies[0].refusal, Refusal::throttled);
    EXPECT_EQ(replies[1].accepted, 2U);
    EXPECT_EQ(replies[2].refusal, Refusal::throttled);
    EXPECT_EQ(decode_append_call(as_bytes(received.back().body))->requests.size(), 1U);

    EXPECT_EQ((co_await put(core, *front_end.cell, 0, 30)).reason, "over") << "what may fit is for the lane to say";
    EXPECT_EQ(received.size(), 3U);
    co_await core.sleep_for(milliseconds(50));
    EXPECT_EQ((co_await put(core, *front_end.cell, 0, 40)).reason, "over");
    EXPECT_EQ(received.size(), 4U);
  });
}

// A front end whose core has just kept something of first_shard back, and may ask again.
env::Task<void> be_throttled(env::Core& core, FrontEnd& front_end) {
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
    co_return throttle(request, first_shard, {.wait = milliseconds(50)});
  };
  co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
  static_cast<void>(co_await put(core, *front_end.cell, 0, 40));
  static_cast<void>(co_await put(core, *front_end.cell, 0, 40));
  co_await core.sleep_for(milliseconds(60));
  front_end.nodes.received.clear();
}

TEST(RemoteCell, WhatMayBeTakenIsKnownWithoutAskingAndCountsAsAskedFor) {
  FrontEnd front_end;
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    const std::vector<std::uint64_t> one{40};
    co_await be_throttled(core, front_end);
    EXPECT_EQ(front_end.cell->may_take(core, first_shard, one), 1U) << "the lane named no later room";
    static_cast<void>(co_await put(core, *front_end.cell, 0, 40));
    co_await core.sleep_for(milliseconds(2'000));
    static_cast<void>(co_await put(core, *front_end.cell, 0, 40));  // refused by the lane: known again
    const std::uint64_t early = front_end.metrics.throttled_early.value();
    EXPECT_EQ(front_end.cell->may_take(core, first_shard, one), 0U);
    EXPECT_EQ(front_end.metrics.throttled_early.value(), early + 1);
    const ShardKey other_shard{first_shard.stream, ShardIndex{first_shard.shard.value + 1}};
    EXPECT_EQ(front_end.cell->may_take(core, other_shard, one), 1U);

    co_await core.sleep_for(milliseconds(60));
    front_end.nodes.received.clear();
    static_cast<void>(co_await put(core, *front_end.cell, 0, 40));
    const auto sent = must(decode_append_call(as_bytes(front_end.nodes.received.back().body)));
    EXPECT_NE(sent.requests.front().kept_back, 0) << "the lane hears of what was not encoded for it";
  });
}

TEST(RemoteCell, OfWhatMayFitInPartOnlyThatPartIsSent) {
  FrontEnd front_end;
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
    co_return throttle(request, first_shard,
                       {.wait = milliseconds(50),
                        .bytes_left = 30,
                        .later = {{milliseconds(50), 30}, {milliseconds(100), 100}, {milliseconds(200), 200}}});
  };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    std::vector<Received>& received = front_end.nodes.received;
    const auto put_records = [&](std::uint32_t count) -> env::Task<AppendReply> {
      std::vector<AppendRequest> requests;
      requests.push_back({.fragment = make_fragment(first_shard, "k", count, 40)});
      co_return (co_await front_end.cell->append(core, LaneId{0}, std::move(requests))).front();
    };
    const auto last_sent = [&] {
      return decode_append_call(as_bytes(received.back().body))->requests.front().fragment.record_count();
    };
    EXPECT_EQ((co_await put_records(10)).reason, "over");
    EXPECT_EQ(last_sent(), 10U);
    EXPECT_EQ((co_await put_records(10)).refusal, Refusal::throttled);
    EXPECT_EQ(received.size(), 1U);

    co_await core.sleep_for(milliseconds(50));
    front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
      co_return throttle(request, ShardKey{}, {});  // takes all that comes
    };
    const std::vector<std::uint64_t> sizes(10, 40);
    EXPECT_EQ(front_end.cell->may_take(core, first_shard, sizes), 2U) << "100 bytes of records of 40";
    const AppendReply part = co_await put_records(10);
    EXPECT_EQ(part.refusal, Refusal::none);
    EXPECT_EQ(part.accepted, 2U) << "100 bytes of records of 40";
    EXPECT_EQ(last_sent(), 2U);
    co_await core.sleep_for(milliseconds(60));
    EXPECT_EQ((co_await put_records(10)).accepted, 5U);
    EXPECT_EQ((co_await put_records(3)).accepted, 3U);
    co_await core.sleep_for(milliseconds(90));
    EXPECT_EQ(front_end.cell->may_take(core, first_shard, sizes), 10U);
    EXPECT_EQ((co_await put_records(10)).accepted, 10U);
    EXPECT_EQ(front_end.metrics.throttled_early.value(), 4U);
  });
}

env::Task<AppendReply> put_large(env::Core& core, FrontEnd& front_end) {
  std::vector<AppendRequest> requests;
  requests.push_back({.fragment = make_fragment(first_shard, "x", 10, 20'000)});
  co_return (co_await front_end.cell->append(core, LaneId{0}, std::move(requests))).front();
}

TEST(RemoteCell, ALargeAppendToAThrottledShardAsksForRoomAndSendsOnlyWhatHasIt) {
  FrontEnd front_end;
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await be_throttled(core, front_end);
    std::uint32_t room = 3;
    std::optional<ReserveCall> asked;
    std::optional<AppendCall> sent;
    front_end.nodes.serve = [&](env::Core&, Received request) -> env::Task<Response> {
      if (request.path == reserve_path) {
        asked = must(decode_reserve_call(as_bytes(request.body)));
        co_return ok(
            encode_reserve_answer({.refusal = room == 0 ? Refusal::throttled : Refusal::none, .accepted = room}));
      }
      sent = must(decode_append_call(as_bytes(request.body)));
      co_return accept(request);
    };
    const AppendReply part = co_await put_large(core, front_end);
    EXPECT_EQ(part.accepted, 3U);
    EXPECT_EQ(asked->record_bytes, std::vector<std::uint32_t>(10, 20'000));
    EXPECT_NE(asked->kept_back, 0) << "that it kept something back is told";
    EXPECT_EQ(sent->requests.front().fragment.record_count(), 3U);
    EXPECT_TRUE(sent->requests.front().has_room);
    room = 0;
    EXPECT_EQ((co_await put_large(core, front_end)).refusal, Refusal::throttled);
    EXPECT_EQ(front_end.nodes.received.size(), 3U) << "nothing was sent";
    EXPECT_EQ(front_end.metrics.reserves.value(), 2U);

    // Small ones do not ask, nor do those of a shard of which nothing was kept back for a second.
    EXPECT_EQ((co_await put(core, *front_end.cell, 0, 40)).refusal, Refusal::none);
    EXPECT_FALSE(sent->requests.front().has_room);
    co_await core.sleep_for(seconds(2));
    EXPECT_EQ((co_await put_large(core, front_end)).accepted, 10U);
    EXPECT_EQ(front_end.nodes.received.size(), 5U);
  });
}

TEST(RemoteCell, ANodeThatDoesNotSayWhatHasRoomIsSentTheWhole) {
  FrontEnd front_end;
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await be_throttled(core, front_end);
    bool answers = true;
    std::optional<AppendCall> sent;
    front_end.nodes.serve = [&](env::Core& on, Received request) -> env::Task<Response> {
      if (request.path == reserve_path) {
        if (!answers) co_await on.sleep_for(seconds(60));
        co_return net::HttpClientResponse{.status = 404, .headers = {}, .body = "no such method"};
      }
      sent = must(decode_append_call(as_bytes(request.body)));
      co_return accept(request);
    };
    EXPECT_EQ((co_await put_large(core, front_end)).accepted, 10U) << "a node of the version before";
    EXPECT_FALSE(sent->requests.front().has_room);
    answers = false;
    const MonotonicTime began = core.now();
    EXPECT_EQ((co_await put_large(core, front_end)).accepted, 10U);
    EXPECT_LE(core.now() - began, milliseconds(250));
  });
}

TEST(RemoteCell, ThrottledReadsAndIteratorsAreNotSentAgainBeforeTheirTime) {
  FrontEnd front_end;
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
    const Throttle told{.wait = milliseconds(50)};
    co_return ok(request.path == read_path
                     ? encode_read_answer({.refusal = Refusal::throttled, .throttle = told}).whole()
                     : encode_locate_answer({.refusal = Refusal::throttled, .throttle = told}));
  };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    for (std::size_t round = 1; round <= 2; ++round) {
      for (int i = 0; i < 3; ++i) {
        const ReadReply read =
            co_await front_end.cell->read(core, LaneId{0}, {.shard = first_shard, .records_max = 1, .bytes_max = 1});
        EXPECT_EQ(read.refusal, Refusal::throttled);
        const LocateReply found = co_await front_end.cell->locate(core, LaneId{0}, first_shard, StartFrom::latest, {});
        EXPECT_EQ(found.refusal, Refusal::throttled);
      }
      EXPECT_EQ(front_end.nodes.received.size(), 2 * round);
      co_await core.sleep_for(milliseconds(60));
    }
  });
}

}  // namespace
}  // namespace weir::cell
