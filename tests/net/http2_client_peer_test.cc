// Http2Client against servers that do as a script says: go away, refuse, fall silent, talk nonsense.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "env/task_group.h"
#include "net/http2/http2_client.h"
#include "net/preface.h"
#include "tests/net/http2_test_client.h"
#include "tests/support/simulation_test.h"

namespace weir::net {
namespace {

using Outcome = Result<HttpClientResponse>;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const Outcome nothing_came = fail(ErrorCode::internal, "nothing came");

std::string number(std::uint32_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes.push_back(static_cast<char>(value >> shift & 0xffU));
  return bytes;
}
std::string settings(std::uint32_t streams_max = 100) {
  return Http2TestSession::frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x03", 2) + number(streams_max));
}
std::string goaway(std::uint32_t last_stream, std::uint32_t error_code = 0) {
  return Http2TestSession::frame(NGHTTP2_GOAWAY, 0, 0, number(last_stream) + number(error_code));
}
std::string reset(std::int32_t stream, std::uint32_t error_code) {
  return Http2TestSession::frame(NGHTTP2_RST_STREAM, 0, stream, number(error_code));
}
std::string head(std::int32_t stream, std::string_view block = "\x88") {  // ":status: 200"
  return Http2TestSession::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, block);
}
std::string data(std::int32_t stream, std::string_view bytes, bool last = true) {
  return Http2TestSession::frame(NGHTTP2_DATA, last ? NGHTTP2_FLAG_END_STREAM : 0, stream, bytes);
}

// What a server of one simulated machine does with each connection in turn.
struct Peer {
  explicit Peer(env::Core& on) : core(on), tasks(on) {}

  env::Task<void> start() {
    Result<std::unique_ptr<env::Listener>> listening = co_await core.network().listen({"127.0.0.1", 0}, 16);
    WEIR_ASSERT(listening.has_value());
    listener = std::move(*listening);
  }
  // The next connection, once its client has said that it speaks HTTP/2.
  env::Task<void> accept() {
    auto pending = co_await listener->accept();
    WEIR_ASSERT(pending.has_value());
    connection = core.network().adopt(std::move(*pending));
    received.clear();
    co_await receive_until([this] { return received.starts_with(http2_preface); });
  }
  env::Task<void> say(std::string bytes) {
    const BytesView part = as_bytes(bytes);
    static_cast<void>(co_await connection->write_all({&part, 1}, no_deadline));
  }
  // Reads on until that many requests have come whole (none of them has a body).
  env::Task<void> wait_for_requests(std::size_t count) {
    co_await receive_until([this, count] { return count_frames(NGHTTP2_HEADERS) >= count; });
  }
  env::Task<void> receive_until(std::function<bool()> enough) {
    std::array<std::byte, 4'096> buffer;
    while (!enough()) {
      const Result<std::size_t> got = co_await connection->read_some(buffer, no_deadline);
      if (!got.has_value() || *got == 0) co_return;
      received.append(as_text(std::span(buffer).first(*got)));
    }
  }
  [[nodiscard]] std::size_t count_frames(std::uint8_t type) const {
    constexpr std::size_t frame_header_bytes = 9;
    std::size_t found = 0;
    std::size_t at = http2_preface.size();
    while (at + frame_header_bytes <= received.size()) {
      const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(received[at + i])}; };
      if (byte(3) == type) ++found;
      at += frame_header_bytes + (byte(0) << 16U | byte(1) << 8U | byte(2));
    }
    return found;
  }
  // Sends a request without a body; its outcome is at the end of `outcomes`.
  void request(Http2Client& client, MonotonicTime deadline = no_deadline) {
    outcomes.push_back(nothing_came);
    tasks.spawn(send_into(client, deadline, outcomes.back()));
  }
  static env::Task<void> send_into(Http2Client& client, MonotonicTime deadline, Outcome& outcome) {
    outcome = co_await client.send({}, deadline);
  }

  env::Core& core;
  env::TaskGroup tasks;
  std::unique_ptr<env::Listener> listener;
  std::unique_ptr<env::Connection> connection;
  std::string received;
  std::deque<Outcome> outcomes;
};

std::string describe(const Outcome& outcome) {
  if (outcome.has_value()) return outcome->body;
  return std::string(to_string(outcome.error().code)) + ": " + outcome.error().message;
}

