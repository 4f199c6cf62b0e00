// What clients are told when the server itself cannot do what they ask.
#include "directory/map/shard_map_builder.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

constexpr std::string_view put_unavailable =
    "ServiceUnavailable: The shard cannot take records at the moment. Try again.";

Map put_input(std::string text) {
  return {{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{std::move(text)}}};
}

Map puts_input(std::string text) {
  return {{"StreamName", "s"}, {"Records", List(3, Map{{"PartitionKey", "k"}, {"Data", Blob{std::move(text)}}})}};
}

void expect_all_failed(const WireValue& answer) {
  EXPECT_EQ(answer["FailedRecordCount"].integer(), 3);
  for (const WireValue& entry : answer["Records"].items()) {
    EXPECT_EQ(entry.to_json(), R"({"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."})");
  }
}

TEST(Failures, BeforeTheFirstMapEveryOperationIsToBeTriedAgain) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const directory::ShardMapPointer map = server.front_end(0).routes().map();
    server.front_end(0).routes().replace(nullptr);
    for (const std::string operation : {"ListStreams", "PutRecord", "CreateStream"}) {
      const Reply reply = co_await client.call(operation, {});
      EXPECT_EQ(reply.error(), "ServiceUnavailable: The server is starting. Try again.");
      EXPECT_EQ(reply.status, 503);
    }
    server.front_end(0).routes().replace(map);
    co_await client.expect("ListStreams", {});
  });
}

TEST(Failures, WhatTheTransportRefusesHasAnIdAndNoBody) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    for (const std::uint16_t status : std::initializer_list<std::uint16_t>{400, 408, 413, 431, 503}) {
      const net::HttpResponse response = server.front_end(0).refuse(status);
      EXPECT_EQ(response.status, status);
      EXPECT_EQ(response.body, "");
      EXPECT_EQ(response.headers.size(), 1U);
      EXPECT_EQ(response.headers.front().first, "x-amzn-RequestId");
    }
    co_return;
  });
}

// Closed, and no map says where its records go now.
TEST(Failures, APutThatFindsNoOpenShardGivesUpInTime) {
  run_server({.settings = {"frontend.reroute_time_max=3s"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .core = 1};
    co_await client.create("s", 1);
    const auto stream = server.find("s");
    const auto closed =
        co_await server.process().cell->close_shard(stream->shards[0].lane, stream->key_of(stream->shards[0]), {});
    EXPECT_TRUE(closed.has_value());
    for (const bool singly : {true, false}) {
      const MonotonicTime begin = server.home().now();
      if (singly) {
        const Reply reply = co_await client.call("PutRecord", put_input("a"));
        EXPECT_EQ(reply.error(), put_unavailable);
        EXPECT_EQ(reply.status, 503);
      } else {
        expect_all_failed(co_await client.expect("PutRecords", puts_input("a")));
      }
      EXPECT_GE(server.home().now() - begin, seconds(3));
      EXPECT_LE(server.home().now() - begin, seconds(3) + milliseconds(1));
    }
    EXPECT_EQ(server.metrics().records_unavailable.value(), 4U);
    EXPECT_TRUE((co_await client.read_all("s", shard_name(0))).empty());
  });
}

TEST(Failures, AFailedCommitIsAnInternalFailureAndReadsGoOn) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.put("s", "before");
    server.process().world.disk.add_fault({.operation = env::DiskOperation::sync});
    const Reply failed = co_await client.call("PutRecord", put_input("lost"));
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(failed.raw, R"({"__type":"InternalFailure"})");
    EXPECT_EQ((co_await client.call("PutRecord", put_input("refused"))).error(), put_unavailable);
    expect_all_failed(co_await client.expect("PutRecords", puts_input("refused")));
    EXPECT_EQ(co_await client.read_all("s", shard_name(0)), std::vector<std::string>{"before"});
    EXPECT_EQ(server.metrics().records_failed.value(), 1U);
    EXPECT_EQ(server.metrics().records_unavailable.value(), 4U);
    server.process().world.disk.clear_faults();
    co_await server.home().sleep_for(seconds(10));
    co_await client.put("s", "after");
    const std::vector<std::string> texts = co_await client.read_all("s", shard_name(0));
    EXPECT_EQ(texts.front(), "before");
    EXPECT_EQ(texts.back(), "after");
  });
}

