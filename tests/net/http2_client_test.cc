#include "net/http2/http2_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/task_group.h"
#include "tests/net/served.h"
#include "tests/support/simulation_test.h"

namespace weir::net {
namespace {

using Outcome = Result<HttpClientResponse>;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const Outcome nothing_came = fail(ErrorCode::internal, "nothing came");
const std::string here = "10.0.0.1";  // the machine's address

env::Task<void> send_into(Http2Client& client, HttpClientRequest request, MonotonicTime deadline, Outcome& outcome) {
  outcome = co_await client.send(std::move(request), deadline);
}

std::string describe(const Outcome& outcome) {
  if (!outcome.has_value()) return std::string(to_string(outcome.error().code)) + ": " + outcome.error().message;
  return std::to_string(outcome->status) + " with " + std::to_string(outcome->body.size()) + " bytes";
}

std::string random_body(env::Core& core, std::size_t bytes) {
  std::string body(bytes, 'x');
  for (char& c : body) c = static_cast<char>(core.random_u64());
  return body;
}

// Sends `bodies` to `path` at once and expects each to come back to whom it belongs.
env::Task<void> exchange_all(Http2Client& client, env::Core& core, std::string path, std::vector<std::string> bodies) {
  env::TaskGroup tasks(core);
  std::vector<Outcome> outcomes(bodies.size(), nothing_came);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    tasks.spawn(send_into(client, {.target = path, .body = bodies[i]}, no_deadline, outcomes[i]));
  }
  EXPECT_GE(client.requests(), bodies.size());
  co_await tasks.wait();
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_TRUE(outcomes[i].has_value() && outcomes[i]->body == bodies[i]) << i << ": " << describe(outcomes[i]);
  }
}

HttpClientOptions options_for(const Served& served) {
  return {.endpoint = served.server->local(), .host = "", .tls = {}};
}

TEST(Http2Client, HundredsOfRequestsAtOnceShareOneConnection) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < 500; ++i) bodies.push_back(random_body(core, core.random_u64() % 3'000));
    co_await exchange_all(client, core, "/later", bodies);
    EXPECT_TRUE(client.is_connected());
    EXPECT_EQ(served.metrics.connections_accepted.value(), 1U);
    EXPECT_EQ(served.metrics.requests_http2.value(), 500U);
    EXPECT_GT(served.handlers[0]->running_max, 10U);
    co_await client.stop();
    EXPECT_FALSE(client.is_connected());
  });
}

TEST(Http2Client, AnswersComeInAnyOrder) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    env::TaskGroup tasks(core);
    Outcome first = nothing_came;
    tasks.spawn(send_into(client, {.target = "/wait", .body = "first"}, no_deadline, first));
    const Outcome second = co_await client.send({.body = "second"}, no_deadline);
    EXPECT_TRUE(second.has_value() && second->body == "second") << describe(second);
    EXPECT_FALSE(first.has_value());
    tasks.spawn(release_later(served, seconds(1)));
    co_await tasks.wait();
    EXPECT_TRUE(first.has_value() && first->body == "first") << describe(first);
    co_await client.stop();
  });
}

TEST(Http2Client, ARequestArrivesAsItWasSentAndSoDoesItsResponse) {
  with_server({}, [](Served& served) -> env::Task<void> {
    HttpClientOptions options = options_for(served);
    options.host = "node-7.weir:4600";
    Http2Client client(served.simulation.core(0), options);
    const Outcome response = co_await client.send(
        {.target = "/weir/1/append?x=1", .headers = {{"Content-Type", "application/protobuf"}}, .body = "hi"},
        no_deadline);
    EXPECT_EQ(describe(response), "200 with 2 bytes");
    EXPECT_EQ(response->header("x-echo"), "yes");
    EXPECT_EQ(served.handlers[0]->seen.at(0),
              "POST /weir/1/append?x=1\nhost=node-7.weir:4600\ncontent-length=2\ncontent-type=application/protobuf\n\n"
              "hi");
    EXPECT_EQ(describe(co_await client.send({.method = "GET"}, no_deadline)), "200 with 0 bytes");
    for (const char* name : {"bad name", ":path", ""}) {
      EXPECT_EQ((co_await client.send({.headers = {{name, "x"}}}, no_deadline)).error().code,
                ErrorCode::invalid_argument);
    }
    EXPECT_EQ((co_await client.send({.headers = {{"a", "x\r\ny: z"}}}, no_deadline)).error().code,
              ErrorCode::invalid_argument);
    co_await client.stop();
  });
}

