// Connections that give way: they move to the server's background core, and back.
#include <algorithm>
#include <string>
#include <vector>

#include "net/client.h"
#include "net/http2/http2_client.h"
#include "tests/net/http2_test_client.h"
#include "tests/net/served.h"
#include "tests/support/simulation_test.h"

namespace weir::net {
namespace {

constexpr std::uint32_t foreground_cores = 2;

// As with_server(), on a machine with two cores and a background core.
void with_background(const std::function<env::Task<void>(Served&)>& test,
                     std::shared_ptr<const TlsContext> tls = nullptr, std::uint64_t seed = 1) {
  with_server({}, test, std::move(tls), seed, true);
}

// For a client of `served`; over TLS where there is a certificate.
HttpClientOptions client_options(Served& served, const CertificatePem* pem, std::string protocol) {
  auto tls =
      pem == nullptr ? nullptr : client_tls({.trusted_pem = pem->certificate, .protocols = {std::move(protocol)}});
  return {.endpoint = served.server->local(), .host = pem == nullptr ? "" : "weir.example", .tls = std::move(tls)};
}

// How many requests were seen on the background core since the last look, and how many on the others.
struct Seen {
  std::size_t background = 0;
  std::size_t foreground = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};
Seen take_seen(Served& served) {
  Seen seen;
  for (std::uint32_t i = 0; i < served.handlers.size(); ++i) {
    (i == foreground_cores ? seen.background : seen.foreground) += std::exchange(served.handlers[i]->seen, {}).size();
  }
  return seen;
}

template <class Client>
env::Task<void> goes_and_comes_back(Served& served, Client& client) {
  const auto ask = [&](std::string path, std::string body) -> env::Task<void> {
    const Result<HttpClientResponse> response =
        co_await client.send({.target = std::move(path), .body = body}, no_deadline);
    EXPECT_TRUE(response.has_value());
    if (response.has_value()) EXPECT_EQ(response->body, body);
  };
  std::uint64_t moved = served.metrics.connections_moved.value();
  for (int round = 0; round < 3; ++round) {
    co_await ask("/other", "x");
    EXPECT_EQ(take_seen(served), (Seen{.foreground = 1}));
    co_await ask("/over", "the answer says that it gives way");
    EXPECT_EQ(take_seen(served), (Seen{.foreground = 1}));
    for (const std::size_t bytes : {1UZ, 1UZ, 100UZ, 3UZ * mebibyte, 1UZ})
      co_await ask("/over", std::string(bytes, 'y'));
    EXPECT_EQ(take_seen(served), (Seen{.background = 5}));
    EXPECT_EQ(served.metrics.connections_in_background.value(), 1);
    co_await ask("/other", std::string(2 * mebibyte, 'z'));
    EXPECT_EQ(take_seen(served), (Seen{.background = 1})) << "its answer says that it does no longer";
    EXPECT_EQ(served.metrics.connections_moved.value(), ++moved);
  }
  co_await ask("/other", "x");
  EXPECT_EQ(take_seen(served), (Seen{.foreground = 1}));
  EXPECT_EQ(served.metrics.connections_in_background.value(), 0);
  // Its end there is told, too.
  co_await ask("/over", "x");
  co_await ask("/over", "x");
  EXPECT_EQ(served.metrics.connections_in_background.value(), 1);
  static_cast<void>(take_seen(served));
}

TEST(BackgroundCore, ServesWhoGivesWayUntilHeDoesNoLonger) {
  const CertificatePem pem = test_certificate();
  for (const bool secured : {false, true}) {
    with_background(
        [&](Served& served) -> env::Task<void> {
          env::Core& core = served.simulation.core(0);
          const CertificatePem* const secured_by = secured ? &pem : nullptr;
          {
            HttpClient http1(core, client_options(served, secured_by, "http/1.1"));
            co_await goes_and_comes_back(served, http1);
          }
          co_await core.sleep_for(seconds(1));
          EXPECT_EQ(served.metrics.connections_in_background.value(), 0);
          Http2Client http2(core, client_options(served, secured_by, "h2"));
          co_await goes_and_comes_back(served, http2);
          co_await http2.stop();
        },
        secured ? server_tls(pem) : nullptr);
  }
}

// A request, for how many turns its connection rests before it, and how large it is.
struct AfterRest {
  std::string path;
  std::int64_t turns;
  std::size_t bytes = 0;
};
// Twice as long each time, up to 0.64 s, until something is done; longer after large ones.
const std::vector<AfterRest> in_vain_or_not{{"/over", 0},
                                            {"/vain", 0},
                                            {"/vain", 1},
                                            {"/vain", 2},
                                            {"/vain", 4},
                                            {"/vain", 8},
                                            {"/vain", 16},
                                            {"/vain", 32},
                                            {"/vain", 32},
                                            {"/over", 32},
                                            {"/over", 0},
                                            {"/vain", 0},
                                            {"/vain", 1},
                                            {"/over", 2},
                                            {"/vain", 0, 100'000},
                                            {"/vain", 2, 1'200'000},
                                            {"/vain", 16, 1'200'000},
                                            {"/vain", 32, 1'200'000},
                                            {"/vain", 64, 1'200'000},
                                            {"/vain", 128, 1'200'000},
                                            {"/vain", 128},
                                            {"/over", 32},
                                            {"/over", 0}};

template <class Client>
env::Task<void> expect_rests(Served& served, Client& client) {
  constexpr Duration turn = env::Connection::turn_interval;
  env::Core& core = served.simulation.core(0);
  for (const auto& [path, turns, bytes] : in_vain_or_not) {
    const std::string body(bytes, 'b');
    const MonotonicTime began = core.now();
    EXPECT_TRUE((co_await client.send({.target = path, .body = body}, no_deadline)).has_value());
    const Duration took = core.now() - began;
    EXPECT_GE(took, (turns - 1) * turn) << "the answer was on its way for a part of it";
    // It has to wait for a turn in any case, and for the next one after a rest; a large one for several.
    if (bytes == 0) EXPECT_LE(took, (turns + 3) * turn);
  }
}

TEST(BackgroundCore, AConnectionRestsLongerTheMoreRequestsInARowWereInVain) {
  const CertificatePem pem = test_certificate();
  for (const bool secured : {false, true}) {
    with_background(
        [&](Served& served) -> env::Task<void> {
          env::Core& core = served.simulation.core(0);
          const CertificatePem* const secured_by = secured ? &pem : nullptr;
          {
            HttpClient http1(core, client_options(served, secured_by, "http/1.1"));
            co_await expect_rests(served, http1);
          }
          Http2Client http2(core, client_options(served, secured_by, "h2"));
          co_await expect_rests(served, http2);
          co_await http2.stop();
          EXPECT_EQ(served.metrics.rests.value(), 2U * 17U);
        },
        secured ? server_tls(pem) : nullptr);
  }
}

env::Task<void> write(env::Connection& connection, std::string_view text) {
  const BytesView part = as_bytes(text);
  EXPECT_TRUE((co_await connection.write_all({&part, 1}, no_deadline)).has_value());
}

TEST(BackgroundCore, RequestsThatWereSentAheadAreAnsweredInOrder) {
  with_background([](Served& served) -> env::Task<void> {
    const auto connection = co_await served.connect();
    std::string ahead;
    std::string bodies;
    for (const std::string_view path : {"/other", "/over", "/over", "/other", "/other", "/over", "/other"}) {
      const std::string body = std::to_string(bodies.size());
      ahead.append("POST ").append(path).append(" HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n").append(body);
      bodies += body;
    }
    ahead.insert(ahead.rfind("Content-Length"), "Connection: close\r\n");
    co_await write(*connection, ahead);
    std::string answers;
    std::string buffer(10'000, '\0');
    for (;;) {
      const auto got = co_await connection->read_some(std::as_writable_bytes(std::span(buffer)), no_deadline);
      if (!got.has_value() || *got == 0) break;
      answers.append(buffer, 0, *got);
    }
    std::string answered;
    for (std::size_t at = 0; (at = answers.find("\r\n\r\n", at)) != std::string::npos; at += 4)
      answered += answers[at + 4];
    EXPECT_EQ(answered, bodies);
    // After "/over" in the foreground; "/other" in the background is the last there.
    EXPECT_EQ(take_seen(served), (Seen{.background = 3, .foreground = 4}));
  });
}

TEST(BackgroundCore, OfHttp2TheRequestsInFlightAreAnsweredFirstAndOthersWait) {
  with_background([](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    const auto connection = co_await served.connect();
    Http2TestSession session;
    const auto waits = session.request("/wait", "a");
    const auto over = session.request("/over", "b");
    co_await write(*connection, session.output());
    co_await core.sleep_for(seconds(1));
    EXPECT_EQ(take_seen(served), (Seen{.foreground = 2}));
    const auto later = session.request("/over", "c");
    co_await write(*connection, session.output());
    co_await core.sleep_for(seconds(1));
    EXPECT_EQ(take_seen(served), Seen{}) << "it waits for the one that is in flight";
    EXPECT_EQ(served.metrics.connections_in_background.value(), 0);
    co_await release_later(served, seconds(1));
    std::string buffer(10'000, '\0');
    while (!session.answer(later).closed) {
      const auto got = co_await connection->read_some(std::as_writable_bytes(std::span(buffer)), no_deadline);
      EXPECT_TRUE(got.has_value() && *got != 0);
      if (!got.has_value() || *got == 0) break;
      session.input(std::string_view(buffer).substr(0, *got));
    }
    EXPECT_EQ(session.answer(waits).body + session.answer(over).body + session.answer(later).body, "abc");
    EXPECT_EQ(take_seen(served), (Seen{.background = 1}));
    EXPECT_EQ(served.metrics.connections_in_background.value(), 1);
  });
}

// One connection with three requests: one is in flight, one was answered and made the connection move, one waits for
// that. Then the server stops.
env::Task<void> stops_before_it_has_moved(Served& served) {
  env::Core& core = served.simulation.core(0);
  const auto connection = co_await served.connect();
  Http2TestSession session;
  const std::int32_t waits = session.request("/wait", "a");
  const std::int32_t over = session.request("/over", "b");
  co_await write(*connection, session.output());
  co_await core.sleep_for(seconds(1));
  const std::int32_t later = session.request("/other", "c");
  co_await write(*connection, session.output());
  co_await core.sleep_for(seconds(1));
  EXPECT_EQ(take_seen(served), (Seen{.foreground = 2}));
  env::TaskGroup tasks(core);
  tasks.spawn(served.server->stop(seconds(30)));
  tasks.spawn(release_later(served, seconds(5)));
  std::string buffer(10'000, '\0');
  for (;;) {
    const auto got = co_await connection->read_some(std::as_writable_bytes(std::span(buffer)), no_deadline);
    if (!got.has_value() || *got == 0) break;
    session.input(std::string_view(buffer).substr(0, *got));
  }
  EXPECT_EQ(session.answer(waits).body + session.answer(over).body + session.answer(later).body, "abc");
  EXPECT_TRUE(session.went_away);
  EXPECT_EQ(take_seen(served), (Seen{.foreground = 1}));
  connection->close();
  co_await tasks.wait();
  served.server.reset();
}

TEST(BackgroundCore, WhatWaitsForAConnectionToMoveIsAnsweredWhenTheServerStops) {
  with_background(stops_before_it_has_moved);
}

// Requests that give way or not, in any order, until the server stops.
template <class Client>
env::Task<void> ask_until_the_end(Served& served, Client& client, std::size_t& answered) {
  env::Core& core = served.simulation.core(0);
  for (;;) {
    const std::uint64_t random = core.random_u64();
    const std::string body(random % 3 == 0 ? random % (300 * kibibyte) : random % 100, 'b');
    std::string path = random % 5 < 2 ? "/over" : random % 5 < 4 ? "/other" : "/later";
    const Result<HttpClientResponse> response =
        co_await client.send({.target = std::move(path), .body = body}, no_deadline);
    if (!response.has_value()) co_return;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, body);
    ++answered;
    if (random % 7 == 0) co_await core.sleep_for(microseconds(random % 30'000));
  }
}

TEST(BackgroundCore, HoweverManyMoveNoAnswerIsLostAndTheServerStops) {
  const CertificatePem pem = test_certificate();
  std::size_t answered = 0;
  std::uint64_t moved = 0;
  test::for_each_seed(1, 30, [&](std::uint64_t seed) {
    const bool secured = seed % 3 == 0;
    with_background(
        [&](Served& served) -> env::Task<void> {
          env::Core& core = served.simulation.core(0);
          const CertificatePem* const secured_by = secured ? &pem : nullptr;
          std::vector<std::unique_ptr<HttpClient>> clients;
          Http2Client http2(core, client_options(served, secured_by, "h2"));
          env::TaskGroup tasks(core);
          for (int i = 0; i < 6; ++i) {
            clients.push_back(std::make_unique<HttpClient>(core, client_options(served, secured_by, "http/1.1")));
            tasks.spawn(ask_until_the_end(served, *clients.back(), answered));
          }
          for (int i = 0; i < 4; ++i) tasks.spawn(ask_until_the_end(served, http2, answered));
          co_await core.sleep_for(milliseconds(100 + static_cast<std::int64_t>(core.random_u64() % 400)));
          const std::size_t before = served.seen();
          co_await served.server->stop(seconds(10));
          EXPECT_GE(served.seen(), before);
          moved += served.metrics.connections_moved.value();
          served.server.reset();
          co_await tasks.wait();
          co_await http2.stop();
        },
        secured ? server_tls(pem) : nullptr, seed);
  });
  EXPECT_GT(answered, 1'000U);
  EXPECT_GT(moved, 100U);
}

}  // namespace
}  // namespace weir::net
