#include "net/http2/http2_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/net/http2_test_client.h"

namespace weir::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string pattern(std::size_t bytes, std::size_t seed) {
  std::string text(bytes, 'x');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (i * 7 + seed) % 26);
  return text;
}

TEST(Http2Connection, AnswersARequestAndShowsAuthorityAsHost) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  const auto id = client.request("/a?b=c", "hello", {{"x-amz-target", "T"}, {"host", "here:4567"}});
  client.exchange();
  EXPECT_THAT(fixture.handler.seen, ElementsAre("POST /a?b=c\nhost=here:4567\nx-amz-target=T\n\nhello"));
  const auto& answer = client.answer(id);
  EXPECT_EQ(answer.status, "200");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.headers.at("content-length"), "5");
  EXPECT_EQ(answer.headers.at("date"), "Mon, 23 Nov 2026 15:11:30 GMT");
  EXPECT_EQ(answer.headers.at("x-echo"), "yes");
  EXPECT_TRUE(answer.closed);
  EXPECT_EQ(answer.error_code, NGHTTP2_NO_ERROR);
}

TEST(Http2Connection, EverySplitOfTheBytesGivesTheSameResult) {
  HttpFixture whole_fixture;
  Http2TestClient whole(whole_fixture);
  whole.request("/one", "first body", {{"x", "y"}});
  whole.request("/two?q", "");
  const std::string bytes = whole.output();
  whole.send_raw(bytes);
  ASSERT_EQ(whole_fixture.handler.seen.size(), 2U);
  for (std::size_t split = 1; split < bytes.size(); ++split) {
    HttpFixture fixture;
    ServedConnection<Http2Connection> served(fixture);
    served.exchange(bytes.substr(0, split));
    served.exchange(bytes.substr(split));
    ASSERT_EQ(fixture.handler.seen, whole_fixture.handler.seen) << "split at " << split;
  }
}

TEST(Http2Connection, ServesManyStreamsAtOnceAndAnswersPings) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  client.exchange();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 5'000; ++i) ids.push_back(client.request("/wait", std::to_string(i)));
  client.ping();
  client.exchange();
  EXPECT_EQ(fixture.handler.running, 5'000U);
  EXPECT_EQ(client.pongs, 1U);
  fixture.handler.release();
  client.exchange();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_TRUE(client.answer(ids[i]).closed);
    ASSERT_EQ(client.answer(ids[i]).body, std::to_string(i));
  }
  EXPECT_EQ(fixture.resources->request_memory.used_bytes(), 0U);
}

TEST(Http2Connection, RefusesStreamsBeyondTheirNumberSoThatThePeerRetries) {
  HttpFixture fixture({"net.h2_streams_max=10"});
  Http2TestClient client(fixture);  // it has not seen the server's settings yet
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(client.request("/wait"));
  client.exchange();
  EXPECT_EQ(fixture.handler.running, 10U);
  EXPECT_EQ(client.answer(ids[11]).error_code, NGHTTP2_REFUSED_STREAM);
  fixture.handler.release();
  client.exchange();
  EXPECT_EQ(client.answer(ids[9]).status, "200");
}

TEST(Http2Connection, MovesMegabyteBodiesBothWaysUnderFlowControl) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < 20; ++i) {
    const std::string body = pattern(3 * mebibyte, i);
    ids.push_back(i % 2 == 0 ? client.request("/later", body)
                             : client.request("/", body, {{"content-length", std::to_string(body.size())}}));
  }
  client.exchange();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_TRUE(client.answer(ids[i]).closed);
    ASSERT_TRUE(client.answer(ids[i]).body == pattern(3 * mebibyte, i)) << "stream " << i;
  }
  EXPECT_EQ(fixture.resources->request_memory.used_bytes(), 0U);
  EXPECT_EQ(fixture.resources->response_memory.used_bytes(), 0U);
}

TEST(Http2Connection, AnAnswerMayComeInParts) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  const auto id = client.request("/parts");
  client.exchange();
  const auto& answer = client.answer(id);
  EXPECT_EQ(answer.body, all_parts());
  EXPECT_EQ(answer.headers.at("content-length"), std::to_string(all_parts().size()));
  EXPECT_EQ(fixture.resources->response_memory.used_bytes(), 0U);
}