TEST(Http2Client, CarriesLargeBodiesBothWays) {
  const CertificatePem pem = test_certificate();
  for (const bool with_tls : {false, true}) {
    const auto body = [&](Served& served) -> env::Task<void> {
      env::Core& core = served.simulation.core(0);
      HttpClientOptions options = options_for(served);
      options.host = "localhost";
      if (with_tls) options.tls = client_tls({.trusted_pem = pem.certificate, .protocols = {"h2"}});
      Http2Client client(core, options);
      std::vector<std::string> bodies{std::string(12 * mebibyte, 'l'), random_body(core, 2 * mebibyte)};
      for (std::size_t i = 0; i < 6; ++i) bodies.push_back(std::string(1 * mebibyte + i, static_cast<char>('a' + i)));
      co_await exchange_all(client, core, "/", bodies);
      EXPECT_EQ(describe(co_await client.send({.target = "/large"}, no_deadline)), "200 with 3145728 bytes");
      EXPECT_EQ(served.metrics.connections_accepted.value(), 1U);
      co_await client.stop();
    };
    with_server({}, body, with_tls ? server_tls(pem) : nullptr);
  }
}

TEST(Http2Client, ATimeoutLeavesTheConnectionAndTheOtherRequestsAlone) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    env::TaskGroup tasks(core);
    Outcome patient = nothing_came;
    Outcome hasty = nothing_came;
    const MonotonicTime began = core.now();
    tasks.spawn(send_into(client, {.target = "/wait", .body = "p"}, no_deadline, patient));
    tasks.spawn(send_into(client, {.target = "/wait", .body = "h"}, began + seconds(2), hasty));
    co_await core.sleep_until(began + seconds(3));
    EXPECT_THAT(describe(hasty), HasSubstr("timeout: "));
    EXPECT_EQ(client.requests(), 1U);
    EXPECT_EQ(describe(co_await client.send({.body = "x"}, no_deadline)), "200 with 1 bytes");
    tasks.spawn(release_later(served, seconds(30)));
    co_await tasks.wait();
    EXPECT_EQ(describe(patient), "200 with 1 bytes");
    EXPECT_EQ(served.metrics.connections_accepted.value(), 1U);
    EXPECT_EQ(served.metrics.h2_streams_reset_by_peer.value(), 1U);
    // One that has no time left is not sent at all.
    EXPECT_EQ((co_await client.send({.body = "y"}, core.now())).error().code, ErrorCode::unavailable);
    EXPECT_EQ(served.seen(), 3U);
    co_await client.stop();
  });
}