// Runs `script` with a server that is `peer` and a client of it, and stops both.
void with_peer(const std::function<env::Task<void>(Peer& peer, Http2Client& client)>& script, std::uint64_t seed = 1) {
  test::run_simulation(seed, [&](env::Core& core) -> env::Task<void> {
    Peer peer(core);
    co_await peer.start();
    Http2Client client(core, {.endpoint = peer.listener->local(), .host = "", .tls = {}, .silence_max = seconds(4)});
    co_await script(peer, client);
    if (peer.connection != nullptr) peer.connection->close();
    peer.listener->close();
    co_await client.stop();
    co_await peer.tasks.wait();
  });
}

TEST(Http2ClientPeer, GoawayFailsWhatTheServerHasNotTakenAndKeepsTheRest) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    for (int i = 0; i < 3; ++i) peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(3);
    co_await peer.say(goaway(1));
    co_await peer.core.sleep_for(seconds(1));
    EXPECT_EQ(peer.outcomes[0].error().message, "nothing came");
    EXPECT_THAT(describe(peer.outcomes[1]), StartsWith("unavailable: "));
    EXPECT_THAT(describe(peer.outcomes[2]), StartsWith("unavailable: "));
    co_await peer.say(head(1) + data(1, "answered"));
    co_await peer.core.sleep_for(seconds(1));
    EXPECT_EQ(describe(peer.outcomes[0]), "answered");
    co_await peer.receive_until([] { return false; });  // the client leaves by itself

    peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(1);
    co_await peer.say(head(1) + data(1, "by another"));
    co_await peer.tasks.wait();
    EXPECT_EQ(describe(peer.outcomes[3]), "by another");
  });
}

TEST(Http2ClientPeer, ARequestWithoutAStreamMovesOnWhenTheServerGoesAway) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    peer.request(client);
    peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings(1));
    co_await peer.wait_for_requests(1);
    co_await peer.say(goaway(1));
    co_await peer.say(head(1) + data(1, "first"));
    co_await peer.accept();
    co_await peer.say(settings(1));
    co_await peer.wait_for_requests(1);
    co_await peer.say(head(1) + data(1, "second"));
    co_await peer.tasks.wait();
    EXPECT_EQ(describe(peer.outcomes[0]), "first");
    EXPECT_EQ(describe(peer.outcomes[1]), "second");
  });
}

TEST(Http2ClientPeer, AServerThatAlwaysGoesAwayIsGivenUp) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    peer.request(client);
    for (int i = 0; i < 3; ++i) {
      co_await peer.accept();
      co_await peer.say(settings(0) + goaway(0));
      co_await peer.receive_until([] { return false; });
    }
    co_await peer.tasks.wait();
    EXPECT_THAT(describe(peer.outcomes[0]), StartsWith("unavailable: "));
  });
}

TEST(Http2ClientPeer, WaitsForAStreamNoLongerThanItsDeadline) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    for (int i = 0; i < 4; ++i) peer.request(client, peer.core.now() + seconds(i == 2 ? 2 : 3'600));
    co_await peer.accept();
    co_await peer.say(settings(2));
    co_await peer.wait_for_requests(2);
    co_await peer.core.sleep_for(seconds(3));
    EXPECT_THAT(describe(peer.outcomes[2]), StartsWith("unavailable: ")) << "it never went out";
    co_await peer.say(head(3) + data(3, "second"));
    co_await peer.wait_for_requests(3);
    co_await peer.say(head(5) + data(5, "fourth") + head(1) + data(1, "first"));
    co_await peer.tasks.wait();
    EXPECT_EQ(describe(peer.outcomes[0]), "first");
    EXPECT_EQ(describe(peer.outcomes[1]), "second");
    EXPECT_EQ(describe(peer.outcomes[3]), "fourth");
  });
}

TEST(Http2ClientPeer, TellsARefusedRequestFromOneThatWasCutOff) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    for (int i = 0; i < 4; ++i) peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(4);
    co_await peer.say(reset(1, NGHTTP2_REFUSED_STREAM) + reset(3, NGHTTP2_INTERNAL_ERROR));
    co_await peer.say(head(5) + data(5, "par", false) + reset(5, NGHTTP2_CANCEL) + head(7) + data(7, "whole"));
    co_await peer.tasks.wait();
    EXPECT_THAT(describe(peer.outcomes[0]), StartsWith("unavailable: "));
    EXPECT_THAT(describe(peer.outcomes[1]), StartsWith("closed: "));
    EXPECT_THAT(describe(peer.outcomes[2]), StartsWith("closed: "));
    EXPECT_EQ(describe(peer.outcomes[3]), "whole");
  });
}

