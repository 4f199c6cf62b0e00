#include "net/http1/http1_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/net/http_test_support.h"

namespace weir::net {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Served = ServedConnection<Http1Connection>;

std::string post(std::string_view path, std::string_view body, std::string_view more_headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: here\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

TEST(Http1Connection, AnswersWithDateAndContentLengthAndStaysOpen) {
  HttpFixture fixture;
  Served served(fixture);
  const std::string expected =
      "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 15:11:30 GMT\r\nContent-Length: 5\r\nx-echo: yes\r\n\r\nhello";
  EXPECT_EQ(served.exchange(post("/a?b=c", "hello", "X-Mixed-Case:  Value \r\n")), expected);
  EXPECT_THAT(fixture.handler.seen,
              ElementsAre("POST /a?b=c\nhost=here\nx-mixed-case=Value\ncontent-length=5\n\nhello"));
  EXPECT_EQ(served.exchange(post("/", "hello")), expected);
  EXPECT_FALSE(served.ended);
}

TEST(Http1Connection, EverySplitOfTheBytesGivesTheSameResult) {
  const std::string requests = "\r\n" + post("/one?x", "first body", "Accept: */*\r\n") +
                               "POST /two HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "4;ext=1\r\nwiki\r\n6\r\npedia \r\n0\r\nTrailer: t\r\n\r\n" +
                               post("/three", "") + "GET /four HTTP/1.0\r\nConnection: close\r\n\r\n";
  HttpFixture whole_fixture;
  Served whole(whole_fixture);
  const std::string expected = whole.exchange(requests);
  ASSERT_EQ(whole_fixture.handler.seen.size(), 4U);
  EXPECT_THAT(whole_fixture.handler.seen[1], EndsWith("\n\nwikipedia "));
  EXPECT_TRUE(whole.ended);
  for (std::size_t split = 1; split < requests.size(); ++split) {
    HttpFixture fixture;
    Served served(fixture);
    std::string answer = served.exchange(requests.substr(0, split));
    answer += served.exchange(requests.substr(split));
    ASSERT_EQ(answer, expected) << "split at " << split;
    ASSERT_EQ(fixture.handler.seen, whole_fixture.handler.seen) << "split at " << split;
  }
  for (std::size_t read_bytes = 1; read_bytes < 40; ++read_bytes) {
    HttpFixture fixture;
    Served served(fixture, read_bytes);
    ASSERT_EQ(served.exchange(requests), expected) << "reads of " << read_bytes;
  }
}

TEST(Http1Connection, AnswersPipelinedRequestsInOrderOneAtATime) {
  HttpFixture fixture;
  Served served(fixture);
  EXPECT_EQ(served.exchange(post("/wait", "a") + post("/later", "b") + post("/", "c")), "");
  EXPECT_EQ(fixture.handler.seen.size(), 1U);
  fixture.handler.release();
  const std::string answer = served.exchange("");
  EXPECT_THAT(answer, ::testing::ContainsRegex("\r\n\r\naHTTP/1.1 200 OK(.|\r|\n)*\r\n\r\nbHTTP(.|\r|\n)*\r\n\r\nc$"));
  EXPECT_EQ(fixture.handler.running_max, 1U);
}

TEST(Http1Connection, AHandlerMayEndTheConnectionWithAnAnswer) {
  HttpFixture fixture;
  Served served(fixture);
  const std::string answer = served.exchange(post("/last", "bye") + post("/", "unheard"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nbye"));
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(served.ended);
}

TEST(Http1Connection, KeepsWhatItsHandlerLabelsItWith) {
  HttpFixture fixture;
  Served served(fixture);
  EXPECT_THAT(served.exchange(post("/labelled", "")), EndsWith("new"));
  EXPECT_THAT(served.exchange(post("/labelled", "")), EndsWith("known"));
  Served other(fixture);
  EXPECT_THAT(other.exchange(post("/labelled", "")), EndsWith("new"));
}

TEST(Http1Connection, AnAnswerMayComeInParts) {
  HttpFixture fixture;
  ServedConnection<Http1Connection> served(fixture);
  const std::string answer = served.exchange("GET /parts HTTP/1.1\r\nhost: h\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: " + std::to_string(all_parts().size()) + "\r\n"));
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), all_parts());
  EXPECT_EQ(fixture.resources->response_memory.used_bytes(), 0U);
  const std::string head = served.exchange("HEAD /parts HTTP/1.1\r\nhost: h\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: " + std::to_string(all_parts().size()) + "\r\n"));
  EXPECT_EQ(head.substr(head.find("\r\n\r\n") + 4), "");
}