TEST(Failures, ACommandThatCannotBeStoredIsToBeTriedAgain) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    server.process().metastore_is_full = true;
    const Reply create = co_await client.call("CreateStream", {{"StreamName", "t"}, {"ShardCount", 1}});
    EXPECT_EQ(create.code(), "ServiceUnavailable");
    EXPECT_EQ(create.status, 503);
    EXPECT_EQ((co_await client.call("DeleteStream", {{"StreamName", "s"}})).code(), "ServiceUnavailable");
    EXPECT_EQ((co_await client.call("AddTagsToStream", {{"StreamName", "s"}, {"Tags", Map{{"a", "b"}}}})).code(),
              "ServiceUnavailable");
    // Existing streams are served.
    co_await client.put("s", "a");
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 1U);
    EXPECT_EQ((co_await client.expect("ListStreams", {}))["StreamNames"].size(), 1U);
    server.process().metastore_is_full = false;
    co_await client.create("t", 1);
  });
}

env::Task<void> put_until_gone(Client client, bool singly, std::uint64_t& stored) {
  for (;;) {
    const Reply reply = singly ? co_await client.call("PutRecord", put_input("a"))
                               : co_await client.call("PutRecords", puts_input("a"));
    if (reply.ok()) {
      if (!singly) EXPECT_EQ(reply.body["FailedRecordCount"].integer(), 0);
      ++stored;
      co_await client.server.home().sleep_for(microseconds(300));
      continue;
    }
    EXPECT_EQ(reply.error(), "ResourceNotFoundException: Stream s under account 000000000000 not found.");
    co_return;
  }
}

TEST(Failures, AStreamThatGoesUnderAPutIsNotFound) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    run_server({.seed = seed}, [](TestServer& server) -> env::Task<void> {
      const Client client{.server = server};
      co_await client.create("s", 2);
      std::uint64_t stored = 0;
      env::TaskGroup putters(server.home());
      for (std::uint32_t i = 0; i < 8; ++i) {
        putters.spawn(put_until_gone({.server = server, .core = i % 2}, i < 4, stored));
      }
      co_await server.home().sleep_for(milliseconds(40));
      co_await client.expect("DeleteStream", {{"StreamName", "s"}});
      co_await putters.wait();
      EXPECT_GT(stored, 8U) << "some before it went";
    });
  }
}

// The cell knows the newest map first: a put may come when its shard is gone there and the front end does not know yet.
TEST(Failures, APutWaitsForTheMapThatTheCellHasAlready) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const auto map = server.process().directory->map();
    directory::ShardMapBuilder builder(*map);
    builder.remove(server.find("s")->id);
    const directory::ShardMapPointer without = builder.build(map->version() + 1);
    co_await server.process().cell->apply(without);
    std::uint64_t stored = 0;
    env::TaskGroup putters(server.home());
    for (std::uint32_t i = 0; i < 4; ++i) {
      putters.spawn(put_until_gone({.server = server, .core = i % 2}, i < 2, stored));
    }
    co_await server.home().sleep_for(milliseconds(200));
    EXPECT_EQ(putters.running(), 4U);
    for (std::uint32_t i = 0; i < simulation::cores; ++i) {
      co_await server.front_end(i).core().enter();
      server.front_end(i).routes().replace(without);
    }
    co_await server.home().enter();
    co_await putters.wait();
    EXPECT_EQ(stored, 0U);
  });
}

TEST(Failures, ALargeAnswerBlocksTheShardsReadsUntilTheAverageIsBack) {
  run_server({.enforce_rates = true, .settings = {"limits.shard_write_bytes_per_second=100MiB"}},
             [](TestServer& server) -> env::Task<void> {
               const Client client{.server = server, .encoding = kinesis::Encoding::cbor};
               co_await client.create("s", 1);
               for (int i = 0; i < 10; ++i) {
                 co_await client.expect("PutRecord", put_input(std::string(mebibyte - 1, 'x')));
               }
               const std::string start = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
               const WireValue large = co_await client.expect("GetRecords", {{"ShardIterator", start}});
               EXPECT_EQ(large["Records"].size(), 10U);
               const Map next = {{"ShardIterator", large["NextShardIterator"].text()}};
               co_await server.home().sleep_for(milliseconds(4'900));
               const Reply blocked = co_await client.call("GetRecords", next);
               EXPECT_EQ(blocked.error(),
                         "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in "
                         "stream s under account 000000000000.");
               co_await server.home().sleep_for(milliseconds(100));
               co_await client.expect("GetRecords", next);
             });
}

}  // namespace
}  // namespace weir::frontend::test
