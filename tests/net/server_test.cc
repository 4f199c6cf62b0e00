#include "net/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/client.h"
#include "net/http2/http2_client.h"
#include "tests/net/http2_test_client.h"
#include "tests/net/served.h"
#include "tests/support/simulation_test.h"

namespace weir::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Everything that comes until the end or the deadline.
env::Task<std::string> read_to_end(env::Connection& connection, MonotonicTime deadline = no_deadline) {
  std::string text;
  std::array<std::byte, 4'096> buffer;
  for (;;) {
    const Result<std::size_t> got = co_await connection.read_some(buffer, deadline);
    if (!got.has_value() || *got == 0) co_return text;
    text.append(as_text(std::span(buffer).first(*got)));
  }
}

env::Task<void> write(env::Connection& connection, std::string bytes) {
  const BytesView part = as_bytes(bytes);
  EXPECT_TRUE((co_await connection.write_all({&part, 1}, no_deadline)).has_value());
}

env::Task<void> http2_exchange(env::Connection& connection, Http2TestSession& session, std::int32_t id) {
  std::array<std::byte, 4'096> buffer;
  while (!session.answer(id).closed) {
    if (std::string bytes = session.output(); !bytes.empty()) co_await write(connection, std::move(bytes));
    if (session.answer(id).closed) break;
    const Result<std::size_t> got = co_await connection.read_some(buffer, no_deadline);
    if (!got.has_value() || *got == 0) break;
    session.input(as_text(std::span(buffer).first(*got)));
  }
}

TEST(HttpServer, SpreadsConnectionsOverItsCoresInTurn) {
  with_server({}, [](Served& served) -> env::Task<void> {
    for (int i = 0; i < 6; ++i) {
      HttpClient client(served.simulation.core(0), {.endpoint = served.server->local(), .host = "here", .tls = {}});
      for (int j = 0; j < 3; ++j) {
        const Result<HttpClientResponse> response =
            co_await client.send({.target = "/later", .headers = {{"x-a", "b"}}, .body = "hi"}, no_deadline);
        EXPECT_TRUE(response.has_value());
        if (response.has_value()) EXPECT_EQ(response->body, "hi");
      }
    }
    for (const auto& handler : served.handlers) EXPECT_EQ(handler->seen.size(), 6U);
    EXPECT_EQ(served.metrics.connections_accepted.value(), 6U);
    EXPECT_EQ(served.metrics.requests_http1.value(), 18U);
  });
}

