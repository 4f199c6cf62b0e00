// What a front end does with the answers of nodes: scripted ones, so that every answer can come at any time.
#include "cell/remote/remote_cell.h"

#include <deque>

#include "tests/cell/scripted_nodes.h"

namespace weir::cell {
namespace {

using namespace scripted;

TEST(RemoteCell, SendsToTheOwnerWithWhatTheCallerBelieves) {
  FrontEnd front_end;
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> { co_return accept(request); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(12, {{70, owner("10.0.0.2", 5)}}));
    const AppendReply reply = co_await put(core, *front_end.cell, 70);
    EXPECT_EQ(reply.refusal, Refusal::none);
    EXPECT_EQ(reply.first_index, RecordIndex{7});
    EXPECT_EQ(front_end.nodes.addresses(), std::vector<std::string>{"10.0.0.2"});
    const auto call = decode_append_call(as_bytes(front_end.nodes.received[0].body));
    EXPECT_EQ(call->header, (CallHeader{.lane = LaneId{70}, .map_version = 12, .epoch = Epoch{5}}));
  });
}

TEST(RemoteCell, NotMineIsTriedOnceMoreWithTheOwnerThatTheAnswerNames) {
  FrontEnd front_end;
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
    co_return request.address == "10.0.0.1" ? not_mine(owner("10.0.0.2", 6)) : accept(request);
  };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::none);
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::none);  // what was learned is kept
    EXPECT_EQ(front_end.nodes.addresses(), (std::vector<std::string>{"10.0.0.1", "10.0.0.2", "10.0.0.2"}));
    EXPECT_EQ(front_end.metrics.retries.value(), 1U);
    // A newer map decides again, and nodes without a lane are let go.
    co_await front_end.cell->apply(map_of(2, {{0, owner("10.0.0.3", 7)}}));
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::none);
    EXPECT_EQ(front_end.nodes.received.back().address, "10.0.0.3");
    EXPECT_EQ(front_end.nodes.open_connections, 1U);
  });
}

TEST(RemoteCell, NotMineWaitsForAMapThatNamesTheNewOwner) {
  FrontEnd front_end;
  front_end.nodes.serve = [](env::Core&, Received request) -> env::Task<Response> {
    co_return request.address == "10.0.0.1" ? not_mine(owner("10.0.0.1", 5)) : accept(request);
  };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    std::vector<AppendReply> replies;
    env::TaskGroup tasks(core);
    tasks.spawn(put_into(core, *front_end.cell, 0, 10, replies));
    co_await core.sleep_for(milliseconds(300));
    EXPECT_TRUE(replies.empty());
    EXPECT_EQ(front_end.nodes.received.size(), 1U);
    co_await front_end.cell->apply(map_of(2, {{0, owner("10.0.0.2", 6)}}));
    co_await tasks.wait();
    EXPECT_EQ(replies[0].refusal, Refusal::none);
    // No such map: unavailable, and nothing was sent a second time.
    co_await front_end.cell->apply(map_of(3, {{0, owner("10.0.0.1", 7)}}));
    front_end.nodes.received.clear();
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::unavailable);
    EXPECT_EQ(front_end.nodes.received.size(), 1U);
  });
}

TEST(RemoteCell, NothingIsSentAThirdTime) {
  FrontEnd front_end;
  std::uint64_t epoch = 5;
  front_end.nodes.serve = [&epoch](env::Core&, Received) -> env::Task<Response> {
    ++epoch;
    return [](std::uint64_t next) -> env::Task<Response> { co_return not_mine(owner("10.0.0.9", next)); }(epoch);
  };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::unavailable);
    EXPECT_EQ(front_end.nodes.received.size(), 2U);
    const ReadReply read =
        co_await front_end.cell->read(core, LaneId{0}, {.shard = first_shard, .records_max = 1, .bytes_max = 1});
    EXPECT_EQ(read.refusal, Refusal::unavailable);
    EXPECT_EQ(front_end.nodes.received.size(), 4U);
  });
}

