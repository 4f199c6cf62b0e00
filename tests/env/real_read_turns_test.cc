#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/event.h"
#include "env/task_group.h"
#include "tests/env/real_network_support.h"

namespace weir::env {
namespace {

// Reads `expected` and says so in `log`.
Task<void> read_and_log(Connection& connection, std::string expected, std::string& log) {
  EXPECT_EQ(co_await read_text(connection, expected.size(), no_deadline), expected);
  log += expected;
}

enum class GivesWay : std::uint8_t { no, before_its_read, during_its_read };

// Of two connections the one that gives way is written to first. Returns which was read first.
Task<std::string> order_of_reads(Core& core, GivesWay gives_way) {
  Pair first = co_await connect_pair(core, core);
  Pair second = co_await connect_pair(core, core);
  if (gives_way == GivesWay::before_its_read) first.server->give_way(true);
  std::string log;
  TaskGroup group(core);
  group.spawn(read_and_log(*first.server, "1", log));
  group.spawn(read_and_log(*second.server, "2", log));
  co_await core.yield();
  if (gives_way == GivesWay::during_its_read) {
    first.server->give_way(true);
    co_await core.sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(co_await write_text(*first.client, "1", no_deadline));
  EXPECT_TRUE(co_await write_text(*second.client, "2", no_deadline));
  co_await group.wait();
  co_return log;
}

// A machine that stands still for longer than a turn lets both come in before it: so there are many rounds.
Task<int> wakes_nobody(Runtime& runtime) {
  constexpr int rounds = 30;
  for (const GivesWay when : {GivesWay::before_its_read, GivesWay::during_its_read}) {
    int overtaken = 0;
    for (int i = 0; i < rounds; ++i) {
      EXPECT_EQ(co_await order_of_reads(runtime.core(0), GivesWay::no), "12");
      overtaken += co_await order_of_reads(runtime.core(0), when) == "21" ? 1 : 0;
    }
    EXPECT_GT(overtaken, rounds / 3);
  }
  co_return 0;
}

TEST(ReadTurns, WhatComesInOnAConnectionThatGivesWayIsLookedAtLater) { EXPECT_EQ(run(1, wakes_nobody), 0); }

// So many that the system tells of them in several portions.
Task<int> many(Runtime& runtime) {
  constexpr std::size_t count = 400;
  Core& core = runtime.core(0);
  std::vector<Pair> pairs(count);
  std::string log;
  TaskGroup group(core);
  for (Pair& pair : pairs) {
    pair = co_await connect_pair(core, core);
    pair.server->give_way(true);
    group.spawn(read_and_log(*pair.server, "x", log));
  }
  for (const Pair& pair : pairs) EXPECT_TRUE(co_await write_text(*pair.client, "x", no_deadline));
  co_await group.wait();
  EXPECT_EQ(log.size(), count);
  co_return 0;
}

TEST(ReadTurns, ServesAllThatAreReady) { EXPECT_EQ(run(1, many), 0); }

// A connection that is ready again and again, until `done`.
Task<void> ping_pong(Core& core, Pair& pair, std::string& log, const bool& done) {
  while (!done) {
    EXPECT_TRUE(co_await write_text(*pair.client, "n", no_deadline));
    co_await read_and_log(*pair.server, "n", log);
    EXPECT_TRUE(co_await write_text(*pair.server, "n", no_deadline));
    EXPECT_EQ(co_await read_text(*pair.client, 1, no_deadline), "n");
    co_await core.yield();
  }
}

Task<int> one_by_one(Runtime& runtime) {
  constexpr std::size_t count = 100;
  Core& core = runtime.core(0);
  std::vector<Pair> pairs(count);
  Pair other = co_await connect_pair(core, core);
  std::string log;
  bool done = false;
  TaskGroup ready(core);
  for (Pair& pair : pairs) {
    pair = co_await connect_pair(core, core);
    pair.server->give_way(true);
    ready.spawn(read_and_log(*pair.server, "x", log));
  }
  for (const Pair& pair : pairs) EXPECT_TRUE(co_await write_text(*pair.client, "x", no_deadline));
  TaskGroup busy(core);
  busy.spawn(ping_pong(core, other, log, done));
  co_await ready.wait();
  done = true;
  co_await busy.wait();
  EXPECT_EQ(std::ranges::count(log, 'x'), static_cast<std::ptrdiff_t>(count));
  // The system may take its time to bring bytes from one end to the other, now and then.
  std::size_t nothing_between = 0;
  for (std::size_t at = log.find("xx"); at != std::string::npos; at = log.find("xx", at + 1)) ++nothing_between;
  EXPECT_LT(nothing_between, count / 4) << log;
  co_return 0;
}

TEST(ReadTurns, BetweenAnyTwoOfThemTheCoreServesWhatElseIsReady) { EXPECT_EQ(run(1, one_by_one), 0); }

Task<int> to_and_fro(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  std::string seen;
  const auto answer = [&]() -> Task<void> {
    for (int i = 0; i < 60; ++i) {
      pair.server->give_way(i % 3 != 0);  // in and out, and two in a row
      const std::string number = std::to_string(100 + i);
      co_await read_and_log(*pair.server, number, seen);
      EXPECT_TRUE(co_await write_text(*pair.server, number, no_deadline));
    }
  };
  TaskGroup group(core);
  group.spawn(answer());
  for (int i = 0; i < 60; ++i) {
    const std::string number = std::to_string(100 + i);
    EXPECT_TRUE(co_await write_text(*pair.client, number, no_deadline));
    EXPECT_EQ(co_await read_text(*pair.client, number.size(), no_deadline), number);
  }
  co_await group.wait();
  EXPECT_EQ(seen.size(), 180U);
  co_return 0;
}

TEST(ReadTurns, AConnectionMayBeginAndCeaseToGiveWayWithoutLosingAnything) { EXPECT_EQ(run(1, to_and_fro), 0); }

// What gives way is read to its end; and its writer, who waits for room, goes on beside the reader.
Task<int> both_ways(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  pair.server->give_way(true);
  std::string text(8'000'000, '\0');
  for (char& c : text) c = static_cast<char>(core.random_u64());
  const auto exchange = [&](Connection& connection) -> Task<void> {
    TaskGroup both(core);
    const auto read = [&]() -> Task<void> {
      EXPECT_TRUE(co_await read_text(connection, text.size(), no_deadline) == text);
    };
    both.spawn(read());
    co_await core.sleep_for(milliseconds(5));  // the reader waits before the writer does
    EXPECT_TRUE(co_await write_text(connection, text, no_deadline));
    co_await both.wait();
  };
  TaskGroup group(core);
  group.spawn(exchange(*pair.client));
  group.spawn(exchange(*pair.server));
  co_await group.wait();
  co_return 0;
}

TEST(ReadTurns, MuchGoesThroughInBothDirectionsAtOnce) { EXPECT_EQ(run(1, both_ways), 0); }

// After three seconds without a word it is watched by the loop again, and so read before what comes in later.
Task<int> quiet(Runtime& runtime) {
  Core& core = runtime.core(0);
  int in_order = 0;
  for (int i = 0; i < 2; ++i) {
    Pair first = co_await connect_pair(core, core);
    Pair second = co_await connect_pair(core, core);
    first.server->give_way(true);
    std::string log;
    TaskGroup group(core);
    group.spawn(read_and_log(*first.server, "1", log));
    group.spawn(read_and_log(*second.server, "2", log));
    co_await core.sleep_for(milliseconds(3'500));
    EXPECT_TRUE(co_await write_text(*first.client, "1", no_deadline));
    EXPECT_TRUE(co_await write_text(*second.client, "2", no_deadline));
    co_await group.wait();
    in_order += log == "12" ? 1 : 0;
  }
  EXPECT_EQ(in_order, 2);
  co_return 0;
}

TEST(ReadTurns, AConnectionThatIsQuietForSecondsNoLongerGivesWay) { EXPECT_EQ(run(1, quiet), 0); }

Task<int> deadlines(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  pair.server->give_way(true);
  std::string buffer(10, '\0');
  const MonotonicTime deadline = core.now() + milliseconds(50);
  EXPECT_EQ((co_await pair.server->read_some(writable(buffer), deadline)).error().code, ErrorCode::timeout);
  EXPECT_GE(core.now(), deadline);
  EXPECT_EQ((co_await pair.server->read_some(writable(buffer), deadline)).error().code, ErrorCode::timeout);
  // After a timeout the connection is as good as before; what is there is read whatever the deadline.
  EXPECT_TRUE(co_await write_text(*pair.client, "abc", no_deadline));
  EXPECT_EQ(co_await read_text(*pair.server, 3, no_deadline), "abc");
  EXPECT_TRUE(co_await write_text(*pair.client, "def", no_deadline));
  EXPECT_EQ(co_await read_text(*pair.server, 3, deadline), "def");
  // Nobody reads: writing stops at its deadline, and the reader does not notice.
  std::string log;
  TaskGroup group(core);
  group.spawn(read_and_log(*pair.server, "ghi", log));
  Result<void> written;
  while (written) written = co_await write_text(*pair.server, std::string(1 << 20, 'x'), core.now() + milliseconds(5));
  EXPECT_EQ(written.error().code, ErrorCode::timeout);
  EXPECT_TRUE(co_await write_text(*pair.client, "ghi", no_deadline));
  co_await group.wait();
  EXPECT_EQ(log, "ghi");
  co_return 0;
}

TEST(ReadTurns, DeadlinesHoldAsForAllConnections) { EXPECT_EQ(run(1, deadlines), 0); }

Task<int> ends(Runtime& runtime) {
  Core& core = runtime.core(0);
  std::string buffer(10, '\0');
  Pair finished = co_await connect_pair(core, core);
  finished.server->give_way(true);
  TaskGroup group(core);
  const auto expect_end = [&]() -> Task<void> {
    const auto got = co_await finished.server->read_some(writable(buffer), no_deadline);
    EXPECT_EQ(got.value_or(1), 0U);
  };
  group.spawn(expect_end());
  Pair closed = co_await connect_pair(core, core);
  closed.server->give_way(true);
  const auto expect_closed = [&]() -> Task<void> {
    std::string room(10, '\0');
    const auto got = co_await closed.server->read_some(writable(room), no_deadline);
    EXPECT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, ErrorCode::closed);
  };
  group.spawn(expect_closed());
  co_await core.sleep_for(milliseconds(2));
  EXPECT_EQ(group.running(), 2U);
  finished.client->close();
  closed.server->close();
  co_await group.wait();
  EXPECT_EQ((co_await finished.server->read_some(writable(buffer), no_deadline)).value_or(1), 0U);
  EXPECT_EQ((co_await write_text(*closed.server, "x", no_deadline)).error().code, ErrorCode::closed);
  EXPECT_EQ((co_await read_text(*closed.client, 1, no_deadline)), "");
  co_return 0;
}

TEST(ReadTurns, TheEndOfThePeerAndACloseEndTheWait) { EXPECT_EQ(run(1, ends), 0); }

Task<int> rests(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  EXPECT_TRUE(co_await write_text(*pair.client, "abcdef", no_deadline));
  pair.server->rest(std::chrono::hours(1));
  EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "a") << "it does not give way";

  pair.server->give_way(true);
  const MonotonicTime began = core.now();
  pair.server->rest(milliseconds(100));
  EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "b");
  EXPECT_GE(core.now() - began, milliseconds(100));
  EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "c");