TEST(Http2Connection, HeadHasTheLengthButNotTheBody) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  const auto id = client.request("/large", "", {}, true, "HEAD");
  client.exchange();
  EXPECT_EQ(client.answer(id).headers.at("content-length"), std::to_string(3 * mebibyte));
  EXPECT_EQ(client.answer(id).body, "");
  EXPECT_TRUE(client.answer(id).closed);
}

TEST(Http2Connection, RefusesBodiesAndHeadersTooLargeAndGoesOn) {
  HttpFixture fixture({"net.body_bytes_max=100000", "net.header_bytes_max=8KiB", "net.header_count_max=30"});
  Http2TestClient client(fixture);
  const auto announced = client.request("/", "abc", {{"content-length", "100001"}}, false);
  const auto silent = client.request("/", std::string(300'000, 'x'));
  const auto long_header = client.request("/", "abc", {{"x-long", std::string(9'000, 'x')}});
  const auto many_headers = client.request("/", "", std::vector<std::pair<std::string, std::string>>(40, {"a", "b"}));
  const auto two_hosts = client.request("/", "", {{"host", "elsewhere"}});
  const auto good = client.request("/", "abc");
  client.exchange();
  EXPECT_EQ(client.answer(announced).status, "413");
  EXPECT_EQ(client.answer(announced).body, "refused");
  EXPECT_FALSE(client.answer(announced).closed) << "the rest of the request is dropped for a while";
  fixture.core.run_for(seconds(5));
  client.exchange();
  EXPECT_TRUE(client.answer(announced).closed) << "then the peer is told not to send it";
  EXPECT_EQ(client.answer(announced).error_code, NGHTTP2_NO_ERROR);
  EXPECT_EQ(client.answer(silent).status, "413");
  EXPECT_EQ(client.answer(long_header).status, "431");
  EXPECT_EQ(client.answer(many_headers).status, "431");
  EXPECT_EQ(client.answer(two_hosts).status, "400");
  EXPECT_EQ(client.answer(good).body, "abc");
  EXPECT_EQ(fixture.handler.seen.size(), 1U);
  client.ping();
  client.exchange();  // with nothing on its way, the next read needs no large buffer
  EXPECT_EQ(fixture.resources->request_memory.used_bytes(), 0U);
}

TEST(Http2Connection, RefusesStreamsBeyondTheMemoryOfTheProcess) {
  HttpFixture fixture({"net.request_memory_bytes_max=1MiB"});
  Http2TestClient client(fixture);
  const auto small = client.request("/wait", "a");
  const auto large = client.request("/", std::string(2 * mebibyte, 'x'));
  client.exchange();
  EXPECT_EQ(client.answer(large).status, "503");
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 1'000; ++i) ids.push_back(client.request("/wait"));
  client.exchange();
  EXPECT_EQ(client.answer(ids.back()).error_code, NGHTTP2_REFUSED_STREAM);
  fixture.handler.release();
  client.exchange();
  EXPECT_EQ(client.answer(small).body, "a");
  EXPECT_EQ(fixture.resources->request_memory.used_bytes(), 0U);
}

TEST(Http2Connection, AHandlerOutlivesItsCancelledStreamAndItsConnection) {
  HttpFixture fixture;
  {
    Http2TestClient client(fixture);
    const auto cancelled = client.request("/wait", "a");
    client.exchange();
    client.reset(cancelled);
    const auto other = client.request("/", "b");
    client.exchange();
    EXPECT_EQ(client.answer(other).body, "b");
    EXPECT_EQ(fixture.handler.running, 1U);
    fixture.handler.release();
    client.exchange();
    EXPECT_EQ(fixture.handler.running, 0U);
    EXPECT_EQ(fixture.resources->request_memory.used_bytes(), 0U);

    client.request("/wait", "c");
    client.exchange();
    client.served().to_server.end();
    fixture.core.run();
    EXPECT_FALSE(client.served().ended) << "a handler still runs";
    fixture.handler.release();
    fixture.core.run();
    EXPECT_TRUE(client.served().ended);
  }
}

TEST(Http2Connection, AHandlerMayEndTheConnectionWithAnAnswer) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  const auto waiting = client.request("/wait", "a");
  const auto last = client.request("/last", "bye");
  client.exchange();
  EXPECT_EQ(client.answer(last).body, "bye");
  EXPECT_TRUE(client.went_away);
  EXPECT_EQ(client.goaway_code, NGHTTP2_NO_ERROR);
  fixture.handler.release();
  client.exchange();
  EXPECT_EQ(client.answer(waiting).body, "a") << "what is under way is answered";
}

TEST(Http2Connection, CutsOffAFloodOfResets) {
  HttpFixture fixture({"net.h2_resets_per_interval_max=100"});
  Http2TestClient client(fixture);
  for (int i = 0; i < 100; ++i) client.reset(client.request("/wait"));
  client.exchange();
  // The streams die within one read, or their handlers are let go on; either way the connection lives.
  EXPECT_FALSE(client.went_away);
  std::string flood;
  for (int i = 0; i < 200; ++i) {
    const auto id = client.request("/wait");
    flood += client.output();
    client.reset(id);
    flood += client.output();
  }
  client.send_raw(flood);
  EXPECT_TRUE(client.went_away);
  EXPECT_EQ(client.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(fixture.metrics.h2_cut_off_resets.value(), 1U);
  fixture.handler.release();
  fixture.core.run_for(seconds(3));
  EXPECT_TRUE(client.served().ended);
}

TEST(Http2Connection, AConsumerMayLeaveThousandsOfAnsweredStreams) {
  HttpFixture fixture({"net.h2_resets_per_interval_max=10"});
  Http2TestClient client(fixture);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(client.request("/large"));
  // The client reads nothing: windows fill up and the responses stay open.
  client.served().exchange(client.output());
  std::string resets;
  for (const auto id : ids) {
    resets += Http2TestClient::frame(NGHTTP2_RST_STREAM, 0, id, std::string("\0\0\0\x08", 4));
  }
  client.send_raw(resets);
  EXPECT_FALSE(client.went_away);
  EXPECT_EQ(fixture.resources->response_memory.used_bytes(), 0U);
}

TEST(Http2Connection, CutsOffFloodsOfControlFrames) {
  const std::string eight(8, '\0');
  const std::array<std::string, 3> frames = {
      Http2TestClient::frame(NGHTTP2_PING, 0, 0, eight), Http2TestClient::frame(NGHTTP2_SETTINGS, 0, 0, ""),
      Http2TestClient::frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\x10", 5))};
  for (const std::string& frame : frames) {
    HttpFixture fixture({"net.h2_control_frames_per_interval_max=200"});
    Http2TestClient client(fixture);
    client.exchange();
    for (int i = 0; i < 150; ++i) client.send_raw(frame);
    EXPECT_FALSE(client.went_away) << int{frame[3]};
    for (int i = 0; i < 60 && !client.went_away; ++i) client.send_raw(frame);
    EXPECT_TRUE(client.went_away) << int{frame[3]};
    EXPECT_EQ(client.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT_EQ(fixture.metrics.h2_cut_off_control_frames.value(), 1U);
  }
}

TEST(Http2Connection, CutsOffAFloodOfEmptyData) {
  HttpFixture fixture({"net.h2_control_frames_per_interval_max=200"});
  Http2TestClient client(fixture);
  const auto id = client.request("/", "a", {}, false);
  client.exchange();
  std::string flood;
  for (int i = 0; i < 300; ++i) flood += Http2TestClient::frame(NGHTTP2_DATA, 0, id, "");
  client.send_raw(flood);
  EXPECT_EQ(client.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2Connection, CutsOffAFloodOfContinuations) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  client.exchange();
  // A header that never ends: "a: b" as literals, without END_HEADERS.
  const std::string block(
      "\x00\x01"
      "a\x01"
      "b",
      5);
  std::string flood = Http2TestClient::frame(NGHTTP2_HEADERS, 0, 1, block);
  for (int i = 0; i < 1'000; ++i) flood += Http2TestClient::frame(NGHTTP2_CONTINUATION, 0, 1, block);
  client.send_raw(flood);
  EXPECT_EQ(client.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(fixture.metrics.h2_cut_off_headers.value(), 1U);
  fixture.core.run_for(seconds(3));
  EXPECT_TRUE(client.served().ended);
}

TEST(Http2Connection, CutsOffAHeaderThatUnfoldsWithoutEnd) {
  HttpFixture fixture({"net.header_bytes_max=8KiB"});
  Http2TestClient client(fixture);
  client.exchange();
  // One large field goes into the dynamic table; after that each byte stands for all of it.
  std::string block(
      "\x40\x01"
      "a",
      3);
  block += std::string("\x7f\xd1\x1e", 3) + std::string(4'000 - 48, 'v');
  block += std::string(2'000, '\xbe');
  client.send_raw(Http2TestClient::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block));
  EXPECT_EQ(client.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(fixture.metrics.h2_cut_off_headers.value(), 1U);
}

TEST(Http2Connection, EndsAConnectionThatBreaksTheProtocol) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  client.exchange();
  client.send_raw(Http2TestClient::frame(NGHTTP2_DATA, 0, 0, "x"));
  EXPECT_EQ(client.goaway_code, NGHTTP2_PROTOCOL_ERROR);
  fixture.core.run_for(seconds(3));
  EXPECT_TRUE(client.served().ended);
}

TEST(Http2Connection, SlowRequestsAndReadersTimeOutAndOthersGoOn) {
  HttpFixture fixture({"net.header_timeout=10s", "net.body_timeout=10s", "net.write_timeout=10s",
                       "net.transfer_bytes_per_second_min=1MiB"});
  Http2TestClient client(fixture);
  const auto stuck = client.request("/", "abc", {}, false);
  const auto other = client.request("/wait", "d");
  client.exchange();
  fixture.core.run_for(seconds(13));
  client.exchange();
  EXPECT_EQ(client.answer(stuck).error_code, NGHTTP2_CANCEL);
  fixture.handler.release();
  client.exchange();
  EXPECT_EQ(client.answer(other).body, "d");

  const auto unread = client.request("/large");
  client.served().exchange(client.output());
  EXPECT_GT(fixture.resources->response_memory.used_bytes(), 0U);
  fixture.core.run_for(seconds(30));
  client.served().exchange("");
  EXPECT_EQ(fixture.resources->response_memory.used_bytes(), 0U);
  EXPECT_FALSE(client.answer(unread).closed);
}

TEST(Http2Connection, AHeaderThatStopsHalfwayEndsTheConnection) {
  HttpFixture fixture({"net.header_timeout=10s"});
  Http2TestClient client(fixture);
  client.exchange();
  client.send_raw(Http2TestClient::frame(NGHTTP2_HEADERS, 0, 1,
                                         std::string("\x00\x01"
                                                     "a\x01"
                                                     "b",
                                                     5)));
  fixture.core.run_for(seconds(15));
  EXPECT_TRUE(client.served().ended);
}

TEST(Http2Connection, IdleConnectionsAreToldToGoAway) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  const auto id = client.request("/", "a");
  client.exchange();
  EXPECT_EQ(client.answer(id).body, "a");
  fixture.core.run_for(seconds(340));
  client.exchange();
  EXPECT_FALSE(client.went_away);
  fixture.core.run_for(seconds(15));
  client.exchange();
  EXPECT_TRUE(client.went_away);
  EXPECT_EQ(client.goaway_code, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(client.served().ended);
}

TEST(Http2Connection, DrainingAnswersWhatIsOpenAndThenCloses) {
  HttpFixture fixture;
  Http2TestClient client(fixture);
  const auto open = client.request("/wait", "a");
  client.exchange();
  client.served().http.begin_drain();
  client.exchange();
  EXPECT_TRUE(client.went_away);
  EXPECT_EQ(client.goaway_code, NGHTTP2_NO_ERROR);
  EXPECT_FALSE(client.served().ended);
  fixture.handler.release();
  client.exchange();
  EXPECT_EQ(client.answer(open).body, "a");
  fixture.core.run_for(seconds(3));
  EXPECT_TRUE(client.served().ended);
}

}  // namespace
}  // namespace weir::net
