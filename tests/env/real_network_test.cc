#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/event.h"
#include "env/task_group.h"
#include "tests/env/real_network_support.h"

namespace weir::env {
namespace {

Task<void> send_all(Core& core, Connection& connection, const std::string& text) {
  // In pieces of odd sizes, some empty, more than one system call takes.
  std::vector<BytesView> parts;
  for (std::size_t at = 0, size = 0; at < text.size(); at += size, size = (size * 31 + 17) % 5000) {
    parts.push_back(as_bytes(std::string_view(text).substr(at, size)));
  }
  parts.push_back(as_bytes(""));
  std::size_t covered = 0;
  for (const BytesView part : parts) covered += part.size();
  EXPECT_GE(covered, text.size());
  EXPECT_TRUE(co_await connection.write_all(parts, core.now() + seconds(30)));
}

Task<int> echo_much(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  std::string text(8'000'000, '\0');
  for (char& c : text) c = static_cast<char>(core.random_u64());
  TaskGroup group(core);
  group.spawn(echo(core, *pair.server));
  group.spawn(send_all(core, *pair.client, text));
  const std::string back = co_await read_text(*pair.client, text.size(), core.now() + seconds(30));
  EXPECT_TRUE(back == text);
  EXPECT_TRUE(pair.server->peer().is_loopback());
  pair.client->close();
  co_await group.wait();
  co_return 0;
}

TEST(RealNetwork, EchoGivesBackEveryByteInOrder) { EXPECT_EQ(run(1, echo_much), 0); }

Task<int> yields_beside_a_socket(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  bool has_read = false;
  const auto read = [&]() -> Task<void> {
    EXPECT_EQ(co_await read_text(*pair.server, 5, no_deadline), "ready");
    has_read = true;
  };
  TaskGroup group(core);
  group.spawn(read());
  co_await core.yield();
  EXPECT_TRUE(co_await write_text(*pair.client, "ready", no_deadline));
  int yields = 0;
  for (; !has_read && yields < 100; ++yields) co_await core.yield();
  EXPECT_LE(yields, 2);  // one turn for the system to tell, one to read
  co_await group.wait();
  co_return 0;
}

TEST(RealNetwork, WhatHasComeInIsServedBetweenTwoYields) { EXPECT_EQ(run(1, yields_beside_a_socket), 0); }

Task<void> close_there(Core& there, Core& here, Pair& pair) {
  co_await there.enter();
  pair.server.reset();
  co_await here.enter();
}

// What went through since others had their turn: the most of it.
struct Stretch {
  std::size_t bytes = 0;
  std::size_t bytes_most = 0;
  bool done = false;
};

Task<void> note_turns(Core& core, Stretch& stretch) {
  while (!stretch.done) {
    stretch.bytes = 0;
    co_await core.yield();
  }
}

Task<void> read_much(Core& core, Connection& connection, std::size_t bytes, Stretch& stretch) {
  std::string room(bytes, '\0');
  for (std::size_t got = 0; got < bytes;) {
    const auto more = co_await connection.read_some(writable(room).subspan(got), core.now() + seconds(30));
    EXPECT_TRUE(more && *more != 0);
    if (!more || *more == 0) break;
    got += *more;
    stretch.bytes += *more;
    stretch.bytes_most = std::max(stretch.bytes_most, stretch.bytes);
  }
  stretch.done = true;
}

// One side is a core of its own, so that as much is under way as the system takes.
Task<int> reads_much(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, runtime.core(1));
  const std::string text(8'000'000, 'x');
  TaskGroup group(core);
  const auto send = [&]() -> Task<void> {
    co_await runtime.core(1).enter();
    EXPECT_TRUE(co_await write_text(*pair.server, text, no_deadline));
    co_await core.enter();
  };
  group.spawn(send());
  co_await core.sleep_until(core.now() + milliseconds(50));
  Stretch stretch;
  group.spawn(note_turns(core, stretch));
  group.spawn(read_much(core, *pair.client, text.size(), stretch));
  co_await group.wait();
  EXPECT_LE(stretch.bytes_most, 512 * kibibyte);
  co_await close_there(runtime.core(1), core, pair);
  co_return 0;
}

TEST(RealNetwork, WhoReadsMuchLetsOthersGoBetween) { EXPECT_EQ(run(2, reads_much), 0); }

// The reader takes all that comes at once: nothing ever makes the writer wait.
Task<int> writes_much(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, runtime.core(1));
  const std::string text(8'000'000, 'x');
  bool done = false;
  int turns = 0;
  const auto write = [&]() -> Task<void> {
    EXPECT_TRUE(co_await write_text(*pair.client, text, no_deadline));
    done = true;
  };
  const auto count = [&]() -> Task<void> {
    while (!done) {
      ++turns;
      co_await core.yield();
    }
  };
  const auto read = [&]() -> Task<void> {
    co_await runtime.core(1).enter();
    EXPECT_EQ((co_await read_text(*pair.server, text.size(), no_deadline)).size(), text.size());
    co_await core.enter();
  };
  TaskGroup group(core);
  group.spawn(read());
  group.spawn(write());
  group.spawn(count());
  co_await group.wait();
  EXPECT_GE(turns, static_cast<int>(text.size() / (2 * mebibyte)));
  co_await close_there(runtime.core(1), core, pair);
  co_return 0;
}