TEST(Http2Client, RefusesRequestsBeyondItsBoundsAndTakesThemLater) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    HttpClientOptions options = options_for(served);
    options.requests_max = 3;
    options.requests_bytes_max = 1'000;
    Http2Client client(core, options);
    env::TaskGroup tasks(core);
    std::vector<Outcome> outcomes(3, nothing_came);
    for (Outcome& outcome : outcomes) {
      tasks.spawn(send_into(client, {.target = "/wait", .body = std::string(300, 'x')}, no_deadline, outcome));
    }
    EXPECT_EQ((co_await client.send({}, no_deadline)).error().code, ErrorCode::limit_exceeded);
    tasks.spawn(release_later(served, seconds(1)));
    co_await tasks.wait();
    for (const Outcome& outcome : outcomes) EXPECT_EQ(describe(outcome), "200 with 300 bytes");
    EXPECT_EQ((co_await client.send({.body = std::string(1'001, 'x')}, no_deadline)).error().code,
              ErrorCode::limit_exceeded);
    EXPECT_EQ(describe(co_await client.send({.body = std::string(1'000, 'x')}, no_deadline)), "200 with 1000 bytes");
    EXPECT_EQ(served.seen(), 4U);
    co_await client.stop();
  });
}

TEST(Http2Client, AResponseBeyondItsBoundFailsAlone) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    HttpClientOptions options = options_for(served);
    options.response_bytes_max = 3 * mebibyte - 1;
    Http2Client client(core, options);
    env::TaskGroup tasks(core);
    Outcome large = nothing_came;
    tasks.spawn(send_into(client, {.target = "/large"}, no_deadline, large));
    co_await exchange_all(client, core, "/later", {"a", "b", std::string(100'000, 'c')});
    co_await tasks.wait();
    EXPECT_EQ(large.error().code, ErrorCode::corrupt) << describe(large);
    EXPECT_EQ(served.metrics.connections_accepted.value(), 1U);
    co_await client.stop();

    options.response_bytes_max = 3 * mebibyte;
    options.responses_bytes_max = 8 * mebibyte;
    Http2Client many(core, options);
    std::vector<Outcome> outcomes(6, nothing_came);
    for (Outcome& outcome : outcomes) tasks.spawn(send_into(many, {.target = "/large"}, no_deadline, outcome));
    co_await tasks.wait();
    std::size_t whole = 0;
    for (const Outcome& outcome : outcomes) {
      whole += outcome.has_value() ? 1U : 0U;
      if (!outcome.has_value()) EXPECT_EQ(outcome.error().code, ErrorCode::closed);
    }
    EXPECT_GE(whole, 2U);
    EXPECT_LT(whole, 6U);
    EXPECT_EQ(describe(co_await many.send({.target = "/large"}, no_deadline)), "200 with 3145728 bytes");
    co_await many.stop();
  });
}

TEST(Http2Client, AServerThatDrainsAnswersWhatItHasAndANewOneIsFound) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    const env::Endpoint endpoint = served.server->local();
    env::TaskGroup tasks(core);
    Outcome in_flight = nothing_came;
    tasks.spawn(send_into(client, {.target = "/wait", .body = "kept"}, no_deadline, in_flight));
    co_await core.sleep_for(seconds(1));
    tasks.spawn(release_later(served, seconds(10)));
    Outcome meanwhile = nothing_came;
    tasks.spawn([](env::Core& on, Http2Client& to, Outcome& outcome) -> env::Task<void> {
      co_await on.sleep_for(seconds(5));
      outcome = co_await to.send({.body = "early"}, on.now() + seconds(5));
    }(core, client, meanwhile));
    co_await served.server->stop(seconds(30));
    co_await tasks.wait();
    EXPECT_EQ(describe(in_flight), "200 with 4 bytes");
    EXPECT_THAT(describe(meanwhile), HasSubstr("unavailable: "));
    EXPECT_EQ(served.seen(), 1U);

    co_await served.start_with({.endpoint = endpoint});
    EXPECT_EQ(describe(co_await client.send({.body = "again"}, no_deadline)), "200 with 5 bytes");
    EXPECT_EQ(served.metrics.connections_accepted.value(), 2U);
    co_await client.stop();
  });
}

TEST(Http2Client, ConnectsAnewAfterTheConnectionBroke) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    for (int round = 0; round < 3; ++round) {
      env::TaskGroup tasks(core);
      std::vector<Outcome> outcomes(4, nothing_came);
      for (Outcome& outcome : outcomes) tasks.spawn(send_into(client, {.target = "/wait"}, no_deadline, outcome));
      co_await core.sleep_for(seconds(1));
      served.simulation.network().reset_connections(here, here);
      co_await tasks.wait();
      for (const Outcome& outcome : outcomes) EXPECT_THAT(describe(outcome), HasSubstr("closed: "));
      co_await release_later(served, seconds(0));
      EXPECT_EQ(describe(co_await client.send({.body = "x"}, no_deadline)), "200 with 1 bytes");
    }
    EXPECT_EQ(served.metrics.connections_accepted.value(), 4U);
    co_await client.stop();
  });
}

TEST(Http2Client, NoticesASilentServerInBoundedTimeWhileSomethingIsInFlight) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    HttpClientOptions options = options_for(served);
    options.silence_max = seconds(4);
    Http2Client client(core, options);
    EXPECT_EQ(describe(co_await client.send({.body = "x"}, no_deadline)), "200 with 1 bytes");
    co_await core.sleep_for(seconds(60));  // a rest is no silence
    const MonotonicTime began = core.now();
    served.simulation.network().block(here, here);
    const Outcome lost = co_await client.send({.body = "y"}, no_deadline);
    EXPECT_THAT(describe(lost), HasSubstr("silent"));
    EXPECT_EQ(lost.error().code, ErrorCode::closed);
    EXPECT_GE(core.now() - began, seconds(4));
    EXPECT_LE(core.now() - began, seconds(5));
    served.simulation.network().heal();
    EXPECT_EQ(describe(co_await client.send({.body = "z"}, no_deadline)), "200 with 1 bytes");
    co_await client.stop();
  });
}