TEST(HttpServer, TellsHttp2FromHttp1ByThePreface) {
  with_server({}, [](Served& served) -> env::Task<void> {
    // "P" alone could be either.
    const auto post = co_await served.connect();
    co_await write(*post, "P");
    co_await served.simulation.core(0).sleep_for(seconds(1));
    co_await write(*post, "OST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_THAT(co_await read_to_end(*post), StartsWith("HTTP/1.1 200 OK\r\n"));

    const auto almost = co_await served.connect();
    co_await write(*almost, "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n");
    EXPECT_THAT(co_await read_to_end(*almost), StartsWith("HTTP/1.1 400 "));

    const auto h2 = co_await served.connect();
    Http2TestSession session;
    const auto id = session.request("/", std::string(2'000'000, 'z'));
    std::string bytes = session.output();
    for (std::size_t i = 0; i < 30; ++i) co_await write(*h2, bytes.substr(i, 1));
    co_await write(*h2, bytes.substr(30));
    co_await http2_exchange(*h2, session, id);
    EXPECT_TRUE(session.answer(id).body == std::string(2'000'000, 'z'));
    EXPECT_EQ(served.metrics.requests_http2.value(), 1U);
    h2->close();
  });
}

TEST(HttpServer, ClosesConnectionsThatSayNothing) {
  with_server({"net.header_timeout=10s"}, [](Served& served) -> env::Task<void> {
    const auto silent = co_await served.connect();
    const auto hesitant = co_await served.connect();
    co_await write(*hesitant, "PRI * HT");
    const MonotonicTime began = served.simulation.now();
    EXPECT_EQ(co_await read_to_end(*silent), "");
    EXPECT_EQ(co_await read_to_end(*hesitant), "");
    EXPECT_GE(served.simulation.now() - began, seconds(9));
    EXPECT_LE(served.simulation.now() - began, seconds(11));
  });
}

TEST(HttpServer, ClosesConnectionsBeyondTheLimitAndTakesNewOnesLater) {
  with_server({"net.connections_max=3"}, [](Served& served) -> env::Task<void> {
    std::vector<std::unique_ptr<env::Connection>> open;
    for (int i = 0; i < 3; ++i) open.push_back(co_await served.connect());
    const auto over = co_await served.connect();
    EXPECT_EQ(co_await read_to_end(*over), "");
    EXPECT_EQ(served.metrics.connections_over_limit.value(), 1U);
    open.pop_back();
    co_await served.simulation.core(0).sleep_for(seconds(1));
    const auto later = co_await served.connect();
    co_await write(*later, "GET / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(co_await read_to_end(*later), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(served.metrics.connections_over_limit.value(), 1U);
    EXPECT_EQ(served.metrics.connections.high_water(), 3);
  });
}

TEST(HttpServer, GoesOnWhenDescriptorsRanOut) {
  with_server({}, [](Served& served) -> env::Task<void> {
    served.simulation.network().fail_accepts(5);
    HttpClient client(served.simulation.core(0), {.endpoint = served.server->local(), .host = "", .tls = {}});
    EXPECT_TRUE((co_await client.send({.body = "x"}, no_deadline)).has_value());
  });
}

TEST(HttpServer, AnswersATooLargeBodySoThatItsSenderSeesIt) {
  with_server({}, [](Served& served) -> env::Task<void> {
    HttpClient client(served.simulation.core(0), {.endpoint = served.server->local(), .host = "", .tls = {}});
    const Result<HttpClientResponse> response =
        co_await client.send({.body = std::string(17 * mebibyte, 'x')}, no_deadline);
    EXPECT_TRUE(response.has_value());
    if (response.has_value()) EXPECT_EQ(response->status, 413);
    EXPECT_FALSE(client.is_connected());
    EXPECT_EQ(served.seen(), 0U);
  });
}

// How many of 40 requests to `path` were followed by one that the server looked at at a turn of connections that give
// way.
template <class Client>
env::Task<int> followers_in_turn(Served& served, Client& client, std::string path) {
  env::Core& core = served.simulation.core(0);
  int in_turn = 0;
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE((co_await client.send({.target = path}, no_deadline)).has_value());
    co_await core.sleep_for(microseconds(core.random_u64() % 100'000));
    const MonotonicTime sent = core.now();
    EXPECT_TRUE((co_await client.send({.target = "/follows"}, no_deadline)).has_value());
    MonotonicTime seen{};
    for (const auto& handler : served.handlers) seen = std::max(seen, handler->seen_at);
    EXPECT_GE(seen, sent);
    in_turn += seen.time_since_epoch() % env::Connection::turn_interval == Duration(0) ? 1 : 0;
  }
  co_return in_turn;
}

TEST(HttpServer, AfterAnAnswerThatGivesWayTheNextRequestWaitsForATurn) {
  const CertificatePem pem = test_certificate();
  for (const bool secured : {false, true}) {
    const auto options = [&](Served& served, std::string protocol) {
      auto tls = secured ? client_tls({.trusted_pem = pem.certificate, .protocols = {std::move(protocol)}}) : nullptr;
      return HttpClientOptions{
          .endpoint = served.server->local(), .host = secured ? "weir.example" : "", .tls = std::move(tls)};
    };
    with_server(
        {},
        [&](Served& served) -> env::Task<void> {
          env::Core& core = served.simulation.core(0);
          HttpClient http1(core, options(served, "http/1.1"));
          EXPECT_EQ(co_await followers_in_turn(served, http1, "/over"), 40);
          EXPECT_LE(co_await followers_in_turn(served, http1, "/other"), 1);
          Http2Client http2(core, options(served, "h2"));
          EXPECT_EQ(co_await followers_in_turn(served, http2, "/over"), 40);
          EXPECT_LE(co_await followers_in_turn(served, http2, "/other"), 1);
          co_await http2.stop();
        },
        secured ? server_tls(pem) : nullptr);
  }
}

TEST(HttpServer, GivesUpAReaderThatDoesNotRead) {
  with_server({"net.write_timeout=5s", "net.transfer_bytes_per_second_min=1MiB"},
              [](Served& served) -> env::Task<void> {
                const auto http1 = co_await served.connect();
                co_await write(*http1, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
                const auto h2 = co_await served.connect();
                Http2TestSession session;
                session.request("/large");
                co_await write(*h2, session.output());
                co_await served.simulation.core(0).sleep_for(seconds(2));
                EXPECT_EQ(served.resources.connections.load(), 2U);
                EXPECT_GT(served.resources.response_memory.used_bytes(), 3 * mebibyte);
                co_await served.simulation.core(0).sleep_for(seconds(10));
                EXPECT_EQ(served.resources.connections.load(), 1U) << "HTTP/2 ends the stream and keeps the connection";
                EXPECT_EQ(served.resources.response_memory.used_bytes(), 0U);
              });
}

env::Task<void> send_one(Served& served, std::string path, Result<HttpClientResponse>& response) {
  HttpClient client(served.simulation.core(0), {.endpoint = served.server->local(), .host = "", .tls = {}});
  response = co_await client.send({.target = std::move(path), .body = "x"}, no_deadline);
}

TEST(HttpServer, StopFinishesRequestsInFlightAndClosesTheRest) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    env::TaskGroup tasks(core);
    const auto idle = co_await served.connect();
    const auto h2 = co_await served.connect();
    Http2TestSession session;
    const auto id = session.request("/wait", "y");
    co_await write(*h2, session.output());
    Result<HttpClientResponse> response = fail(ErrorCode::internal, "nothing came");
    tasks.spawn(send_one(served, "/wait", response));
    co_await core.sleep_for(seconds(1));
    tasks.spawn(release_later(served, seconds(5)));
    tasks.spawn(http2_exchange(*h2, session, id));
    const env::Endpoint endpoint = served.server->local();
    const MonotonicTime began = core.now();
    co_await served.server->stop(seconds(30));
    EXPECT_GE(core.now() - began, seconds(4));
    EXPECT_LT(core.now() - began, seconds(10)) << "it does not wait for the grace to pass";
    co_await tasks.wait();
    EXPECT_EQ(co_await read_to_end(*idle), "");
    EXPECT_TRUE(response.has_value());
    if (response.has_value()) {
      EXPECT_EQ(response->body, "x");
      EXPECT_EQ(response->header("connection"), "close");
    }
    EXPECT_EQ(session.answer(id).body, "y");
    EXPECT_TRUE(session.went_away);
    EXPECT_FALSE((co_await core.network().connect(endpoint, core.now() + seconds(1))).has_value());
    served.server.reset();
  });
}

TEST(HttpServer, StopClosesWhatIsOpenAfterTheGraceAndWaitsForHandlers) {
  with_server({}, [](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    env::TaskGroup tasks(core);
    Result<HttpClientResponse> response = fail(ErrorCode::internal, "nothing came");
    tasks.spawn(send_one(served, "/wait", response));
    co_await core.sleep_for(seconds(1));
    tasks.spawn(release_later(served, seconds(20)));
    const MonotonicTime began = core.now();
    co_await served.server->stop(seconds(2));
    EXPECT_GE(core.now() - began, seconds(19)) << "a handler that runs uses what its request refers to";
    co_await tasks.wait();
    EXPECT_FALSE(response.has_value());
    if (!response.has_value()) EXPECT_EQ(response.error().code, ErrorCode::closed);
    served.server.reset();
  });
}

TEST(HttpServer, SpeaksBothProtocolsOverTlsAsAlpnSays) {
  const CertificatePem pem = test_certificate();
  const auto body = [&pem](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    const auto http1 = client_tls({.trusted_pem = pem.certificate});
    for (const char* name : {"localhost", "weir.example", "127.0.0.1", "10.1.2.3", "[::1]"}) {
      HttpClient client(core, {.endpoint = served.server->local(), .host = name, .tls = http1});
      const std::string sent(300'000, 's');
      const Result<HttpClientResponse> response = co_await client.send({.body = sent}, no_deadline);
      EXPECT_TRUE(response.has_value()) << name << (response.has_value() ? "" : response.error().message);
      if (response.has_value()) EXPECT_TRUE(response->body == sent);
    }
    EXPECT_EQ(served.metrics.requests_http1.value(), 5U);

    auto transport = co_await served.connect();
    TlsConnection h2(core, std::move(transport), client_tls({.protocols = {"h2", "http/1.1"}}), "localhost");
    const Result<void> shaken = co_await h2.handshake(no_deadline);
    EXPECT_TRUE(shaken.has_value());
    EXPECT_EQ(h2.protocol(), "h2");
    Http2TestSession session;
    const auto id = session.request("/", std::string(2'000'000, 'z'));
    co_await http2_exchange(h2, session, id);
    EXPECT_TRUE(session.answer(id).body == std::string(2'000'000, 'z'));
    EXPECT_EQ(served.metrics.requests_http2.value(), 1U);
    h2.close();
  };
  with_server({}, body, server_tls(pem));
}

TEST(HttpServer, TlsFailuresAreToldApartAndCounted) {
  const CertificatePem pem = test_certificate();
  const CertificatePem other = test_certificate();
  const auto body = [&](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    const auto message = [&](std::shared_ptr<const TlsContext> tls, std::string host) -> env::Task<std::string> {
      HttpClient client(core, {.endpoint = served.server->local(), .host = std::move(host), .tls = std::move(tls)});
      const Result<HttpClientResponse> response = co_await client.send({}, no_deadline);
      co_return response.has_value() ? "answered" : response.error().message;
    };
    EXPECT_THAT(co_await message(client_tls({.trusted_pem = other.certificate}), "localhost"),
                HasSubstr("self-signed"));
    EXPECT_THAT(co_await message(client_tls({.trusted_pem = pem.certificate}), "elsewhere"), HasSubstr("hostname"));
    EXPECT_THAT(co_await message(client_tls({.trusted_pem = {}, .protocols = {"spdy/1"}}), "localhost"),
                HasSubstr("protocol"));
    EXPECT_THAT(co_await message(client_tls({}), "elsewhere"), "answered");
    served.simulation.step_wall_clock(hours(48));
    EXPECT_THAT(co_await message(client_tls({.trusted_pem = pem.certificate}), "localhost"), HasSubstr("expired"));

    const auto plain = co_await served.connect();
    co_await write(*plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    static_cast<void>(co_await read_to_end(*plain));
    const auto silent = co_await served.connect();
    EXPECT_EQ(co_await read_to_end(*silent), "");
    EXPECT_EQ(served.metrics.tls_handshakes_failed.value(), 6U);
    EXPECT_EQ(served.seen(), 1U);
  };
  with_server({"net.header_timeout=10s"}, body, server_tls(pem));
}

TEST(TlsContext, RefusesTextThatIsNoCertificateOrNotItsKey) {
  const CertificatePem one = test_certificate();
  const CertificatePem two = test_certificate();
  EXPECT_EQ(TlsContext::server("nonsense", one.private_key).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(TlsContext::server(one.certificate, "").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(TlsContext::server(one.certificate, two.private_key).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(TlsContext::client({.trusted_pem = "nonsense"}).error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(
      make_self_signed_certificate({.names = {"a,DNS:b"}, .valid_from = sim_start, .valid_until = sim_start + hours(1)})
          .has_value());
  EXPECT_FALSE(
      make_self_signed_certificate({.names = {}, .valid_from = sim_start, .valid_until = sim_start}).has_value());
}

// One client's life: requests of any size by one of three ways, each checked.
env::Task<void> send_many(Served& served, std::uint32_t on_core, std::shared_ptr<const TlsContext> tls) {
  env::Core& core = served.simulation.core(on_core);
  co_await core.enter();
  {
    HttpClient client(core, {.endpoint = served.server->local(), .host = "localhost", .tls = std::move(tls)});
    for (int i = 0; i < 8; ++i) {
      const std::size_t magnitude = core.random_u64() % 19;
      std::string body(core.random_u64() % (std::size_t{1} << magnitude), 'x');
      for (char& c : body) c = static_cast<char>(core.random_u64());
      const std::string path = core.random_u64() % 2 == 0 ? "/" : "/later";
      const Result<HttpClientResponse> response = co_await client.send({.target = path, .body = body}, no_deadline);
      EXPECT_TRUE(response.has_value() && response->body == body);
      co_await core.sleep_for(milliseconds(core.random_u64() % 50));
    }
  }
  co_await served.simulation.core(0).enter();
}

// The same over HTTP/2, eight requests at once.
env::Task<void> send_many_at_once(Served& served) {
  const auto connection = co_await served.connect();
  env::Core& core = served.simulation.core(0);
  Http2TestSession session;
  std::vector<std::pair<std::int32_t, std::string>> sent;
  for (int i = 0; i < 8; ++i) {
    std::string body(core.random_u64() % 200'000, 'x');
    for (char& c : body) c = static_cast<char>(core.random_u64());
    sent.emplace_back(session.request(i % 2 == 0 ? "/" : "/later", body), body);
  }
  for (const auto& [id, body] : sent) {
    co_await http2_exchange(*connection, session, id);
    EXPECT_TRUE(session.answer(id).body == body);
  }
  connection->close();
}

TEST(HttpServer, EveryClientGetsItsOwnBytesBackUnderAnySchedule) {
  const CertificatePem pem = test_certificate();
  const auto secured = server_tls(pem);
  const auto trusting = client_tls({.trusted_pem = pem.certificate});
  test::for_each_seed(1, 20, [&](std::uint64_t seed) {
    const bool with_tls = seed % 2 == 0;
    const auto body = [&](Served& served) -> env::Task<void> {
      env::TaskGroup tasks(served.simulation.core(0));
      for (std::uint32_t i = 0; i < 12; ++i) tasks.spawn(send_many(served, i % 3, with_tls ? trusting : nullptr));
      for (int i = 0; i < 4 && !with_tls; ++i) tasks.spawn(send_many_at_once(served));
      co_await tasks.wait();
      EXPECT_EQ(served.seen(), with_tls ? 96U : 128U);
    };
    with_server({}, body, with_tls ? secured : nullptr, seed);
  });
}

}  // namespace
}  // namespace weir::net