// Which errors let an append, and which a read, be sent again.
TEST(RemoteCell, AnAppendIsSentAgainOnlyWhenTheNodeHasCertainlyNotSeenIt) {
  struct Case {
    ErrorCode error;
    std::size_t appends;
    Refusal append_refusal;
    std::size_t reads;
  };
  for (const Case& expected :
       {Case{ErrorCode::unavailable, 2, Refusal::unavailable, 2}, Case{ErrorCode::closed, 1, Refusal::failed, 2},
        Case{ErrorCode::io, 1, Refusal::failed, 2}, Case{ErrorCode::timeout, 1, Refusal::failed, 1},
        Case{ErrorCode::corrupt, 1, Refusal::failed, 1}, Case{ErrorCode::limit_exceeded, 1, Refusal::unavailable, 1}}) {
    FrontEnd front_end;
    front_end.nodes.serve = [code = expected.error](env::Core&, Received) -> env::Task<Response> {
      return [](ErrorCode error) -> env::Task<Response> { co_return fail(error, "broken"); }(code);
    };
    run(front_end, [&](env::Core& core) -> env::Task<void> {
      co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
      EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, expected.append_refusal);
      EXPECT_EQ(front_end.nodes.received.size(), expected.appends) << to_string(expected.error);
      front_end.nodes.received.clear();
      const LocateReply located = co_await front_end.cell->locate(core, LaneId{0}, first_shard, StartFrom::latest, {});
      EXPECT_NE(located.refusal, Refusal::none);
      EXPECT_EQ(front_end.nodes.received.size(), expected.reads) << to_string(expected.error);
    });
  }
}

TEST(RemoteCell, OverloadAndNonsenseOfANodeAreNotTriedAgain) {
  struct Case {
    std::uint16_t status;
    std::string body;
    Refusal refusal;
  };
  for (const Case& expected :
       {Case{503, "", Refusal::unavailable}, Case{400, "", Refusal::failed}, Case{200, "\xff", Refusal::failed},
        Case{200, "", Refusal::failed},  // no reply for the fragment
        Case{200, encode_refusal({.refusal = Refusal::unavailable}), Refusal::unavailable}}) {
    FrontEnd front_end;
    front_end.nodes.serve = [&expected](env::Core&, Received) -> env::Task<Response> {
      return [](const Case& scripted) -> env::Task<Response> {
        co_return net::HttpClientResponse{.status = scripted.status, .headers = {}, .body = scripted.body};
      }(expected);
    };
    run(front_end, [&](env::Core& core) -> env::Task<void> {
      co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
      EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, expected.refusal);
      EXPECT_EQ(front_end.nodes.received.size(), 1U);
    });
  }
}

// Serves after `duration`; hangs for addresses in `hung`.
struct SlowNodes {
  Duration duration = milliseconds(10);
  std::string hung;
  env::Task<Response> serve(env::Core& core, Received request) const {
    if (request.address == hung) co_await core.sleep_for(hours(1));
    co_await core.sleep_for(duration);
    co_return accept(request);
  }
};

TEST(RemoteCell, AppendsOfALaneAreGatheredWhileOneIsUnderWayAndLanesDoNotWaitForEachOther) {
  FrontEnd front_end;
  SlowNodes slow;
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}, {1, owner("10.0.0.1", 6)}}));
    env::TaskGroup tasks(core);
    std::vector<AppendReply> first;
    std::vector<AppendReply> second;
    tasks.spawn(put_into(core, *front_end.cell, 0, 10, first));
    co_await core.sleep_for(milliseconds(1));
    for (int i = 0; i < 20; ++i) tasks.spawn(put_into(core, *front_end.cell, 0, 10, first));
    tasks.spawn(put_into(core, *front_end.cell, 1, 10, second));
    co_await core.sleep_for(milliseconds(5));
    EXPECT_EQ(front_end.nodes.received.size(), 2U);  // one of each lane
    co_await tasks.wait();
    EXPECT_EQ(front_end.nodes.received.size(), 3U);  // the twenty in one
    EXPECT_EQ(decode_append_call(as_bytes(front_end.nodes.received[2].body))->requests.size(), 20U);
    EXPECT_EQ(first.size(), 21U);
    for (const AppendReply& reply : first) EXPECT_EQ(reply.refusal, Refusal::none);
    EXPECT_EQ(second.size(), 1U);
  });
}

TEST(RemoteCell, ARequestHoldsNoMoreThanItsBoundAndALargeWriteGoesAlone) {
  FrontEnd front_end({{"remote_cell.append_bytes_max", "64KiB"}});
  SlowNodes slow;
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    env::TaskGroup tasks(core);
    std::vector<AppendReply> replies;
    for (const std::uint64_t bytes : {30'000ULL, 30'000ULL, 30'000ULL, 100'000ULL, 30'000ULL}) {
      tasks.spawn(put_into(core, *front_end.cell, 0, bytes, replies));
    }
    co_await tasks.wait();
    std::vector<std::size_t> fragments;
    for (const Received& request : front_end.nodes.received) {
      fragments.push_back(decode_append_call(as_bytes(request.body))->requests.size());
    }
    EXPECT_EQ(fragments, (std::vector<std::size_t>{2, 1, 1, 1}));
    EXPECT_EQ(replies.size(), 5U);
  });
}