TEST(Http2ClientPeer, AServerThatDiesInTheMiddleOfAnAnswerLeavesNoHalfOne) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    for (int i = 0; i < 3; ++i) peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(3);
    co_await peer.say(head(1) + data(1, "whole") + head(3) + data(3, "half", false) + head(5).substr(0, 5));
    co_await peer.core.sleep_for(seconds(1));
    peer.connection->close();
    co_await peer.tasks.wait();
    EXPECT_EQ(describe(peer.outcomes[0]), "whole");
    EXPECT_THAT(describe(peer.outcomes[1]), StartsWith("closed: "));
    EXPECT_THAT(describe(peer.outcomes[2]), StartsWith("closed: "));
  });
}

TEST(Http2ClientPeer, PassesOverInterimResponsesAndTrailers) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(1);
    // ":status: 103", "a: 1"; then the response; then "b: 2" behind the body.
    co_await peer.say(head(1, std::string("\x08\x03") + "103" + std::string("\x00\x01\x61\x01\x31", 5)));
    co_await peer.say(head(1) + data(1, "body", false));
    co_await peer.say(Http2TestSession::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                                              std::string("\x00\x01\x62\x01\x32", 5)));
    co_await peer.tasks.wait();
    EXPECT_EQ(describe(peer.outcomes[0]), "body");
    EXPECT_EQ(peer.outcomes[0]->status, 200);
    EXPECT_TRUE(peer.outcomes[0]->headers.empty());
  });
}

TEST(Http2ClientPeer, AServerThatIsNoneIsUnavailable) {
  for (const std::string& nonsense :
       {std::string("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), std::string(64, '\0'),
        std::string(64, '\xff'), Http2TestSession::frame(NGHTTP2_PING, 0, 0, "12345678"), head(1), std::string()}) {
    with_peer([&](Peer& peer, Http2Client& client) -> env::Task<void> {
      peer.request(client);
      co_await peer.accept();
      co_await peer.say(nonsense);
      if (nonsense.empty()) peer.connection->close();
      co_await peer.tasks.wait();
      EXPECT_THAT(describe(peer.outcomes[0]), StartsWith("unavailable: "));
      EXPECT_FALSE(client.is_connected());
    });
  }
}

TEST(Http2ClientPeer, NonsenseAfterAGoodBeginningIsCorruptForWhatIsInFlight) {
  const std::string huge_frame = std::string("\xff\xff\xff", 3) + std::string(6, '\0');
  for (const std::string& nonsense :
       {huge_frame, settings().substr(0, 7) + "xxxxxxxxxxxxxxxx", data(0, "x"), head(2), data(9, "x"),
        head(1, "\xff\xff\xff\xff\xff\xff\xff"), goaway(1).substr(0, 9) + "short" + settings() + "zzzzzzzzzzzz",
        // Nobody asked for a push; the client's settings, acknowledged first, say so.
        Http2TestSession::frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "") +
            Http2TestSession::frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, number(2) + "\x88")}) {
    with_peer([&](Peer& peer, Http2Client& client) -> env::Task<void> {
      peer.request(client);
      co_await peer.accept();
      co_await peer.say(settings());
      co_await peer.wait_for_requests(1);
      co_await peer.say(nonsense);
      co_await peer.tasks.wait();
      EXPECT_THAT(describe(peer.outcomes[0]), StartsWith("corrupt: ")) << ::testing::PrintToString(nonsense);
      EXPECT_FALSE(client.is_connected());
    });
  }
}

TEST(Http2ClientPeer, HeadersWithoutEndFailAlone) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    peer.request(client);
    peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(2);
    // "a: 1" into the table, then by its index until it is too much.
    std::string block = std::string("\x88\x40\x01\x61\x01\x31", 6);
    block += std::string(16'000, '\xbe');
    co_await peer.say(head(1, block));
    for (int i = 0; i < 3; ++i) co_await peer.say(head(1, std::string(16'000, '\xbe')));
    co_await peer.say(head(3) + data(3, "fine"));
    co_await peer.tasks.wait();
    EXPECT_FALSE(peer.outcomes[0].has_value());
    EXPECT_EQ(describe(peer.outcomes[1]), "fine");
  });
}

TEST(Http2ClientPeer, AServerThatSaysNothingIsGivenUpAfterTheConnectTimeout) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    const MonotonicTime began = peer.core.now();
    peer.request(client);
    peer.request(client, began + seconds(1));
    co_await peer.accept();
    co_await peer.core.sleep_until(began + seconds(2));
    EXPECT_THAT(describe(peer.outcomes[1]), StartsWith("unavailable: "));
    co_await peer.tasks.wait();
    EXPECT_THAT(describe(peer.outcomes[0]), StartsWith("unavailable: "));
    EXPECT_GE(peer.core.now() - began, seconds(5));
    EXPECT_LE(peer.core.now() - began, seconds(6));
    EXPECT_EQ(peer.count_frames(NGHTTP2_HEADERS), 0U);
  });
}

