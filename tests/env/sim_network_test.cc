#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/network.h"
#include "env/sim/sim_network.h"
#include "env/sim/simulation.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/support/must.h"
#include "tests/support/simulation_test.h"

namespace weir::env {
namespace {

using test::for_each_seed;
using test::must;
using test::run_simulation;

Task<Result<void>> write_text(Connection& connection, std::string text, MonotonicTime deadline = no_deadline) {
  const BytesView part = as_bytes(text);
  co_return co_await connection.write_all({&part, 1}, deadline);
}

// Reads until the peer has finished sending.
Task<std::string> read_to_end(Connection& connection) {
  std::string text;
  std::byte buffer[1000];
  for (;;) {
    const std::size_t got = must(co_await connection.read_some(buffer, no_deadline));
    if (got == 0) co_return text;
    text += as_text(BytesView(buffer).first(got));
  }
}

// Sends back whatever comes on one connection, until its peer closes or it breaks.
Task<void> echo(Core& home, Core& core, std::unique_ptr<PendingConnection> pending) {
  co_await core.enter();
  {
    const auto connection = core.network().adopt(std::move(pending));
    std::byte buffer[1000];
    for (;;) {
      const auto got = co_await connection->read_some(buffer, no_deadline);
      if (!got || *got == 0) break;
      const BytesView part = BytesView(buffer).first(*got);
      if (!co_await connection->write_all({&part, 1}, no_deadline)) break;
    }
  }
  co_await home.enter();
}

Task<void> serve_echo(Core& core, Core& worker, Listener& listener) {
  TaskGroup group(core);
  for (;;) {
    auto accepted = co_await listener.accept();
    if (!accepted) break;
    group.spawn(echo(core, worker, std::move(*accepted)));
  }
  co_await group.wait();
}

// A listener of the machine's own, and one connection to it, with both ends.
struct Pair {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Connection> client;
  std::unique_ptr<Connection> server;
};
Task<Pair> connect_pair(Core& client, Core& server, std::string address) {
  Pair pair;
  pair.listener = must(co_await server.network().listen({address, 0}, 4));
  co_await client.enter();
  pair.client = must(co_await client.network().connect(pair.listener->local(), no_deadline));
  co_await server.enter();
  pair.server = server.network().adopt(must(co_await pair.listener->accept()));
  co_await client.enter();
  co_return pair;
}

// Of `count` letters, sent at moments of their own, how many were read at a turn of connections that give way.
Task<int> read_at_turns(Core& core, Connection& from, Connection& to, int count) {
  TaskGroup group(core);
  int at_turns = 0;
  for (int i = 0; i < count; ++i) {
    group.spawn([](Core& on, Connection& connection) -> Task<void> {
      co_await on.sleep_for(microseconds(on.random_u64() % 100'000));
      must(co_await write_text(connection, "x"));
    }(core, from));
    std::byte letter[1];
    must(co_await to.read_some(letter, no_deadline));
    at_turns += core.now().time_since_epoch() % Connection::turn_interval == Duration(0) ? 1 : 0;
    co_await group.wait();
  }
  co_return at_turns;
}

TEST(SimulatedNetwork, WhatGivesWayIsReadAtTurnsUntilItIsQuietForSeconds) {
  for_each_seed(1, 10, [](std::uint64_t seed) {
    run_simulation(seed, [](Core& core) -> Task<void> {
      const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
      EXPECT_LE(co_await read_at_turns(core, *pair.client, *pair.server, 20), 1);
      pair.server->give_way(true);
      EXPECT_EQ(co_await read_at_turns(core, *pair.client, *pair.server, 20), 20);
      std::byte letter[1];
      const auto nothing =
          co_await pair.server->read_some(letter, core.now() + Connection::turns_quiet_max + seconds(1));
      EXPECT_EQ(nothing.error().code, ErrorCode::timeout);
      EXPECT_LE(co_await read_at_turns(core, *pair.client, *pair.server, 20), 1);
    });
  });
}

TEST(SimulatedNetwork, WhatRestsIsNotReadHoweverMuchHasCome) {
  for_each_seed(1, 10, [](std::uint64_t seed) {
    run_simulation(seed, [](Core& core) -> Task<void> {
      const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
      must(co_await write_text(*pair.client, "abc"));
      co_await core.sleep_for(seconds(1));
      std::byte letter[1];
      const auto waited = [&](MonotonicTime deadline = no_deadline) -> Task<Duration> {
        const MonotonicTime began = core.now();
        const auto got = co_await pair.server->read_some(letter, deadline);
        EXPECT_EQ(got.has_value(), deadline == no_deadline);
        co_return core.now() - began;
      };
      pair.server->rest(seconds(2));
      EXPECT_LT(co_await waited(), milliseconds(1)) << "it does not give way";
      pair.server->give_way(true);
      pair.server->rest(seconds(2));
      EXPECT_LT(co_await waited(core.now() + seconds(1)), milliseconds(1'001));
      const Duration rest = co_await waited();
      EXPECT_GE(rest, milliseconds(999));
      EXPECT_LE(rest, seconds(1) + 2 * Connection::turn_interval);
      pair.server->rest(std::chrono::hours(1));
      pair.server->rest(Duration(0));
      EXPECT_LT(co_await waited(), milliseconds(1));
    });
  });
}

TEST(SimulatedNetwork, EveryByteComesBackInOrderInEverySeed) {
  for_each_seed(1, 30, [](std::uint64_t seed) {
    std::set<std::size_t> lengths;
    Simulation simulation({.seed = seed, .cores = 3});
    const int code = simulation.run([&]() -> Task<int> {
      Core& core = simulation.core(0);
      TaskGroup group(core);
      const auto listener = must(co_await core.network().listen({"127.0.0.1", 0}, 16));
      group.spawn(serve_echo(core, simulation.core(1), *listener));
      {
        const auto client = must(co_await core.network().connect(listener->local(), core.now() + seconds(5)));
        EXPECT_EQ(client->peer(), listener->local());
        std::string sent;
        for (int i = 0; i < 2000; ++i) sent += std::to_string(i) + ",";
        must(co_await write_text(*client, sent));
        std::string received;
        std::byte buffer[1000];
        while (received.size() < sent.size()) {
          const std::size_t got = must(co_await client->read_some(buffer, core.now() + seconds(60)));
          lengths.insert(got);
          received += as_text(BytesView(buffer).first(got));
        }
        EXPECT_EQ(received, sent);
      }
      listener->close();
      co_await group.wait();
      co_return 0;
    });
    EXPECT_EQ(code, 0);
    EXPECT_GT(lengths.size(), 1U);  // short reads happen
  });
}

TEST(SimulatedNetwork, EqualSeedsReplayToTheLastChunk) {
  const auto run = [](std::uint64_t seed) {
    Simulation simulation({.seed = seed, .cores = 2});
    static_cast<void>(simulation.run([&]() -> Task<int> {
      Core& core = simulation.core(0);
      TaskGroup group(core);
      const auto listener = must(co_await core.network().listen({"127.0.0.1", 0}, 16));
      group.spawn(serve_echo(core, simulation.core(1), *listener));
      {
        const auto client = must(co_await core.network().connect(listener->local(), no_deadline));
        must(co_await write_text(*client, std::string(5000, 'x')));
        std::byte buffer[100];
        for (std::size_t total = 0; total < 5000;) total += must(co_await client->read_some(buffer, no_deadline));
      }
      listener->close();
      co_await group.wait();
      co_return 0;
    }));
    return simulation.trace_hash();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(SimulatedNetwork, AReadEndsAtItsDeadline) {
  run_simulation(2, [](Core& core) -> Task<void> {
    const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
    const MonotonicTime deadline = core.now() + seconds(3);
    std::byte byte{};
    EXPECT_EQ((co_await pair.client->read_some({&byte, 1}, deadline)).error().code, ErrorCode::timeout);
    EXPECT_EQ(core.now(), deadline);
  });
}

TEST(SimulatedNetwork, AWriterWaitsForASlowReaderAndEndsAtItsDeadline) {
  run_simulation(3, [](Core& core) -> Task<void> {
    const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
    const MonotonicTime deadline = core.now() + seconds(3);
    const Result<void> written = co_await write_text(*pair.client, std::string(mebibyte, 'x'), deadline);
    EXPECT_EQ(written.error().code, ErrorCode::timeout);
    EXPECT_EQ(core.now(), deadline);
  });
  run_simulation(4, [](Core& core) -> Task<void> {
    Pair pair = co_await connect_pair(core, core, "127.0.0.1");
    TaskGroup group(core);
    const auto write_and_close = [](std::unique_ptr<Connection> to) -> Task<void> {
      must(co_await write_text(*to, std::string(mebibyte, 'x')));
    };
    group.spawn(write_and_close(std::move(pair.client)));
    co_await core.sleep_for(seconds(10));
    EXPECT_EQ(group.running(), 1U);
    EXPECT_EQ((co_await read_to_end(*pair.server)).size(), mebibyte);
    co_await group.wait();
  });
}

TEST(SimulatedNetwork, WhatWasSentBeforeCloseArrivesAndThenTheEnd) {
  for_each_seed(1, 20, [](std::uint64_t seed) {
    run_simulation(seed, [](Core& core) -> Task<void> {
      const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
      must(co_await write_text(*pair.client, "last words"));
      pair.client->close();
      EXPECT_EQ(co_await read_to_end(*pair.server), "last words");
      std::byte byte{};
      EXPECT_EQ((co_await pair.client->read_some({&byte, 1}, no_deadline)).error().code, ErrorCode::closed);
      EXPECT_EQ((co_await write_text(*pair.client, "x")).error().code, ErrorCode::closed);
    });
  });
}

TEST(SimulatedNetwork, CloseEndsAReadInFlight) {
  run_simulation(5, [](Core& core) -> Task<void> {
    const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
    TaskGroup group(core);
    const auto close_later = [](Core& on, Connection& connection) -> Task<void> {
      co_await on.sleep_for(seconds(1));
      connection.close();
    };
    group.spawn(close_later(core, *pair.client));
    std::byte byte{};
    EXPECT_EQ((co_await pair.client->read_some({&byte, 1}, no_deadline)).error().code, ErrorCode::closed);
    co_await group.wait();
  });
}

TEST(SimulatedNetwork, WritingToAPeerThatHasGoneResetsTheConnection) {
  run_simulation(6, [](Core& core) -> Task<void> {
    const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
    pair.server->close();
    must(co_await write_text(*pair.client, "into the void"));
    co_await core.sleep_for(seconds(1));
    EXPECT_EQ((co_await write_text(*pair.client, "x")).error().code, ErrorCode::closed);
  });
}

TEST(SimulatedNetwork, ConnectIsRefusedWhereNobodyListens) {
  run_simulation(7, [](Core& core) -> Task<void> {
    const auto refused = co_await core.network().connect({"127.0.0.1", 99}, no_deadline);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    const auto listener = must(co_await core.network().listen({"0.0.0.0", 99}, 1));
    EXPECT_EQ((co_await core.network().listen({"127.0.0.1", 99}, 1)).error().code, ErrorCode::already_exists);
    must(co_await core.network().connect({"127.0.0.1", 99}, no_deadline));
    listener->close();
    EXPECT_EQ((co_await listener->accept()).error().code, ErrorCode::closed);
    EXPECT_EQ((co_await core.network().connect({"127.0.0.1", 99}, no_deadline)).error().code, ErrorCode::unavailable);
  });
}

TEST(SimulatedNetwork, AFullBacklogMakesConnectWait) {
  run_simulation(8, [](Core& core) -> Task<void> {
    const auto listener = must(co_await core.network().listen({"127.0.0.1", 0}, 1));
    const auto first = must(co_await core.network().connect(listener->local(), no_deadline));
    const MonotonicTime deadline = core.now() + seconds(5);
    EXPECT_EQ((co_await core.network().connect(listener->local(), deadline)).error().code, ErrorCode::timeout);
    EXPECT_EQ(core.now(), deadline);
    must(co_await listener->accept());
    must(co_await core.network().connect(listener->local(), no_deadline));
  });
}

TEST(SimulatedNetwork, AcceptFailsWhenDescriptorsRunOutAndThenGoesOn) {
  Simulation simulation({.seed = 9});
  static_cast<void>(simulation.run([&]() -> Task<int> {
    Core& core = simulation.core(0);
    const auto listener = must(co_await core.network().listen({"127.0.0.1", 0}, 1));
    const auto client = must(co_await core.network().connect(listener->local(), no_deadline));
    simulation.network().fail_accepts(1);
    EXPECT_EQ((co_await listener->accept()).error().code, ErrorCode::limit_exceeded);
    must(co_await listener->accept());
    co_return 0;
  }));
}

constexpr const char* first_address = "10.0.0.1";
constexpr const char* second_address = "10.0.0.2";

// An echo server on a second machine, for as long as that lives.
struct TwoMachines {
  explicit TwoMachines(std::uint64_t seed) : simulation({.seed = seed}) { add_second(); }
  void add_second() {
    second = &simulation.add_machine({.name = "second", .address = second_address, .disk = &second_disk});
  }
  void start_server() {
    second->start([core = &second->core(0)] { return serve(*core); });
  }
  static Task<void> serve(Core& core) {
    const auto listener = must(co_await core.network().listen({"0.0.0.0", 7}, 16));
    co_await serve_echo(core, core, *listener);
  }
  Task<std::unique_ptr<Connection>> connect() {
    Core& core = simulation.core(0);
    co_return must(co_await core.network().connect({second_address, 7}, core.now() + seconds(10)));
  }
  // What came back within two seconds: "ok" or the name of the error.
  Task<std::string> ask(Connection& connection) {
    const MonotonicTime deadline = simulation.core(0).now() + seconds(2);
    if (auto written = co_await write_text(connection, "?", deadline); !written) {
      co_return std::string(to_string(written.error().code));
    }
    std::byte byte{};
    auto got = co_await connection.read_some({&byte, 1}, deadline);
    if (!got) co_return std::string(to_string(got.error().code));
    co_return *got == 1 && byte == std::byte{'?'} ? "ok" : "end";
  }

  SimulatedDisk second_disk{{}};
  Simulation simulation;
  SimulatedMachine* second = nullptr;
};

void run_two(std::uint64_t seed, const std::function<Task<void>(TwoMachines&)>& main) {
  TwoMachines machines(seed);
  machines.start_server();
  const int code = machines.simulation.run([&]() -> Task<int> {
    co_await machines.simulation.core(0).sleep_for(milliseconds(1));
    co_await main(machines);
    co_return 0;
  });
  EXPECT_EQ(code, 0);
}

TEST(SimulatedNetwork, APartitionStallsConnectionsAndHealingLetsAllBytesThrough) {
  for_each_seed(1, 20, [](std::uint64_t seed) {
    run_two(seed, [](TwoMachines& machines) -> Task<void> {
      SimulatedNetwork& network = machines.simulation.network();
      const auto connection = co_await machines.connect();
      EXPECT_EQ(co_await machines.ask(*connection), "ok");
      network.partition(first_address, second_address);
      EXPECT_EQ(co_await machines.ask(*connection), "timeout");
      Core& core = machines.simulation.core(0);
      const auto unreachable = co_await core.network().connect({second_address, 7}, core.now() + seconds(1));
      EXPECT_EQ(unreachable.error().code, ErrorCode::timeout);
      network.heal();
      EXPECT_EQ(co_await machines.ask(*connection), "ok");  // the answer to the question before
      EXPECT_EQ(co_await machines.ask(*connection), "ok");
      co_await machines.connect();
    });
  });
}

TEST(SimulatedNetwork, ABlockedWayStillLetsTheOtherWayThrough) {
  run_two(2, [](TwoMachines& machines) -> Task<void> {
    const auto connection = co_await machines.connect();
    machines.simulation.network().block(second_address, first_address);
    EXPECT_EQ(co_await machines.ask(*connection), "timeout");
    machines.simulation.network().heal();
    std::byte byte{};
    EXPECT_EQ(must(co_await connection->read_some({&byte, 1}, no_deadline)), 1U);  // the question had arrived
  });
}

TEST(SimulatedNetwork, AnIsolatedMachineStillReachesItself) {
  run_two(3, [](TwoMachines& machines) -> Task<void> {
    const auto connection = co_await machines.connect();
    machines.simulation.network().isolate(first_address);
    EXPECT_EQ(co_await machines.ask(*connection), "timeout");
    Core& core = machines.simulation.core(0);
    const Pair pair = co_await connect_pair(core, core, "127.0.0.1");
    must(co_await write_text(*pair.client, "x"));
    std::byte byte{};
    EXPECT_EQ(must(co_await pair.server->read_some({&byte, 1}, no_deadline)), 1U);
  });
}

TEST(SimulatedNetwork, AResetBreaksBothEnds) {
  run_two(4, [](TwoMachines& machines) -> Task<void> {
    const auto connection = co_await machines.connect();
    EXPECT_EQ(co_await machines.ask(*connection), "ok");
    machines.simulation.network().reset_connections(first_address, second_address);
    EXPECT_EQ(co_await machines.ask(*connection), "closed");
    const auto again = co_await machines.connect();
    EXPECT_EQ(co_await machines.ask(*again), "ok");
  });
}

TEST(SimulatedNetwork, AKilledProcessResetsItsPeersAndADeadMachineIsSilent) {
  for_each_seed(1, 10, [](std::uint64_t seed) {
    for (const PeerNotice notice : {PeerNotice::reset, PeerNotice::silent}) {
      run_two(seed, [notice](TwoMachines& machines) -> Task<void> {
        Core& core = machines.simulation.core(0);
        const auto connection = co_await machines.connect();
        EXPECT_EQ(co_await machines.ask(*connection), "ok");
        machines.second->kill(notice);
        co_await core.sleep_for(seconds(1));
        EXPECT_EQ(co_await machines.ask(*connection), notice == PeerNotice::reset ? "closed" : "timeout");
        const auto nobody = co_await core.network().connect({second_address, 7}, core.now() + seconds(3));
        EXPECT_EQ(nobody.error().code, ErrorCode::timeout);
        // The reboot: the old connection means nothing to the new process, a new one works.
        machines.second_disk.crash(CrashMode::power_loss);
        machines.add_second();
        machines.start_server();
        co_await core.sleep_for(seconds(1));
        static_cast<void>(co_await machines.ask(*connection));
        EXPECT_EQ(co_await machines.ask(*connection), "closed");
        const auto fresh = co_await machines.connect();
        EXPECT_EQ(co_await machines.ask(*fresh), "ok");
      });
    }
  });
}

TEST(SimulatedNetwork, ACrashPointOnAnotherMachinesDiskStopsThatMachineAlone) {
  run_two(5, [](TwoMachines& machines) -> Task<void> {
    const auto connection = co_await machines.connect();
    SimulatedMachine& third = machines.simulation.add_machine({.name = "third", .address = "10.0.0.3"});
    const auto make_files = [](Core& core) -> Task<void> {
      for (int i = 0; i < 5; ++i) must(co_await core.files().open(std::to_string(i), OpenMode::create_new));
    };
    third.start([&] { return make_files(third.core(0)); });
    machines.second->kill();
    machines.second_disk.crash(CrashMode::power_loss);
    machines.second_disk.crash_at(1, CrashPhase::during);
    machines.add_second();
    machines.second->start([&] { return make_files(machines.second->core(0)); });
    co_await machines.simulation.core(0).sleep_for(seconds(1));
    EXPECT_FALSE(machines.second->is_alive());
    EXPECT_EQ(machines.second_disk.boundaries_crossed(), 2U);
    EXPECT_EQ(third.disk().boundaries_crossed(), 5U);
    EXPECT_EQ(co_await machines.ask(*connection), "closed");
    machines.second_disk.crash(CrashMode::process);
  });
}

}  // namespace
}  // namespace weir::env