TEST(RealNetwork, WhoWritesMuchLetsOthersGoBetween) { EXPECT_EQ(run(2, writes_much), 0); }

Task<int> peer_finishes(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  EXPECT_TRUE(co_await write_text(*pair.client, "last words", core.now() + seconds(30)));
  pair.client->close();
  EXPECT_EQ(co_await read_text(*pair.server, 10, core.now() + seconds(30)), "last words");
  std::string buffer(10, '\0');
  EXPECT_EQ(*co_await pair.server->read_some(writable(buffer), core.now() + seconds(30)), 0U);
  EXPECT_EQ(*co_await pair.server->read_some(writable(buffer), core.now() + seconds(30)), 0U);
  // The peer's system answers with a reset; sooner or later writing tells.
  Result<void> written;
  while (written) written = co_await write_text(*pair.server, std::string(1000, 'x'), core.now() + seconds(30));
  EXPECT_EQ(written.error().code, ErrorCode::closed);
  EXPECT_EQ((co_await pair.client->read_some(writable(buffer), no_deadline)).error().code, ErrorCode::closed);
  EXPECT_EQ((co_await write_text(*pair.client, "x", no_deadline)).error().code, ErrorCode::closed);
  pair.client->close();
  co_return 0;
}

TEST(RealNetwork, TheEndOfThePeerIsSeen) { EXPECT_EQ(run(1, peer_finishes), 0); }

Task<int> deadlines(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  std::string buffer(10, '\0');
  const MonotonicTime deadline = core.now() + milliseconds(5);
  EXPECT_EQ((co_await pair.server->read_some(writable(buffer), deadline)).error().code, ErrorCode::timeout);
  EXPECT_GE(core.now(), deadline);
  // A deadline that passed: what is there is still read, what is not there is a timeout.
  EXPECT_EQ((co_await pair.server->read_some(writable(buffer), deadline)).error().code, ErrorCode::timeout);
  // After a timeout the connection is as good as before, also for a deadline that comes sooner than an earlier one.
  EXPECT_TRUE(co_await write_text(*pair.client, "abc", core.now() + hours(1)));
  EXPECT_EQ(co_await read_text(*pair.server, 3, core.now() + hours(1)), "abc");
  EXPECT_EQ((co_await pair.server->read_some(writable(buffer), core.now() + milliseconds(1))).error().code,
            ErrorCode::timeout);
  // Nobody reads: writing stops at its deadline.
  Result<void> written;
  while (written) written = co_await write_text(*pair.client, std::string(1 << 20, 'x'), core.now() + milliseconds(5));
  EXPECT_EQ(written.error().code, ErrorCode::timeout);
  co_return 0;
}