TEST(RemoteCell, ASlowLaneIsBoundedAndEverythingIsAnswered) {
  FrontEnd front_end(
      {{"remote_cell.lane_calls_max", "10"}, {"remote_cell.append_bytes_max", "64KiB"}, {"remote_cell.timeout", "1s"}});
  SlowNodes slow{.hung = "10.0.0.1"};
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    env::TaskGroup tasks(core);
    std::vector<AppendReply> replies;
    const MonotonicTime started = core.now();
    tasks.spawn(put_into(core, *front_end.cell, 0, 60'000, replies));
    co_await core.sleep_for(milliseconds(10));
    for (int i = 0; i < 30; ++i) tasks.spawn(put_into(core, *front_end.cell, 0, 60'000, replies));
    co_await core.sleep_for(milliseconds(10));
    EXPECT_EQ(replies.size(), 21U);  // refused at once
    EXPECT_EQ(front_end.metrics.refused_for_bounds.value(), 21U);
    co_await tasks.wait();
    EXPECT_LT(core.now() - started, seconds(3));
    std::map<Refusal, int> counts;
    for (const AppendReply& reply : replies) ++counts[reply.refusal];
    // Of the two that were sent nobody knows; of those that waited everybody knows that they were not.
    EXPECT_EQ(counts, (std::map<Refusal, int>{{Refusal::failed, 2}, {Refusal::unavailable, 29}}));
    EXPECT_EQ(front_end.metrics.expired.value(), 8U);
  });
}

TEST(RemoteCell, ACellThatHangsTakesNothingFromTheOthers) {
  FrontEnd front_end({{"remote_cell.lane_bytes_max", "12MiB"},
                      {"remote_cell.cell_bytes_max", "12MiB"},
                      {"remote_cell.cell_reads_max", "5"}});
  SlowNodes slow{.duration = milliseconds(1), .hung = "10.0.0.1"};
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(
        map_of(1, {{0, owner("10.0.0.1", 5)}, {1, owner("10.0.0.1", 6)}, {64, owner("10.0.0.2", 7)}}));
    env::TaskGroup tasks(core);
    std::vector<AppendReply> hung;
    for (std::uint32_t i = 0; i < 40; ++i) tasks.spawn(put_into(core, *front_end.cell, i % 2, mebibyte, hung));
    for (int i = 0; i < 10; ++i) {
      tasks.spawn([](env::Core& on, RemoteCell& cell) -> env::Task<void> {
        static_cast<void>(co_await cell.locate(on, LaneId{0}, first_shard, StartFrom::latest, {}));
      }(core, *front_end.cell));
    }
    co_await core.sleep_for(milliseconds(10));
    EXPECT_GE(hung.size(), 28U);  // twelve mebibytes wait, or less
    EXPECT_EQ(front_end.metrics.refused_for_bounds.value(), hung.size() + 5);
    for (int i = 0; i < 20; ++i) {
      const MonotonicTime started = core.now();
      EXPECT_EQ((co_await put(core, *front_end.cell, 64)).refusal, Refusal::none);
      EXPECT_LT(core.now() - started, milliseconds(3));
    }
    co_await tasks.wait();
    EXPECT_EQ(hung.size(), 40U);
  });
}

TEST(RemoteCell, ANewOwnerDoesNotWaitForARequestThatTheOldOneHolds) {
  FrontEnd front_end;
  SlowNodes slow{.hung = "10.0.0.1"};
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    env::TaskGroup tasks(core);
    std::vector<AppendReply> stuck;
    std::vector<AppendReply> replies;
    tasks.spawn(put_into(core, *front_end.cell, 0, 10, stuck));
    co_await core.sleep_for(milliseconds(10));
    tasks.spawn(put_into(core, *front_end.cell, 0, 10, replies));
    co_await core.sleep_for(milliseconds(10));
    co_await front_end.cell->apply(map_of(2, {{0, owner("10.0.0.2", 6)}}));
    tasks.spawn(put_into(core, *front_end.cell, 0, 10, replies));
    co_await core.sleep_for(milliseconds(50));
    EXPECT_EQ(replies.size(), 2U);
    for (const AppendReply& reply : replies) EXPECT_EQ(reply.refusal, Refusal::none);
    EXPECT_TRUE(stuck.empty());
    co_await tasks.wait();
    EXPECT_EQ(stuck[0].refusal, Refusal::failed);
    EXPECT_EQ(front_end.nodes.received.size(), 2U);
  });
}