TEST(Http2ClientPeer, WhereNobodyListensIsUnavailableAndFoundLater) {
  with_peer([](Peer& peer, Http2Client& client) -> env::Task<void> {
    const env::Endpoint endpoint = peer.listener->local();
    peer.listener->close();
    peer.listener.reset();
    for (int i = 0; i < 3; ++i) peer.request(client);
    co_await peer.tasks.wait();
    for (const Outcome& outcome : peer.outcomes) EXPECT_THAT(describe(outcome), StartsWith("unavailable: "));
    peer.listener = *co_await peer.core.network().listen(endpoint, 16);
    peer.request(client);
    co_await peer.accept();
    co_await peer.say(settings());
    co_await peer.wait_for_requests(1);
    co_await peer.say(head(1) + data(1, "here"));
    co_await peer.tasks.wait();
    EXPECT_EQ(describe(peer.outcomes[3]), "here");

    Http2Client nowhere(peer.core, {.endpoint = {"not an address", 1}, .host = "", .tls = {}});
    EXPECT_EQ((co_await nowhere.send({}, no_deadline)).error().code, ErrorCode::unavailable);
    co_await nowhere.stop();
  });
}

// Everything that a server might send, with bytes changed, dropped or put in, at random.
std::string damaged_talk(env::Core& core) {
  std::string talk = settings();
  for (std::int32_t stream = 1; stream < 12; stream += 2) {
    talk += head(stream) + data(stream, std::string(core.random_u64() % 2'000, 'd'), core.random_u64() % 4 != 0);
    if (core.random_u64() % 4 == 0) talk += reset(stream, static_cast<std::uint32_t>(core.random_u64() % 14));
    if (core.random_u64() % 8 == 0) talk += settings(static_cast<std::uint32_t>(core.random_u64() % 8));
    if (core.random_u64() % 16 == 0) talk += goaway(static_cast<std::uint32_t>(core.random_u64() % 12));
  }
  for (std::uint64_t damage = core.random_u64() % 6; damage != 0 && talk.size() > 40; --damage) {
    const std::size_t at = core.random_u64() % talk.size();
    switch (core.random_u64() % 3) {
      case 0: talk[at] = static_cast<char>(core.random_u64()); break;
      case 1: talk.erase(at, 1 + core.random_u64() % 16); break;
      default: talk.insert(at, std::string(1 + core.random_u64() % 16, static_cast<char>(core.random_u64()))); break;
    }
  }
  return talk;
}

TEST(Http2ClientPeer, DamagedTalkGivesAnswersOrErrorsAndNeverMore) {
  test::for_each_seed(1, 400, [](std::uint64_t seed) {
    with_peer(
        [](Peer& peer, Http2Client& client) -> env::Task<void> {
          for (int i = 0; i < 6; ++i) peer.request(client, peer.core.now() + seconds(3'600));
          co_await peer.accept();
          const std::string talk = damaged_talk(peer.core);
          if (peer.core.random_u64() % 2 == 0) {
            co_await peer.say(settings());
            co_await peer.wait_for_requests(6);
          }
          for (std::size_t at = 0; at < talk.size();) {
            const std::size_t bytes = 1 + peer.core.random_u64() % 700;
            co_await peer.say(talk.substr(at, bytes));
            at += bytes;
          }
          co_await peer.core.sleep_for(milliseconds(100));
          peer.listener->close();
          peer.connection->close();
          co_await peer.tasks.wait();
          EXPECT_EQ(client.requests(), 0U);
          for (const Outcome& outcome : peer.outcomes) EXPECT_NE(describe(outcome), "internal: nothing came");
        },
        seed);
  });
}

}  // namespace
}  // namespace weir::net