TEST(Http1Connection, LargeBodiesArriveWholeAndTheirMemoryGoesBack) {
  HttpFixture fixture;
  for (const std::size_t read_bytes : {std::size_t{1'000}, std::size_t{100'000}, std::size_t{1} << 30U}) {
    Served served(fixture, read_bytes);
    std::string body(5 * mebibyte, 'x');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
    fixture.handler.seen.clear();
    EXPECT_THAT(served.exchange(post("/x?y", body) + post("/", "next")), EndsWith("next"));
    ASSERT_EQ(fixture.handler.seen.size(), 2U);
    EXPECT_EQ(fixture.handler.seen[0], "POST /x?y\nhost=here\ncontent-length=5242880\n\n" + body);
    std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += 524'288)
      chunked += "80000\r\n" + body.substr(at, 524'288) + "\r\n";
    served.exchange(chunked + "0\r\n\r\n");
    ASSERT_EQ(fixture.handler.seen.size(), 3U);
    EXPECT_THAT(fixture.handler.seen[2], EndsWith("\n\n" + body));
    EXPECT_EQ(fixture.resources->request_memory.used_bytes(), 0U);
    EXPECT_EQ(fixture.resources->response_memory.used_bytes(), 0U);
  }
}

TEST(Http1Connection, AnEmptyChunkedBodyMayComeByteByByte) {
  const std::string request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t read_bytes = 1; read_bytes < 6; ++read_bytes) {
    HttpFixture fixture;
    Served served(fixture, read_bytes);
    EXPECT_THAT(served.exchange(request), StartsWith("HTTP/1.1 200 ")) << "reads of " << read_bytes;
    EXPECT_THAT(served.exchange(post("/next", "x")), EndsWith("\r\n\r\nx"));
  }
  HttpFixture fixture;
  Served served(fixture);
  for (std::size_t at = 0; at + 1 < request.size(); ++at) EXPECT_EQ(served.exchange(request.substr(at, 1)), "");
  EXPECT_THAT(served.exchange("\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(Http1Connection, InvitesABodyThatWaitsForIt) {
  HttpFixture fixture;
  Served served(fixture);
  EXPECT_EQ(served.exchange("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(served.exchange("abc"), EndsWith("\r\n\r\nabc"));
  EXPECT_THAT(served.exchange("PUT / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nContent-Length: 3\r\n\r\n"),
              StartsWith("HTTP/1.1 417 "));
}

TEST(Http1Connection, RefusesABodyTooLargeBeforeReadingIt) {
  HttpFixture fixture({"net.body_bytes_max=1000000"});
  {
    Served served(fixture);
    const std::string answer =
        served.exchange("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000001\r\n\r\nabc");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(answer, EndsWith("refused"));
    EXPECT_FALSE(served.ended) << "the peer gets time to read the answer";
    EXPECT_EQ(served.exchange(std::string(1'100'000, 'x')), "");
    EXPECT_TRUE(served.ended);
  }
  {
    Served served(fixture);
    const std::string chunk = "10000\r\n" + std::string(65'536, 'x') + "\r\n";
    std::string answer = served.exchange("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 15; ++i) answer += served.exchange(chunk);
    EXPECT_EQ(answer, "");
    EXPECT_THAT(served.exchange(chunk), StartsWith("HTTP/1.1 413 "));
    fixture.core.run_for(seconds(3));
    EXPECT_TRUE(served.ended) << "lingering is bounded";
  }
  EXPECT_EQ(fixture.metrics.refused_body_too_large.value(), 2U);
  EXPECT_THAT(fixture.handler.seen, IsEmpty());
}

TEST(Http1Connection, RefusesHeadersTooLargeOrTooMany) {
  HttpFixture fixture({"net.header_bytes_max=8KiB", "net.header_count_max=20"});
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  {
    Served served(fixture);
    EXPECT_THAT(served.exchange(start + "X: " + std::string(8'000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(served.exchange(start + "X: " + std::string(8'192, 'x')), StartsWith("HTTP/1.1 431 "));
  }
  std::string many = start;
  for (int i = 0; i < 19; ++i) many += "a: b\r\n";
  Served enough(fixture);
  EXPECT_THAT(enough.exchange(many + "\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(enough.exchange(many + "c: d\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(fixture.metrics.refused_header_too_large.value(), 2U);
}

TEST(Http1Connection, RefusesMalformedRequestsAndCloses) {
  const std::array<std::string, 15> malformed = {
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8),
      "GET /\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nBad Name: v\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nFolded: a\r\n b\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
  };
  HttpFixture fixture;
  for (const std::string& bytes : malformed) {
    Served served(fixture);
    EXPECT_THAT(served.exchange(bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
    served.to_server.end();
    fixture.core.run();
    EXPECT_TRUE(served.ended);
  }
  EXPECT_THAT(fixture.handler.seen, IsEmpty());
  EXPECT_EQ(fixture.metrics.refused_malformed.value(), malformed.size());
}

TEST(Http1Connection, HeadHasTheLengthButNotTheBody) {
  HttpFixture fixture;
  Served served(fixture);
  const std::string answer = served.exchange("HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(Http1Connection, KeepsVersion10ConnectionsOpenOnlyWhenAsked) {
  HttpFixture fixture;
  Served served(fixture);
  EXPECT_THAT(served.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(served.ended);
  EXPECT_THAT(served.exchange("GET / HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(served.ended);
}

TEST(Http1Connection, SlowHeadersAndBodiesTimeOut) {
  HttpFixture fixture({"net.header_timeout=10s", "net.body_timeout=10s", "net.transfer_bytes_per_second_min=100"});
  {
    Served served(fixture);
    fixture.core.run_for(seconds(11));
    EXPECT_TRUE(served.ended) << "a new connection that stays silent";
    EXPECT_EQ(served.to_client.bytes, "");
  }
  {
    Served served(fixture);
    const std::string head = post("/", "");
    for (std::size_t i = 0; i < 10; ++i) {
      served.exchange(head.substr(i, 1));
      fixture.core.run_for(milliseconds(1'100));
    }
    EXPECT_THAT(served.to_client.take_all(), StartsWith("HTTP/1.1 408 ")) << "one byte now and then does not help";
    EXPECT_TRUE(served.ended);
  }
  {
    Served served(fixture);
    EXPECT_EQ(served.exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"), "");
    for (int second = 0; second < 20; ++second) {
      served.exchange(std::string(200, 'x'));
      fixture.core.run_for(seconds(1));
    }
    EXPECT_EQ(served.to_client.bytes, "") << "twice the least rate is fast enough";
    fixture.core.run_for(seconds(60));
    EXPECT_THAT(served.to_client.take_all(), StartsWith("HTTP/1.1 408 "));
    EXPECT_TRUE(served.ended);
  }
  EXPECT_EQ(fixture.metrics.refused_timeout.value(), 2U);
}

TEST(Http1Connection, IdleConnectionsStayUntilTheIdleTimeout) {
  HttpFixture fixture;
  Served served(fixture);
  EXPECT_THAT(served.exchange(post("/", "a")), EndsWith("a"));
  fixture.core.run_for(seconds(349));
  EXPECT_THAT(served.exchange(post("/", "b")), EndsWith("b"));
  fixture.core.run_for(seconds(351));
  EXPECT_TRUE(served.ended);
  EXPECT_EQ(served.to_client.bytes, "") << "closed without a word: the peer may be about to send";
}

TEST(Http1Connection, RefusesRequestsBeyondTheMemoryOfTheProcess) {
  HttpFixture fixture({"net.request_memory_bytes_max=1MiB", "net.response_memory_bytes_max=1MiB"});
  Served one(fixture);
  Served two(fixture);
  const std::string body(600'000, 'x');
  EXPECT_EQ(one.exchange(post("/wait", body)), "");
  EXPECT_THAT(two.exchange(post("/", body)), StartsWith("HTTP/1.1 503 "));
  fixture.handler.release();
  EXPECT_THAT(one.exchange(""), EndsWith(body));
  EXPECT_THAT(one.exchange(post("/large", "")), StartsWith("HTTP/1.1 503 ")) << "its response is 3 MiB";
  EXPECT_THAT(one.exchange(post("/", "small")), EndsWith("small"));
  EXPECT_EQ(fixture.metrics.refused_memory.value(), 2U);
}

TEST(Http1Connection, DrainingFinishesTheRequestInFlightAndClosesIdleConnections) {
  HttpFixture fixture;
  Served idle(fixture);
  Served busy(fixture);
  busy.exchange(post("/wait", "x") + post("/", "never"));
  idle.http.begin_drain();
  busy.http.begin_drain();
  fixture.core.run();
  EXPECT_TRUE(idle.ended);
  EXPECT_FALSE(busy.ended);
  fixture.handler.release();
  const std::string answer = busy.exchange("");
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nx"));
  EXPECT_TRUE(busy.ended);
}

}  // namespace
}  // namespace weir::net