TEST(RemoteCell, WhatANodeHoldsThatLostItsLanesIsGivenUpBeforeItsTimeIsOver) {
  FrontEnd front_end;
  SlowNodes slow{.duration = milliseconds(1), .hung = "10.0.0.1"};
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  run(front_end, [&](env::Core& core) -> env::Task<void> {
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}, {1, owner("10.0.0.1", 6)}}));
    env::TaskGroup tasks(core);
    std::vector<AppendReply> stuck;
    tasks.spawn(put_into(core, *front_end.cell, 0, 10, stuck));
    co_await core.sleep_for(milliseconds(10));
    co_await front_end.cell->apply(map_of(2, {{0, owner("10.0.0.2", 7)}, {1, owner("10.0.0.1", 6)}}));
    co_await core.sleep_for(seconds(2));
    EXPECT_TRUE(stuck.empty());  // the node still owns a lane
    const MonotonicTime lost_all = core.now();
    co_await front_end.cell->apply(map_of(3, {{0, owner("10.0.0.2", 7)}, {1, owner("10.0.0.2", 8)}}));
    co_await tasks.wait();
    EXPECT_GE(core.now() - lost_all, seconds(1));
    EXPECT_LT(core.now() - lost_all, milliseconds(1'100));
    EXPECT_EQ(stuck[0].refusal, Refusal::failed);
    // Back as an owner it is spoken to as if nothing had been.
    slow.hung.clear();
    co_await front_end.cell->apply(map_of(4, {{0, owner("10.0.0.1", 9)}, {1, owner("10.0.0.2", 8)}}));
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::none);
    co_await core.sleep_for(seconds(2));
    EXPECT_EQ((co_await put(core, *front_end.cell, 0)).refusal, Refusal::none);
  });
}

TEST(RemoteCell, StoppingAnswersEverythingThatIsUnderWay) {
  FrontEnd front_end;
  SlowNodes slow{.hung = "10.0.0.1"};
  front_end.nodes.serve = [&slow](env::Core& core, Received request) { return slow.serve(core, std::move(request)); };
  std::vector<AppendReply> replies;
  std::optional<env::TaskGroup> tasks;
  run(
      front_end,
      [&](env::Core& core) -> env::Task<void> {
        co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
        tasks.emplace(core);
        for (std::uint32_t lane : {0U, 1U}) {  // nobody is known to own lane 1
          for (int i = 0; i < 5; ++i) tasks->spawn(put_into(core, *front_end.cell, lane, 10, replies));
          co_await core.sleep_for(milliseconds(5));
          for (int i = 0; i < 5; ++i) tasks->spawn(put_into(core, *front_end.cell, lane, 10, replies));
        }
      },
      &tasks);
  EXPECT_EQ(replies.size(), 20U);
  for (const AppendReply& reply : replies) EXPECT_NE(reply.refusal, Refusal::none);
}

TEST(RemoteCell, ACloseSaysWhetherItsOutcomeIsKnown) {
  FrontEnd front_end;
  front_end.nodes.serve = [](env::Core&, Received) -> env::Task<Response> {
    co_return fail(ErrorCode::timeout, "no answer");
  };
  run(front_end, [&](env::Core&) -> env::Task<void> {
    const auto close = [&] { return front_end.cell->close_shard(LaneId{0}, first_shard, {.term = 3, .number = 4}); };
    EXPECT_EQ((co_await close()).error().code, ErrorCode::unavailable);  // nobody is known to have the lane
    co_await front_end.cell->apply(map_of(1, {{0, owner("10.0.0.1", 5)}}));
    EXPECT_EQ((co_await close()).error().code, ErrorCode::timeout);
    EXPECT_EQ(front_end.nodes.received.size(), 1U);  // it is not for the cell to reopen what may be closed
    const auto order = must(decode_shard_call(as_bytes(front_end.nodes.received[0].body))).order;
    EXPECT_EQ(order, (directory::ShardOrder{.term = 3, .number = 4}));

    const directory::ShardClosing closing{wall_time_ms(77), Epoch{5}};
    front_end.nodes.serve = [closing](env::Core&, Received) -> env::Task<Response> {
      co_return ok(encode_close_shard_answer(closing));
    };
    EXPECT_EQ(must(co_await close()), closing);
    // A node that does not say under which epoch does not say enough.
    front_end.nodes.serve = [](env::Core&, Received) -> env::Task<Response> {
      co_return ok(encode_close_shard_answer(directory::ShardClosing{wall_time_ms(77), Epoch{0}}));
    };
    EXPECT_EQ((co_await close()).error().code, ErrorCode::timeout);
  });
}

}  // namespace
}  // namespace weir::cell
