// Connections that go from one core to another, and reads that are told to come back: the real ones and the simulated.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "env/sim/simulation.h"
#include "env/task_group.h"
#include "tests/env/real_network_support.h"

namespace weir::env {
namespace {

// `from` and `to` are cores of one runtime; the caller is on `from`.
Task<void> move(Core& from, Core& to, std::unique_ptr<Connection>& connection) {
  std::unique_ptr<PendingConnection> pending = from.network().release(std::exchange(connection, nullptr));
  co_await to.enter();
  connection = to.network().adopt(std::move(pending));
}

Task<int> goes_on_elsewhere(Runtime& runtime) {
  Core& here = runtime.core(0);
  Core& there = runtime.core(1);
  for (const bool gives_way : {false, true}) {
    Pair pair = co_await connect_pair(here, here);
    pair.server->give_way(gives_way);
    EXPECT_TRUE(co_await write_text(*pair.client, "first", no_deadline));
    EXPECT_EQ(co_await read_text(*pair.server, 2, no_deadline), "fi");
    EXPECT_TRUE(co_await write_text(*pair.client, ", second", no_deadline));
    const std::string peer = to_string(pair.server->peer());
    co_await move(here, there, pair.server);
    EXPECT_EQ(to_string(pair.server->peer()), peer);
    EXPECT_EQ(co_await read_text(*pair.server, 11, no_deadline), "rst, second");
    EXPECT_TRUE(co_await write_text(*pair.server, "answer", no_deadline));
    co_await move(there, here, pair.server);
    EXPECT_TRUE(co_await write_text(*pair.server, "s", no_deadline));
    EXPECT_EQ(co_await read_text(*pair.client, 7, no_deadline), "answers");
    // What goes on is the connection, its end included.
    pair.client->close();
    co_await here.sleep_for(milliseconds(20));
    co_await move(here, there, pair.server);
    std::string none(1, '\0');
    const auto got = co_await pair.server->read_some(writable(none), no_deadline);
    EXPECT_TRUE(!got.has_value() || *got == 0);
    pair.server.reset();
    co_await here.enter();
  }
  co_return 0;
}

Task<int> stays_closed(Runtime& runtime) {
  Core& here = runtime.core(0);
  Pair pair = co_await connect_pair(here, here);
  pair.server->close();
  co_await move(here, runtime.core(1), pair.server);
  std::string text(1, '\0');
  const auto got = co_await pair.server->read_some(writable(text), no_deadline);
  EXPECT_TRUE(!got.has_value() && got.error().code == ErrorCode::closed);
  pair.server.reset();
  co_await here.enter();
  co_return 0;
}

Task<int> comes_back(Runtime& runtime) {
  Core& core = runtime.core(0);
  for (const bool gives_way : {false, true}) {
    Pair pair = co_await connect_pair(core, core);
    pair.server->give_way(gives_way);
    pair.server->interrupt_read();  // there is none
    std::string said;
    const auto read = [&]() -> Task<void> {
      std::string text(10, '\0');
      const auto got = co_await pair.server->read_some(writable(text), no_deadline);
      said = got.has_value() ? text.substr(0, *got) : std::string(to_string(got.error().code));
    };
    TaskGroup tasks(core);
    for (int i = 0; i < 3; ++i) {
      tasks.spawn(read());
      co_await core.sleep_for(milliseconds(1));
      pair.server->interrupt_read();
      co_await tasks.wait();
      EXPECT_EQ(said, to_string(ErrorCode::timeout));
    }
    // It is as good as before.
    EXPECT_TRUE(co_await write_text(*pair.client, "text", no_deadline));
    tasks.spawn(read());
    co_await tasks.wait();
    EXPECT_EQ(said, "text");
  }
  co_return 0;
}

// A connection that gives way and has read much in a row lets others go before it reads on.
Task<int> comes_back_before_it_waits(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  pair.server->give_way(true);
  const std::string sent(100, 'x');
  EXPECT_TRUE(co_await write_text(*pair.client, sent, no_deadline));
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "x");
  for (int i = 0; i < 40; ++i) {
    bool came_back = false;
    const auto read = [&]() -> Task<void> {
      std::string text(1, '\0');
      const auto got = co_await pair.server->read_some(writable(text), no_deadline);
      EXPECT_TRUE(!got.has_value() && got.error().code == ErrorCode::timeout);
      came_back = true;
    };
    TaskGroup tasks(core);
    tasks.spawn(read());
    EXPECT_FALSE(came_back);
    pair.server->interrupt_read();
    co_await tasks.wait();
    EXPECT_TRUE(co_await write_text(*pair.client, "x", no_deadline));
    EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "x");
  }
  co_return 0;
}

int run_simulated(Task<int> (*body)(Runtime&)) {
  Simulation simulation({.seed = 1, .cores = 2});
  return simulation.run([&] { return body(simulation); });
}

TEST(RealNetwork, AReleasedConnectionGoesOnOnAnotherCoreWithWhatHadCome) { EXPECT_EQ(run(2, goes_on_elsewhere), 0); }
TEST(SimulatedNetwork, AReleasedConnectionGoesOnOnAnotherCoreWithWhatHadCome) {
  EXPECT_EQ(run_simulated(goes_on_elsewhere), 0);
}

TEST(RealNetwork, AConnectionThatIsClosedStaysSoWhereverItGoes) { EXPECT_EQ(run(2, stays_closed), 0); }
TEST(SimulatedNetwork, AConnectionThatIsClosedStaysSoWhereverItGoes) { EXPECT_EQ(run_simulated(stays_closed), 0); }

TEST(RealNetwork, AReadThatIsInterruptedComesBackAndTheNextOneReads) { EXPECT_EQ(run(1, comes_back), 0); }
TEST(RealNetwork, AReadThatDoesNotWaitYetIsInterruptedToo) { EXPECT_EQ(run(1, comes_back_before_it_waits), 0); }

TEST(SimulatedNetwork, AReadThatIsInterruptedComesBackAndTheNextOneReads) { EXPECT_EQ(run_simulated(comes_back), 0); }

}  // namespace
}  // namespace weir::env