TEST(Http2Client, AClientThatStoodStillItselfBlamesNobody) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    HttpClientOptions options = options_for(served);
    options.silence_max = seconds(4);
    Http2Client client(core, options);
    env::TaskGroup tasks(core);
    Outcome outcome = nothing_came;
    tasks.spawn(send_into(client, {.target = "/wait", .body = "x"}, no_deadline, outcome));
    for (const milliseconds after : {1'900ms, 2'100ms, 3'900ms}) {
      co_await core.sleep_for(after);
      served.simulation.first_machine().pause(seconds(20));
    }
    co_await core.sleep_for(seconds(10));
    co_await release_later(served, seconds(1));
    co_await tasks.wait();
    EXPECT_EQ(describe(outcome), "200 with 1 bytes");
    co_await client.stop();
  });
}

// Keeps one request in flight after the other until `until`.
env::Task<void> keep_waiting(Http2Client& client, env::Core& core, MonotonicTime until, std::size_t& answered) {
  while (core.now() < until) {
    const Outcome outcome = co_await client.send({.target = "/wait", .body = "x"}, no_deadline);
    EXPECT_EQ(describe(outcome), "200 with 1 bytes");
    if (!outcome.has_value()) co_return;
    ++answered;
  }
}

TEST(Http2Client, HundredsOfRequestsInFlightForHoursNeedOneConnection) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    env::TaskGroup tasks(core);
    const MonotonicTime end = core.now() + hours(3);
    std::size_t answered = 0;
    for (int i = 0; i < 250; ++i) tasks.spawn(keep_waiting(client, core, end, answered));
    while (client.requests() != 0) {
      co_await core.sleep_for(seconds(600));  // longer than net.idle_timeout
      EXPECT_EQ(client.requests(), 250U);
      co_await release_later(served, seconds(0));
      if (core.now() >= end) break;
    }
    co_await tasks.wait();
    EXPECT_GE(answered, 250U * 17U);
    EXPECT_EQ(served.metrics.connections_accepted.value(), 1U);
    co_await client.stop();
  });
}

TEST(Http2Client, AnIdleConnectionThatTheServerClosedIsReplaced) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(describe(co_await client.send({.body = "x"}, no_deadline)), "200 with 1 bytes");
      co_await core.sleep_for(seconds(400));
      EXPECT_FALSE(client.is_connected());
    }
    EXPECT_EQ(served.metrics.connections_accepted.value(), 3U);
    EXPECT_EQ(served.resources.connections.load(), 0U);
    co_await client.stop();
  });
}

// Gives up 1500 requests at once, with one more in flight beside them.
env::Task<void> give_up_many(Served& served, Outcome& patient) {
  env::Core& core = served.simulation.core(0);
  HttpClientOptions options = options_for(served);
  options.requests_max = 2'000;
  Http2Client client(core, options);
  env::TaskGroup tasks(core);
  std::vector<Outcome> outcomes(1'500, nothing_came);
  tasks.spawn(send_into(client, {.target = "/wait", .body = "p"}, no_deadline, patient));
  for (Outcome& outcome : outcomes) {
    tasks.spawn(send_into(client, {.target = "/wait"}, core.now() + seconds(2), outcome));
  }
  co_await core.sleep_for(seconds(4));
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.error().code, ErrorCode::timeout) << describe(outcome);
  co_await release_later(served, seconds(1));
  co_await tasks.wait();
  co_await client.stop();
}

TEST(Http2Client, AServerOfKnownClientsLetsThemGiveUpAsManyAsTheyLike) {
  with_server({}, [](Served& served) -> env::Task<void> {
    Outcome patient = nothing_came;
    co_await give_up_many(served, patient);
    EXPECT_EQ(patient.error().code, ErrorCode::closed) << "as a stranger";
    EXPECT_EQ(served.metrics.h2_cut_off_resets.value(), 1U);

    co_await served.server->stop(seconds(1));
    co_await served.start_with({.endpoint = {"127.0.0.1", 0}, .h2_resets_per_interval_max = 1'000'000});
    co_await give_up_many(served, patient);
    EXPECT_EQ(describe(patient), "200 with 1 bytes");
    EXPECT_EQ(served.metrics.h2_cut_off_resets.value(), 1U);
  });
}

