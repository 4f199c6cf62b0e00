#include "cli/client/kinesis_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text.h"
#include "tests/cli/fake_kinesis.h"
#include "tests/support/simulation_test.h"

namespace weir::cli {
namespace {

using test::must;
using ::testing::HasSubstr;

constexpr kinesis::Operation any_operation = kinesis::Operation::list_shards;

kinesis::ListShardsInput list_here() {
  kinesis::ListShardsInput input;
  input.stream_name = "here";
  input.shard_filter =
      kinesis::ShardFilter{.type = kinesis::ShardFilterType::at_latest, .shard_id = {}, .timestamp = {}};
  return input;
}

TEST(ServerUrl, NamesSchemeAddressPortAndHost) {
  const ServerUrl plain = must(parse_server_url("http://127.0.0.1:4567"));
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.endpoint, (env::Endpoint{"127.0.0.1", 4567}));
  EXPECT_EQ(plain.host, "127.0.0.1:4567");
  const ServerUrl secure = must(parse_server_url("https://localhost/"));
  EXPECT_TRUE(secure.tls);
  EXPECT_EQ(secure.endpoint, (env::Endpoint{"127.0.0.1", 443}));
  EXPECT_EQ(secure.host, "localhost");
  const ServerUrl six = must(parse_server_url("http://[::1]:8080"));
  EXPECT_EQ(six.endpoint, (env::Endpoint{"::1", 8080}));
  EXPECT_EQ(six.host, "[::1]:8080");
  EXPECT_EQ(must(parse_server_url("http://10.1.2.3")).endpoint.port, 80);
}

TEST(ServerUrl, RefusesWhatItCannotUse) {
  for (const char* url : {"", "127.0.0.1:4567", "ftp://127.0.0.1", "http://", "http://:80", "http://weir.example:4567",
                          "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:4x",
                          "http://127.0.0.1:", "http://127.0.0.1/path", "http://user@127.0.0.1", "http://[::1",
                          "http://[::1]x", "http://::1"}) {
    const auto parsed = parse_server_url(url);
    ASSERT_FALSE(parsed.has_value()) << url;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << url;
  }
}

TEST(KinesisClient, NobodyThereIsToldAtOnce) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Interrupt interrupt(core);
    const auto client = must(co_await KinesisClient::make(
        core, interrupt, {.server = {}, .command = "weir test", .patience = endless_patience}));
    const auto answer = co_await client->call<kinesis::ListShardsOutput>(any_operation, list_here());
    EXPECT_EQ(answer.error().fault, CallFault::unreachable);
    EXPECT_THAT(answer.error().message, HasSubstr("cannot reach 127.0.0.1:4567: is `weir serve` running?"));
  });
}

// What a server that is no Kinesis answers.
class Stranger final : public net::HttpHandler {
 public:
  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest&) override {
    co_return net::HttpResponse{.status = 404, .headers = {}, .body = "<html>"};
  }
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override {
    return {.status = status, .headers = {}, .body = {}};
  }
};

TEST(KinesisClient, AnotherServiceIsToldFromTheApi) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    SettingsRegistry settings_registry;
    net::HttpSettings settings(settings_registry);
    MetricsRegistry metrics_registry;
    net::HttpMetrics metrics(metrics_registry);
    net::HttpResources resources(settings, metrics);
    Stranger stranger;
    const auto server = must(co_await net::HttpServer::start(
        core, {{core, stranger}}, resources, {.endpoint = {"127.0.0.1", 4567}, .backlog = 128, .tls = nullptr}));
    Interrupt interrupt(core);
    {
      const auto client = must(co_await KinesisClient::make(core, interrupt, {.server = {}, .command = "weir test"}));
      const auto answer = co_await client->call<kinesis::ListShardsOutput>(any_operation, list_here());
      EXPECT_EQ(answer.error().fault, CallFault::unusable);
    }
    co_await server->stop(Duration::zero());
  });
}

TEST(KinesisClient, TriesAgainWhatPassesAndNotWhatDoesNot) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    test::FakeKinesis server(core);
    co_await server.start();
    Interrupt interrupt(core);
    const auto client = must(co_await KinesisClient::make(core, interrupt, {.server = {}, .command = "weir test"}));

    server.fault = [&server](kinesis::Operation) -> std::optional<kinesis::ApiError> {
      if (server.requests > 3) return std::nullopt;
      return kinesis::errors::internal_failure();
    };
    EXPECT_TRUE((co_await client->call<kinesis::ListShardsOutput>(any_operation, list_here())).has_value());
    EXPECT_EQ(server.requests, 4U);

    server.fault = [](kinesis::Operation) { return std::optional(kinesis::errors::validation("No.\n\x1b[2J")); };
    const auto refused = co_await client->call<kinesis::ListShardsOutput>(any_operation, list_here());
    EXPECT_EQ(refused.error().fault, CallFault::refused);
    EXPECT_EQ(refused.error().code, kinesis::ApiErrorCode::validation);
    EXPECT_EQ(refused.error().message, "ValidationException: No.  [2J") << "one line, nothing that moves a terminal";
    EXPECT_EQ(server.requests, 5U);

    server.fault = [](kinesis::Operation) { return std::optional(kinesis::errors::internal_failure()); };
    const MonotonicTime began = core.now();
    const auto failing = co_await client->call<kinesis::ListShardsOutput>(any_operation, list_here());
    EXPECT_EQ(failing.error().fault, CallFault::passing);
    EXPECT_GE(core.now() - began, seconds(30));
    EXPECT_LE(core.now() - began, seconds(33));
    co_await server.stop();
  });
}

TEST(Text, SizesCountsAndTimesReadWell) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1'023), "1023 B");
  EXPECT_EQ(size_text(1'536), "1.5 KiB");
  EXPECT_EQ(size_text(64 * mebibyte), "64.0 MiB");
  EXPECT_EQ(size_text(1 * mebibyte - 1), "1.0 MiB");
  EXPECT_EQ(count_text(1, "batch"), "1 batch");
  EXPECT_EQ(count_text(0, "batch"), "0 batches");
  EXPECT_EQ(count_text(2, "record"), "2 records");
  EXPECT_EQ(utc_text(wall_time_ms(1'767'225'600'999)), "2026-01-01 00:00:00 UTC");
  EXPECT_EQ(utc_text(WallTime::min()), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(utc_text(WallTime::max()), "9999-12-31 23:59:59 UTC");
}

}  // namespace
}  // namespace weir::cli
