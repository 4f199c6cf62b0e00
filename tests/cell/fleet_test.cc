// Front end and nodes over a simulated network, with what goes wrong between them.
#include <map>
#include <set>

#include "gtest/gtest.h"
#include "tests/cell/fleet_world.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

constexpr LaneId lane_a{0};
constexpr LaneId lane_b{1};
constexpr LaneId lane_of_other_cell{64};

struct Put {
  std::string text;
  Refusal refusal = Refusal::none;
  RecordIndex index;
};

// One writer of one shard: numbered records, one after the other, until told to stop.
struct Writer {
  std::size_t shard = 0;
  std::string name;
  std::vector<Put> puts;
  bool stop = false;
};

env::Task<void> write(Fleet& fleet, env::Core& core, Writer& writer) {
  co_await core.enter();
  while (!writer.stop) {
    const std::string text = writer.name + std::to_string(writer.puts.size());
    const LaneId lane = fleet.book().lanes[writer.shard];
    auto replies =
        co_await fleet.cell().append(core, lane, one_request(make_fragment(fleet.book().shard(writer.shard), text)));
    EXPECT_TRUE(core.is_current());
    writer.puts.push_back({text, replies.at(0).refusal, replies.at(0).first_index});
    if (replies[0].refusal != Refusal::none) co_await core.sleep_for(microseconds(500));
  }
  co_await fleet.home().enter();
}

env::Task<std::vector<SeenRecord>> read_shard(Fleet& fleet, std::size_t shard) {
  std::vector<SeenRecord> seen;
  RecordIndex from;
  for (;;) {
    const ReadReply reply = co_await fleet.cell().read(
        fleet.home(), fleet.book().lanes[shard],
        {.shard = fleet.book().shard(shard), .from = from, .records_max = 100, .bytes_max = mebibyte});
    EXPECT_EQ(reply.refusal, Refusal::none) << reply.reason;
    add_records_of(reply.result, seen);
    if (reply.refusal != Refusal::none || reply.result.reached_end) co_return seen;
    from = reply.result.next;
  }
}

// What was acknowledged is there once, under its number; what was certainly refused is not there; of a writer's records
// none is there twice, and numbers rise with them.
void expect_history(const std::vector<SeenRecord>& seen, const Writer& writer) {
  std::map<std::string, std::uint64_t> index_of;
  std::uint64_t last = 0;
  for (const SeenRecord& record : seen) {
    EXPECT_GT(record.index, last);
    last = record.index;
    if (!record.data.starts_with(writer.name)) continue;
    EXPECT_TRUE(index_of.emplace(record.data, record.index).second) << record.data << " is there twice";
  }
  std::uint64_t previous = 0;
  for (const Put& put : writer.puts) {
    const auto found = index_of.find(put.text);
    if (put.refusal == Refusal::none) {
      EXPECT_NE(found, index_of.end()) << put.text << " was acknowledged and is lost";
    } else if (put.refusal != Refusal::failed) {
      EXPECT_EQ(found, index_of.end()) << put.text << " was refused and is there";
    }
    if (found == index_of.end()) continue;
    if (put.refusal == Refusal::none) EXPECT_EQ(found->second, put.index.value);
    EXPECT_GT(found->second, previous) << "out of order";
    previous = found->second;
  }
}

std::size_t acknowledged(const Writer& writer) {
  return static_cast<std::size_t>(std::ranges::count(writer.puts, Refusal::none, &Put::refusal));
}