TEST(Http2Client, ANewConnectionTakesOverBeforeStreamIdsRunOut) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    HttpClientOptions options = options_for(served);
    options.requests_per_connection_max = 10;
    Http2Client client(core, options);
    for (int round = 0; round < 3; ++round) {
      co_await exchange_all(client, core, "/later", std::vector<std::string>(7, std::string(50'000, 'x')));
    }
    EXPECT_EQ(served.metrics.connections_accepted.value(), 3U);
    co_await exchange_all(client, core, "/later", std::vector<std::string>(20, "y"));
    EXPECT_EQ(client.requests(), 0U);
    co_await client.stop();
  });
}

TEST(Http2Client, CloseEndsWhatIsInFlightAndTheNextRequestConnectsAnew) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    Http2Client client(core, options_for(served));
    env::TaskGroup tasks(core);
    Outcome before = nothing_came;
    tasks.spawn(send_into(client, {.target = "/wait"}, no_deadline, before));
    client.close();  // before it connected
    co_await tasks.wait();
    EXPECT_EQ(before.error().code, ErrorCode::unavailable);
    tasks.spawn(send_into(client, {.target = "/wait"}, no_deadline, before));
    co_await core.sleep_for(seconds(1));
    client.close();
    client.close();
    co_await tasks.wait();
    EXPECT_EQ(before.error().code, ErrorCode::closed);
    co_await release_later(served, seconds(0));
    EXPECT_EQ(describe(co_await client.send({.body = "x"}, no_deadline)), "200 with 1 bytes");
    co_await client.stop();
    co_await client.stop();
    EXPECT_EQ(served.seen(), 2U);
  });
}

// One caller's life on a network that breaks: what is answered is right, what fails says why.
env::Task<void> send_through_trouble(Http2Client& client, env::Core& core, std::size_t& answered) {
  for (int i = 0; i < 40; ++i) {
    const std::string body = random_body(core, core.random_u64() % (std::size_t{1} << (core.random_u64() % 17)));
    const std::string path = core.random_u64() % 2 == 0 ? "/" : "/later";
    const Outcome outcome =
        co_await client.send({.target = path, .body = body}, core.now() + milliseconds(core.random_u64() % 3'000));
    if (outcome.has_value()) {
      EXPECT_TRUE(outcome->body == body);
      ++answered;
    } else {
      const ErrorCode code = outcome.error().code;
      EXPECT_TRUE(code == ErrorCode::unavailable || code == ErrorCode::timeout || code == ErrorCode::closed)
          << describe(outcome);
    }
    co_await core.sleep_for(milliseconds(core.random_u64() % 200));
  }
}

TEST(Http2Client, EveryCallerGetsItsOwnAnswerOrAnErrorOnANetworkThatBreaks) {
  const CertificatePem pem = test_certificate();
  const auto secured = server_tls(pem);
  const auto trusting = client_tls({.trusted_pem = pem.certificate, .protocols = {"h2"}});
  test::for_each_seed(1, 12, [&](std::uint64_t seed) {
    const bool with_tls = seed % 2 == 0;
    const auto body = [&](Served& served) -> env::Task<void> {
      env::Core& core = served.simulation.core(0);
      HttpClientOptions options = options_for(served);
      options.host = "localhost";
      options.tls = with_tls ? trusting : nullptr;
      options.silence_max = seconds(2);
      Http2Client client(core, options);
      env::TaskGroup tasks(core);
      std::size_t answered = 0;
      for (int i = 0; i < 20; ++i) tasks.spawn(send_through_trouble(client, core, answered));
      for (int i = 0; i < 12; ++i) {
        co_await core.sleep_for(milliseconds(core.random_u64() % 1'500));
        if (core.random_u64() % 2 == 0) {
          served.simulation.network().reset_connections(here, here);
        } else {
          served.simulation.network().block(here, here);
          co_await core.sleep_for(milliseconds(core.random_u64() % 3'000));
          served.simulation.network().heal();
        }
      }
      co_await tasks.wait();
      EXPECT_GT(answered, 200U);
      EXPECT_EQ(client.requests(), 0U);
      co_await client.stop();
    };
    with_server({}, body, with_tls ? secured : nullptr, seed);
  });
}

}  // namespace
}  // namespace weir::net