TEST(RealNetwork, DeadlinesEndReadsAndWrites) { EXPECT_EQ(run(1, deadlines), 0); }

Task<void> expect_read_text(Core& core, Connection& connection, std::string expected) {
  EXPECT_EQ(co_await read_text(connection, expected.size(), core.now() + seconds(30)), expected);
}

// The write waits for a peer that takes nothing and times out; the read on the same connection must not notice.
Task<int> one_direction_times_out(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  TaskGroup group(core);
  group.spawn(expect_read_text(core, *pair.client, "still here"));
  Result<void> written;
  while (written) written = co_await write_text(*pair.client, std::string(1 << 20, 'x'), core.now() + milliseconds(5));
  EXPECT_EQ(written.error().code, ErrorCode::timeout);
  EXPECT_EQ(group.running(), 1U);
  EXPECT_TRUE(co_await write_text(*pair.server, "still here", core.now() + seconds(30)));
  co_await group.wait();
  co_return 0;
}

TEST(RealNetwork, ATimeoutOfOneDirectionLeavesTheOtherAlone) { EXPECT_EQ(run(1, one_direction_times_out), 0); }

Task<void> expect_closed_read(Connection& connection) {
  std::string buffer(10, '\0');
  const auto got = co_await connection.read_some(writable(buffer), no_deadline);
  EXPECT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::closed);
}

Task<void> expect_closed_write(Connection& connection) {
  Result<void> written;
  while (written) written = co_await write_text(connection, std::string(1 << 20, 'x'), no_deadline);
  EXPECT_EQ(written.error().code, ErrorCode::closed);
}

Task<void> expect_closed_accept(Listener& listener) {
  const auto pending = co_await listener.accept();
  EXPECT_FALSE(pending);
  EXPECT_EQ(pending.error().code, ErrorCode::closed);
}

Task<int> close_while_waiting(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  const auto listener = co_await listen(core);
  TaskGroup group(core);
  group.spawn(expect_closed_read(*pair.server));
  group.spawn(expect_closed_write(*pair.server));
  group.spawn(expect_closed_accept(*listener));
  co_await core.sleep_for(milliseconds(2));
  EXPECT_EQ(group.running(), 3U);
  pair.server->close();
  listener->close();
  co_await group.wait();
  listener->close();
  co_return 0;
}

TEST(RealNetwork, CloseEndsWhatIsInFlight) { EXPECT_EQ(run(1, close_while_waiting), 0); }

Task<int> hand_over(Runtime& runtime) {
  Core& core = runtime.core(0);
  Core& other = runtime.core(1);
  Pair pair = co_await connect_pair(core, other);
  EXPECT_TRUE(co_await write_text(*pair.client, "over there", core.now() + seconds(30)));
  co_await other.enter();
  EXPECT_EQ(co_await read_text(*pair.server, 10, other.now() + seconds(30)), "over there");
  EXPECT_TRUE(other.is_current());
  EXPECT_TRUE(co_await write_text(*pair.server, "and back", other.now() + seconds(30)));
  pair.server.reset();
  co_await core.enter();
  EXPECT_EQ(co_await read_text(*pair.client, 8, core.now() + seconds(30)), "and back");
  co_return 0;
}

TEST(RealNetwork, AnAcceptedConnectionMayMoveToAnotherCore) { EXPECT_EQ(run(2, hand_over), 0); }

