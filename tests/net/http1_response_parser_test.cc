#include "net/http1/http1_response_parser.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

// Parses `text` in two pieces; what the parser leaves is shown again.
Result<HttpClientResponse> parse(std::string_view text, std::size_t split, bool ends,
                                 std::uint64_t body_bytes_max = 1'000, bool has_no_body = false) {
  HttpClientResponse response;
  Http1ResponseParser parser(has_no_body, body_bytes_max, response);
  std::string waiting;
  for (const std::string_view piece : {text.substr(0, split), text.substr(split)}) {
    waiting.append(piece);
    WEIR_TRY(const std::size_t consumed, parser.parse(waiting));
    waiting.erase(0, consumed);
  }
  if (ends && !parser.is_done()) WEIR_CHECK(parser.end());
  if (!parser.is_done()) return fail(ErrorCode::internal, "not done");
  return response;
}

TEST(Http1ResponseParser, EverySplitOfTheBytesGivesTheSameResult) {
  const std::array<std::string_view, 4> responses = {
      "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 9\r\n\r\nwikipedia",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 9\r\n\r\nwikipedia",
      "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\npedia\r\n0\r\nX-T: t\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nwikipedia",
  };
  for (const std::string_view text : responses) {
    for (std::size_t split = 0; split <= text.size(); ++split) {
      const Result<HttpClientResponse> response = parse(text, split, true);
      ASSERT_TRUE(response.has_value()) << text << split << response.error().message;
      EXPECT_EQ(response->status, 200);
      EXPECT_EQ(response->body, "wikipedia");
      EXPECT_EQ(response->header("x-a"), "b");
      EXPECT_FALSE(response->header("x-t").has_value());
    }
  }
}

TEST(Http1ResponseParser, TellsWhatIsNotWholeNotHttpOrTooLarge) {
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwiki", 3, true).error().code, ErrorCode::closed);
  EXPECT_EQ(parse("", 0, true).error().code, ErrorCode::closed);
  EXPECT_EQ(parse("SSH-2.0-OpenSSH_9.2\r\n\r\n", 3, false).error().code, ErrorCode::corrupt);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwikipedia", 3, false, 8).error().code,
            ErrorCode::limit_exceeded);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nwikipedia\r\n", 60, false, 8).error().code,
            ErrorCode::limit_exceeded);
}

TEST(Http1ResponseParser, AHeadResponseHasNoBodyWhateverItsLength) {
  const Result<HttpClientResponse> response =
      parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 5, false, 1'000, true);
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "");
}

}  // namespace
}  // namespace weir::net
