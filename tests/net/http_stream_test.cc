#include "net/http_stream.h"

#include <gtest/gtest.h>

#include <array>

#include "env/task_group.h"
#include "tests/support/must.h"
#include "tests/support/simulation_test.h"

namespace weir::net {
namespace {

using env::Core;
using env::Task;
using test::must;

// Takes one request, answers with `answer`, waits for `linger` and closes the connection.
Task<void> serve_once(Core& core, env::Listener& listener, std::string answer, Duration linger) {
  const auto connection = core.network().adopt(must(co_await listener.accept()));
  std::string request;
  std::array<std::byte, 4096> piece;
  while (!request.ends_with("\r\n\r\nbody")) {
    const std::size_t got = must(co_await connection->read_some(piece, no_deadline));
    request.append(as_text(BytesView(piece).first(got)));
  }
  EXPECT_TRUE(request.starts_with("POST /watch HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(request.contains("\r\nX-A: b\r\n")) << request;
  const std::array<BytesView, 1> parts{as_bytes(answer)};
  static_cast<void>(co_await connection->write_all(parts, no_deadline));
  co_await core.sleep_for(linger);
  connection->close();
}

HttpClientRequest request() { return {.target = "/watch", .headers = {{"X-A", "b"}}, .body = "body"}; }

// Runs `body` on a stream to a server that answers so.
void with_stream(std::uint64_t seed, const std::string& answer, Duration linger,
                 const std::function<Task<void>(Core&, HttpStream&)>& body) {
  test::run_simulation(seed, [&](Core& core) -> Task<void> {
    const auto listener = must(co_await core.network().listen({"127.0.0.1", 0}, 1));
    env::TaskGroup group(core);
    group.spawn(serve_once(core, *listener, answer, linger));
    HttpStream stream(core, {.endpoint = listener->local()});
    co_await body(core, stream);
    stream.close();
    co_await group.wait();
  });
}

// The whole body, or how it ended.
Task<Result<std::string>> read_all(HttpStream& stream) {
  std::string all;
  for (;;) {
    auto piece = co_await stream.read(no_deadline);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return all;
    all.append(*piece);
  }
}

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(HttpStream, GivesTheBodyHoweverItIsFramedAndCut) {
  const std::string body(200'000, 'x');
  const std::array<std::string, 3> answers = {
      "HTTP/1.1 100 Continue\r\n\r\n" + chunked + "4\r\nwiki\r\n30d3c\r\n" + body.substr(4) + "\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nwiki" + body.substr(4),
      "HTTP/1.1 200 OK\r\n\r\nwiki" + body.substr(4),
  };
  for (const std::string& answer : answers) {
    test::for_each_seed(1, 20, [&](std::uint64_t seed) {
      with_stream(seed, answer, seconds(1), [&body](Core&, HttpStream& stream) -> Task<void> {
        must(co_await stream.open(request(), no_deadline));
        EXPECT_EQ(stream.status(), 200);
        EXPECT_EQ(must(co_await read_all(stream)), "wiki" + body.substr(4));
      });
    });
  }
}

TEST(HttpStream, GivesEachPieceWhenItComesAndSurvivesATimeout) {
  with_stream(1, chunked + "4\r\nwiki\r\n", seconds(10), [](Core& core, HttpStream& stream) -> Task<void> {
    must(co_await stream.open(request(), no_deadline));
    EXPECT_EQ(must(co_await stream.read(no_deadline)), "wiki");
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ((co_await stream.read(core.now() + seconds(1))).error().code, ErrorCode::timeout);
    }
    EXPECT_EQ((co_await stream.read(no_deadline)).error().code, ErrorCode::closed);
  });
}

TEST(HttpStream, AnAnswerThatIsCutOrNoHttpIsAnError) {
  with_stream(1, chunked.substr(0, 20), Duration{}, [](Core&, HttpStream& stream) -> Task<void> {
    EXPECT_EQ((co_await stream.open(request(), no_deadline)).error().code, ErrorCode::closed);
  });
  with_stream(1, "SSH-2.0-OpenSSH_9.2\r\n\r\n", Duration{}, [](Core&, HttpStream& stream) -> Task<void> {
    EXPECT_EQ((co_await stream.open(request(), no_deadline)).error().code, ErrorCode::corrupt);
  });
  with_stream(1, chunked + "zz\r\n", seconds(1), [](Core&, HttpStream& stream) -> Task<void> {
    Result<void> opened = co_await stream.open(request(), no_deadline);
    if (opened) EXPECT_EQ((co_await stream.read(no_deadline)).error().code, ErrorCode::corrupt);
  });
}

TEST(HttpStream, CloseEndsAReadInFlight) {
  with_stream(1, chunked, seconds(10), [](Core& core, HttpStream& stream) -> Task<void> {
    must(co_await stream.open(request(), no_deadline));
    env::TaskGroup group(core);
    const auto read = [](HttpStream& from) -> Task<void> {
      EXPECT_EQ((co_await from.read(no_deadline)).error().code, ErrorCode::closed);
    };
    group.spawn(read(stream));
    stream.close();
    co_await group.wait();
  });
}

}  // namespace
}  // namespace weir::net