TEST(CellRpc, EveryCallReachesTheLaneFromEveryCore) {
  test::for_each_seed(1, 10, [](std::uint64_t seed) {
    run_fleet(seed, {lane_a, lane_b}, {}, [](Fleet& fleet) -> env::Task<void> {
      NodeProcess* const node = co_await fleet.add_node(0, "10.0.1.1");
      fleet.tell(*node);
      co_await fleet.take(*node, lane_a);
      co_await fleet.take(*node, lane_b);
      co_await fleet.tell_front_end();
      fleet.tell(*node);
      std::vector<Writer> writers(4);
      env::TaskGroup tasks(fleet.home());
      for (std::size_t i = 0; i < writers.size(); ++i) {
        writers[i].shard = i % 2;
        writers[i].name = std::string(1, static_cast<char>('p' + i));
        tasks.spawn(write(fleet, fleet.simulation().core(static_cast<std::uint32_t>(i / 2)), writers[i]));
      }
      co_await fleet.home().sleep_for(milliseconds(200));
      for (Writer& writer : writers) writer.stop = true;
      co_await tasks.wait();
      for (const Writer& writer : writers) {
        EXPECT_GT(writer.puts.size(), 3U);
        EXPECT_EQ(acknowledged(writer), writer.puts.size());
        expect_history(co_await read_shard(fleet, writer.shard), writer);
      }
      const LocateReply tip =
          co_await fleet.cell().locate(fleet.home(), lane_a, fleet.book().shard(0), StartFrom::latest, {});
      EXPECT_EQ(tip.refusal, Refusal::none);
      EXPECT_GT(tip.position, writers[0].puts.back().index);
      static_cast<void>(must(co_await fleet.cell().close_shard(lane_a, fleet.book().shard(0), {})));
      auto replies = co_await fleet.cell().append(fleet.home(), lane_a,
                                                  one_request(make_fragment(fleet.book().shard(0), "closed")));
      EXPECT_EQ(replies.at(0).refusal, Refusal::shard_closed);
      co_await fleet.cell().reopen_shard(lane_a, fleet.book().shard(0), {});
      replies =
          co_await fleet.cell().append(fleet.home(), lane_a, one_request(make_fragment(fleet.book().shard(0), "open")));
      EXPECT_EQ(replies.at(0).refusal, Refusal::none);
    });
  });
}