  pair.server->rest(std::chrono::hours(1));
  std::string buffer(10, '\0');
  const auto late = co_await pair.server->read_some(writable(buffer), core.now() + milliseconds(30));
  EXPECT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, ErrorCode::timeout);
  pair.server->rest(Duration(0));
  EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "d");

  pair.server->rest(std::chrono::hours(1));
  pair.server->give_way(false);
  EXPECT_EQ(co_await read_text(*pair.server, 1, no_deadline), "e");
  co_return 0;
}

TEST(ReadTurns, AConnectionThatRestsIsNotReadHoweverMuchHasCome) { EXPECT_EQ(run(1, rests), 0); }

// A read that is under way while its connection rests comes back when it is told to, and when the connection is closed.
Task<int> rests_end(Runtime& runtime) {
  Core& core = runtime.core(0);
  Pair pair = co_await connect_pair(core, core);
  pair.server->give_way(true);
  pair.server->rest(std::chrono::hours(1));
  EXPECT_TRUE(co_await write_text(*pair.client, "x", no_deadline));
  const auto expect_error = [&](ErrorCode code) -> Task<void> {
    std::string room(10, '\0');
    const auto got = co_await pair.server->read_some(writable(room), no_deadline);
    EXPECT_FALSE(got.has_value());
    if (!got.has_value()) EXPECT_EQ(got.error().code, code);
  };
  TaskGroup group(core);
  group.spawn(expect_error(ErrorCode::timeout));
  co_await core.sleep_for(milliseconds(50));
  EXPECT_EQ(group.running(), 1U);
  pair.server->interrupt_read();
  co_await group.wait();
  group.spawn(expect_error(ErrorCode::closed));
  co_await core.sleep_for(milliseconds(50));
  EXPECT_EQ(group.running(), 1U);
  pair.server->close();
  co_await group.wait();
  co_return 0;
}

TEST(ReadTurns, ARestEndsWithTheReadOrTheConnection) { EXPECT_EQ(run(1, rests_end), 0); }

}  // namespace
}  // namespace weir::env