Task<int> endpoint_errors(Runtime& runtime) {
  Core& core = runtime.core(0);
  Network& network = core.network();
  Endpoint taken;
  {
    const auto listener = co_await listen(core);
    taken = listener->local();
    EXPECT_NE(taken.port, 0);
    EXPECT_EQ((co_await network.listen(taken, 1)).error().code, ErrorCode::already_exists);
  }
  // Free again at once, and nobody answers.
  const auto refused = co_await network.connect(taken, core.now() + seconds(30));
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(co_await network.listen(taken, 1));
  EXPECT_EQ((co_await network.listen({"localhost", 0}, 1)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ((co_await network.connect({"", 1}, no_deadline)).error().code, ErrorCode::invalid_argument);
  co_return 0;
}

TEST(RealNetwork, AddressesThatCannotServeAreRefused) { EXPECT_EQ(run(1, endpoint_errors), 0); }

Task<int> out_of_descriptors(Runtime& runtime) {
  Core& core = runtime.core(0);
  const auto listener = co_await listen(core);
  auto client = co_await core.network().connect(listener->local(), core.now() + seconds(30));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto refused = co_await listener->accept();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(co_await listener->accept());
  co_return 0;
}

TEST(RealNetwork, RunningOutOfDescriptorsIsALimitAndPasses) { EXPECT_EQ(run(1, out_of_descriptors), 0); }

// Is due again whenever it has fired.
class RestlessTimer final : public Timer {
 public:
  explicit RestlessTimer(Core& core) : core_(core) { on_expiry(); }
  RestlessTimer(const RestlessTimer&) = delete;
  RestlessTimer& operator=(const RestlessTimer&) = delete;
  ~RestlessTimer() override { core_.disarm(*this); }
  void on_expiry() override { core_.arm(*this, MonotonicTime(nanoseconds(1))); }

 private:
  Core& core_;
};

Task<int> busy_timers(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  const RestlessTimer restless(core);
  TaskGroup group(core);
  group.spawn(expect_read_text(core, *pair.server, "came through"));
  co_await core.yield();
  EXPECT_TRUE(co_await write_text(*pair.client, "came through", core.now() + seconds(30)));
  co_await group.wait();
  co_return 0;
}

TEST(RealNetwork, TimersThatAreAlwaysDueDoNotStarveSockets) { EXPECT_EQ(run(1, busy_timers), 0); }

std::size_t thread_count() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

Task<void> serve(Core& core, std::unique_ptr<PendingConnection> pending) {
  co_await core.enter();
  const auto connection = core.network().adopt(std::move(pending));
  co_await echo(core, *connection);
}

Task<void> accept_all(Runtime& runtime, Listener& listener, TaskGroup& group) {
  for (std::uint32_t i = 0;; ++i) {
    auto pending = co_await listener.accept();
    if (!pending) break;
    group.spawn(serve(runtime.core(i % runtime.core_count()), std::move(*pending)));
  }
}

Task<int> many_connections(Runtime& runtime) {
  Core& core = runtime.core(0);
  const auto listener = co_await listen(core);
  TaskGroup group(core);
  group.spawn(accept_all(runtime, *listener, group));
  const std::size_t threads = thread_count();
  std::vector<std::unique_ptr<Connection>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::move(*co_await core.network().connect(listener->local(), core.now() + seconds(30))));
    EXPECT_TRUE(co_await write_text(*clients.back(), std::to_string(i), core.now() + seconds(30)));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string text = std::to_string(i);
    EXPECT_EQ(co_await read_text(*clients[i], text.size(), core.now() + seconds(30)), text);
  }
  EXPECT_EQ(thread_count(), threads);
  clients.clear();
  listener->close();
  co_await group.wait();
  co_return 0;
}

TEST(RealNetwork, ThreadCountDoesNotDependOnConnections) { EXPECT_EQ(run(2, many_connections), 0); }

TEST(Endpoint, KnowsLoopbackAndItsText) {
  for (const char* loopback : {"127.0.0.1", "127.255.0.3", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE((Endpoint{loopback, 1}).is_loopback()) << loopback;
  }
  for (const char* other :
       {"0.0.0.0", "::", "128.0.0.1", "10.127.0.1", "::2", "::ffff:10.0.0.1", "localhost", "", "127.0.0.1.evil"}) {
    EXPECT_FALSE((Endpoint{other, 1}).is_loopback()) << other;
  }
  EXPECT_EQ(to_string(Endpoint{"127.0.0.1", 4567}), "127.0.0.1:4567");
  EXPECT_EQ(to_string(Endpoint{"::1", 4567}), "[::1]:4567");
}

}  // namespace
}  // namespace weir::env