// kill -9 or loss of power, at any moment, and another node takes over.
TEST(CellRpc, ANodeThatDiesLosesNothingThatWasAcknowledgedAndNothingIsThereTwice) {
  test::for_each_seed_isolated(1, 40, [](std::uint64_t seed) {
    run_fleet(seed, {lane_a}, {{"remote_cell.timeout", "500ms"}}, [seed](Fleet& fleet) -> env::Task<void> {
      NodeProcess* const first = co_await fleet.add_node(0, "10.0.1.1");
      NodeProcess* const second = co_await fleet.add_node(0, "10.0.1.2");
      fleet.tell(*first);
      co_await fleet.take(*first, lane_a);
      co_await fleet.tell_front_end();
      std::vector<Writer> writers(6);
      env::TaskGroup tasks(fleet.home());
      for (std::size_t i = 0; i < writers.size(); ++i) {
        writers[i].name = std::string(1, static_cast<char>('p' + i));
        tasks.spawn(write(fleet, fleet.simulation().core(i % 2), writers[i]));
      }
      co_await fleet.home().sleep_for(microseconds(20'000 + static_cast<std::int64_t>(seed * 37)));
      first->machine.kill(seed % 3 == 0 ? env::PeerNotice::silent : env::PeerNotice::reset);
      fleet.tell(*second);
      co_await fleet.home().sleep_for(milliseconds(30));
      co_await fleet.take(*second, lane_a);
      fleet.tell(*second);
      co_await fleet.tell_front_end();
      const std::size_t before = writers[0].puts.size();
      co_await fleet.home().sleep_for(milliseconds(700));
      for (Writer& writer : writers) writer.stop = true;
      co_await tasks.wait();
      EXPECT_GT(writers[0].puts.size(), before + 5);
      const auto seen = co_await read_shard(fleet, 0);
      for (const Writer& writer : writers) {
        EXPECT_GT(acknowledged(writer), 10U);
        expect_history(seen, writer);
      }
    });
  });
}

// Moves in a row, of both kinds: the old owner gives the lane up, or finds out that it was taken. Maps come late at
// either side.
TEST(CellRpc, ALaneMovesUnderLoadAndEveryAcknowledgedRecordIsThereOnceAndInOrder) {
  test::for_each_seed_isolated(1, 40, [](std::uint64_t seed) {
    run_fleet(seed, {lane_a}, {}, [seed](Fleet& fleet) -> env::Task<void> {
      env::SeededRandom random(seed, 3);
      const auto some = [&random](std::uint64_t microseconds_max) {
        return microseconds(static_cast<std::int64_t>(random.below(microseconds_max)));
      };
      std::vector<NodeProcess*> nodes{co_await fleet.add_node(0, "10.0.1.1"), co_await fleet.add_node(0, "10.0.1.2")};
      fleet.tell(*nodes[0]);
      co_await fleet.take(*nodes[0], lane_a);
      co_await fleet.tell_front_end();
      std::vector<Writer> writers(4);
      env::TaskGroup tasks(fleet.home());
      for (std::size_t i = 0; i < writers.size(); ++i) {
        writers[i].name = std::string(1, static_cast<char>('p' + i));
        tasks.spawn(write(fleet, fleet.simulation().core(i % 2), writers[i]));
      }
      for (std::size_t move = 1; move <= 6; ++move) {
        co_await fleet.home().sleep_for(some(20'000));
        NodeProcess& from = *nodes[(move + 1) % 2];
        NodeProcess& to = *nodes[move % 2];
        const bool is_planned = random.below(2) == 0;
        if (is_planned) co_await fleet.give_up(from, lane_a);
        if (random.below(2) == 0) fleet.tell(to);
        co_await fleet.take(to, lane_a);
        // Who learns of it, and when.
        const bool front_end_first = random.below(2) == 0;
        if (front_end_first) co_await fleet.tell_front_end();
        co_await fleet.home().sleep_for(some(20'000));
        fleet.tell(to);
        co_await fleet.home().sleep_for(some(5'000));
        fleet.tell(from);
        co_await fleet.home().sleep_for(some(20'000));
        co_await fleet.tell_front_end();
        co_await fleet.home().sleep_for(milliseconds(10));
      }
      for (Writer& writer : writers) writer.stop = true;
      co_await tasks.wait();
      const auto seen = co_await read_shard(fleet, 0);
      for (const Writer& writer : writers) {
        EXPECT_GT(acknowledged(writer), 20U);
        expect_history(seen, writer);
      }
    });
  });
}

// A planned move that everybody hears of in time is nobody's error.
TEST(CellRpc, APlannedMoveIsNoErrorForWriters) {
  test::for_each_seed(1, 10, [](std::uint64_t seed) {
    run_fleet(seed, {lane_a}, {}, [](Fleet& fleet) -> env::Task<void> {
      NodeProcess* const first = co_await fleet.add_node(0, "10.0.1.1");
      NodeProcess* const second = co_await fleet.add_node(0, "10.0.1.2");
      for (NodeProcess* node : {first, second}) fleet.tell(*node);
      co_await fleet.take(*first, lane_a);
      co_await fleet.tell_front_end();
      Writer writer{.name = "p"};
      env::TaskGroup tasks(fleet.home());
      tasks.spawn(write(fleet, fleet.home(), writer));
      co_await fleet.home().sleep_for(milliseconds(20));
      co_await fleet.give_up(*first, lane_a);
      co_await fleet.take(*second, lane_a);
      fleet.tell(*second);
      co_await fleet.home().sleep_for(milliseconds(100));
      co_await fleet.tell_front_end();
      co_await fleet.home().sleep_for(milliseconds(20));
      writer.stop = true;
      co_await tasks.wait();
      EXPECT_EQ(acknowledged(writer), writer.puts.size());
      expect_history(co_await read_shard(fleet, 0), writer);
    });
  });
}

TEST(CellRpc, ACellThatHangsDoesNoHarmToAnother) {
  test::for_each_seed(1, 5, [](std::uint64_t seed) {
    run_fleet(seed, {lane_a, lane_of_other_cell}, {{"remote_cell.timeout", "2s"}}, [](Fleet& fleet) -> env::Task<void> {
      NodeProcess* const hung = co_await fleet.add_node(0, "10.0.1.1");
      NodeProcess* const sound = co_await fleet.add_node(1, "10.0.1.2");
      for (NodeProcess* node : {hung, sound}) fleet.tell(*node);
      co_await fleet.take(*hung, lane_a);
      co_await fleet.take(*sound, lane_of_other_cell);
      co_await fleet.tell_front_end();
      for (NodeProcess* node : {hung, sound}) fleet.tell(*node);
      std::vector<Writer> writers(20);
      env::TaskGroup tasks(fleet.home());
      for (std::size_t i = 0; i < writers.size(); ++i) {
        writers[i].shard = i % 2;
        writers[i].name = std::string(1, static_cast<char>('a' + i));
        tasks.spawn(write(fleet, fleet.home(), writers[i]));
      }
      co_await fleet.home().sleep_for(milliseconds(20));
      hung->machine.pause(seconds(30));
      co_await fleet.home().sleep_for(milliseconds(200));
      for (Writer& writer : writers) writer.stop = true;
      co_await tasks.wait();
      for (std::size_t i = 1; i < writers.size(); i += 2) {
        EXPECT_EQ(acknowledged(writers[i]), writers[i].puts.size());
        EXPECT_GT(writers[i].puts.size(), 30U);
        expect_history(co_await read_shard(fleet, 1), writers[i]);
      }
      EXPECT_EQ(writers[0].puts.back().refusal, Refusal::failed);
    });
  });
}

// The bounds of the node: more than it may have in work is refused, and nothing of that is there.
TEST(CellRpc, AnOverloadedNodeRefusesWhatItHasNoPlaceFor) {
  run_fleet(1, {lane_a, lane_b}, {}, [](Fleet& fleet) -> env::Task<void> {
    NodeProcess* const node = co_await fleet.add_node(0, "10.0.1.1", {{"cell.rpc_requests_max", "1"}});
    fleet.tell(*node);
    co_await fleet.take(*node, lane_a);
    co_await fleet.take(*node, lane_b);
    fleet.tell(*node);
    co_await fleet.tell_front_end();
    std::vector<Writer> writers(2);
    env::TaskGroup tasks(fleet.home());
    for (std::size_t i = 0; i < writers.size(); ++i) {
      writers[i].shard = i;
      writers[i].name = std::string(1, static_cast<char>('p' + i));
      tasks.spawn(write(fleet, fleet.home(), writers[i]));
    }
    co_await fleet.home().sleep_for(milliseconds(100));
    for (Writer& writer : writers) writer.stop = true;
    co_await tasks.wait();
    EXPECT_GT(node->rpc_metrics.overloaded.value(), 0U);
    EXPECT_EQ(node->rpc_metrics.requests.high_water(), 1);
    EXPECT_EQ(node->rpc_metrics.requests.value(), 0);
    EXPECT_EQ(node->rpc_metrics.bytes.value(), 0);
    std::set<Refusal> refusals;
    for (const Writer& writer : writers) {
      for (const Put& put : writer.puts) refusals.insert(put.refusal);
      expect_history(co_await read_shard(fleet, writer.shard), writer);
    }
    EXPECT_EQ(refusals, (std::set<Refusal>{Refusal::none, Refusal::unavailable}));
  });
}

// The handler itself.
env::Task<net::HttpResponse> post(CellRpcHandler& handler, std::string_view path, std::string body,
                                  std::string_view method = "POST") {
  const std::size_t length = body.size();
  body.append(net::body_padding_bytes, '\0');
  net::HttpRequest request{.method = method, .path = path};
  request.body = std::as_writable_bytes(std::span(body)).first(length);
  co_return co_await handler.handle(request);
}

TEST(CellRpc, WhatIsNoRequestIsRefusedWithoutHarm) {
  run_fleet(1, {lane_a}, {}, [](Fleet& fleet) -> env::Task<void> {
    NodeProcess* const node = co_await fleet.add_node(0, "10.0.1.1");
    co_await node->machine.core(0).enter();
    CellRpcHandler& handler = *node->handlers[0];
    env::SeededRandom random(1, 1);
    for (const std::string_view path :
         {append_path, reserve_path, read_path, locate_path, close_shard_path, reopen_shard_path}) {
      EXPECT_EQ((co_await post(handler, path, "\xff\xff")).status, 400);
      EXPECT_EQ((co_await post(handler, path, "", "GET")).status, 405);
      for (int i = 0; i < 2'000; ++i) {
        std::string body(random.below(60), '\0');
        for (char& byte : body) byte = static_cast<char>(random.below(256));
        const auto response = co_await post(handler, path, std::move(body));
        EXPECT_TRUE(response.status == 400 || response.status == 200);
      }
    }
    EXPECT_EQ((co_await post(handler, "/weir/1/other", "")).status, 404);
    EXPECT_EQ(node->rpc_metrics.requests.value(), 0);
    EXPECT_EQ(node->rpc_metrics.bytes.value(), 0);
    co_await fleet.home().enter();
  });
}

}  // namespace
}  // namespace weir::cell
