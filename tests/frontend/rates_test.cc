// Limits per second: of shards, record by record, and of calls (API reference, sections 3.1 and 4.7).
#include "env/task_group.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "kinesis/operations.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

constexpr std::string_view shard_rate_message =
    "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.";

List entries(std::size_t count, std::size_t data_bytes = 1, std::string hash = "0") {
  return List(count,
              Map{{"PartitionKey", "k"}, {"Data", Blob{std::string(data_bytes, 'x')}}, {"ExplicitHashKey", hash}});
}

env::Task<WireValue> put_records(Client client, List records) {
  return client.expect("PutRecords", {{"StreamName", "s"}, {"Records", std::move(records)}});
}

// The first `accepted` of the entries have a number, the rest failed for the shard's rate.
void expect_accepted(const WireValue& answer, std::size_t accepted, std::size_t of) {
  EXPECT_EQ(answer["FailedRecordCount"].integer(), static_cast<std::int64_t>(of - accepted));
  EXPECT_EQ(answer["Records"].size(), of);
  for (std::size_t i = 0; i < answer["Records"].size(); ++i) {
    const WireValue& entry = answer["Records"].item(i);
    EXPECT_EQ(entry.size(), 2U);
    EXPECT_EQ(entry.has("SequenceNumber") && entry.has("ShardId"), i < accepted) << "entry " << i;
    if (i < accepted) continue;
    EXPECT_EQ(entry["ErrorCode"].text(), "ProvisionedThroughputExceededException");
    EXPECT_EQ(entry["ErrorMessage"].text(), shard_rate_message);
  }
}

// The client waits until the shard's window is empty.
env::Task<void> calm_down(Client client) { co_await client.server.home().sleep_for(seconds(2)); }

class RatesEncoding : public testing::TestWithParam<kinesis::Encoding> {};
INSTANTIATE_TEST_SUITE_P(Both, RatesEncoding, testing::Values(kinesis::Encoding::json, kinesis::Encoding::cbor),
                         [](const auto& info) { return info.param == kinesis::Encoding::json ? "json" : "cbor"; });

TEST_P(RatesEncoding, AShardTakesExactlyAThousandRecordsASecond) {
  run_server({.enforce_rates = true}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    expect_accepted(co_await put_records(client, entries(500)), 500, 500);
    expect_accepted(co_await put_records(client, entries(400)), 400, 400);
    expect_accepted(co_await put_records(client, entries(300)), 100, 300);
    expect_accepted(co_await put_records(client, entries(1)), 0, 1);
    const Reply single =
        co_await client.call("PutRecord", {{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{"x"}}});
    EXPECT_EQ(single.error(), "ProvisionedThroughputExceededException: " + std::string(shard_rate_message));
    EXPECT_EQ(single.status, 400);
    EXPECT_EQ(server.metrics().records_in.value(), 1'000U);
    EXPECT_EQ(server.metrics().records_throttled.value(), 202U);
    co_await calm_down(client);
    expect_accepted(co_await put_records(client, entries(300)), 300, 300);
    co_await calm_down(client);
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 1'300U) << "what failed is not stored";
  });
}

TEST_P(RatesEncoding, WhatIsKnownToHaveNoRoomFailsWithoutBeingSent) {
  std::size_t room = 2;
  std::vector<std::uint64_t> asked;
  const auto may_take = [&](ShardKey shard, std::span<const std::uint64_t> record_bytes) {
    if (shard.shard.value != 0) return record_bytes.size();
    asked.assign(record_bytes.begin(), record_bytes.end());
    return std::min(room, record_bytes.size());
  };
  // No rate is enforced: whatever is sent is taken.
  run_server({.may_take = may_take}, [&, encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 2);
    const std::string second_shard = "170141183460469231731687303715884105728";
    List mixed;
    for (const auto& [bytes, hash] :
         {std::pair(10, std::string("0")), {20, second_shard}, {30, "0"}, {30, "0"}, {40, second_shard}}) {
      mixed.push_back(entries(1, static_cast<std::size_t>(bytes), hash).front());
    }
    const WireValue answer = co_await put_records(client, mixed);
    EXPECT_EQ(asked, (std::vector<std::uint64_t>{11, 31, 31}));
    EXPECT_EQ(answer["FailedRecordCount"].integer(), 1);
    for (const std::size_t taken : {0U, 1U, 2U, 4U}) {
      EXPECT_TRUE(answer["Records"].item(taken).has("SequenceNumber")) << taken;
    }
    EXPECT_EQ(answer["Records"].item(3)["ErrorMessage"].text(), shard_rate_message);

    room = 0;
    expect_accepted(co_await put_records(client, entries(3)), 0, 3);
    const Map single{{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{"x"}}, {"ExplicitHashKey", "0"}};
    EXPECT_EQ((co_await client.call("PutRecord", single)).error(),
              "ProvisionedThroughputExceededException: " + std::string(shard_rate_message));
    EXPECT_EQ(server.metrics().records_in.value(), 4U);
    EXPECT_EQ(server.metrics().records_throttled.value(), 5U);
    room = 1;
    EXPECT_TRUE((co_await client.call("PutRecord", single)).ok());
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 3U);
    EXPECT_EQ((co_await client.read_all("s", shard_name(1))).size(), 2U);
  });
}

TEST(Rates, AShardTakesAMebibyteASecondRecordByRecord) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    expect_accepted(co_await put_records(client, entries(5, 300 * kibibyte)), 3, 5);
    // What is left of the second is still given out.
    expect_accepted(co_await put_records(client, entries(1, 100 * kibibyte)), 1, 1);
    expect_accepted(co_await put_records(client, entries(1, 100 * kibibyte)), 0, 1);
    co_await calm_down(client);
    expect_accepted(co_await put_records(client, entries(1, mebibyte - 1)), 1, 1);
  });
}

// What is said of the connection after each of `count` calls: 'w' that it gives way, '.' that it does not, and whether
// the call was refused: 'W', '!'.
env::Task<std::string> said_after(Client client, std::string operation, Map input, std::size_t count) {
  std::string said;
  for (std::size_t i = 0; i < count; ++i) {
    const Reply reply = co_await client.call(operation, input);
    said += reply.ok() ? (reply.gives_way ? 'w' : '.') : (reply.gives_way ? 'W' : '!');
  }
  co_return said;
}

TEST_P(RatesEncoding, AConnectionWhoseRequestWasRefusedGivesWayWhenManyAre) {
  run_server({.enforce_rates = true}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client floods{.server = server, .encoding = encoding};
    const Client other{.server = server, .encoding = encoding, .account_id = std::string(other_account)};
    co_await floods.create("s", 1);
    co_await other.create("t", 1);
    const Map list{};
    const std::string said = co_await said_after(floods, "ListStreams", list, 100);
    const std::size_t first_refused = said.find('!');
    const std::size_t many = GivingWay::refused_per_second_max;
    EXPECT_EQ(said, std::string(first_refused, '.') + std::string(many, '!') +
                        std::string(said.size() - first_refused - many, 'W'));
    EXPECT_EQ(server.metrics().refusals_that_gave_way.value(), said.size() - first_refused - many);
    // It is the refused requests of the account that wait, whatever they are, and those of nobody else.
    const Map single{{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{"x"}}};
    EXPECT_EQ(co_await said_after(floods, "PutRecord", single, 10), "..........");
    EXPECT_EQ(co_await said_after(other, "ListStreams", list, 10), ".....!!!!!");
    const auto get = Map{{"ShardIterator", co_await floods.iterator("s", shard_name(0), "TRIM_HORIZON")}};
    EXPECT_EQ(co_await said_after(floods, "GetRecords", get, 6), ".....W");
    co_await server.home().sleep_for(GivingWay::gives_way_time);
    EXPECT_EQ(co_await said_after(floods, "ListStreams", list, 10), ".....!!!!!");
  });
}

TEST(Rates, APartlyRefusedRequestCountsAsRefused) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const Map five{{"StreamName", "s"}, {"Records", entries(5, 300 * kibibyte)}};
    EXPECT_EQ(co_await said_after(client, "PutRecords", five, 1), "w");
    const Map one{{"StreamName", "s"}, {"Records", entries(1)}};
    EXPECT_EQ(co_await said_after(client, "PutRecords", one, 1), ".");
  });
}

// Its connection rests (net::Rests): who is over one of many shards' rates is not slowed.
TEST_P(RatesEncoding, ARequestWasInVainWhenForARateLessThanHalfOfItWasDone) {
  run_server({.enforce_rates = true}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    const auto is_in_vain = [&](std::string operation, Map input) -> env::Task<bool> {
      co_return (co_await client.call(std::move(operation), std::move(input))).in_vain;
    };
    const Map many{{"StreamName", "s"}, {"Records", entries(395)}};
    EXPECT_FALSE(co_await is_in_vain("PutRecords", many)) << "all are taken";
    EXPECT_FALSE(co_await is_in_vain("PutRecords", many)) << "all are taken";
    EXPECT_FALSE(co_await is_in_vain("PutRecords", many)) << "more than half of them are taken";
    EXPECT_TRUE(co_await is_in_vain("PutRecords", many)) << "none is";
    const Map single{{"StreamName", "s"}, {"PartitionKey", "k"}, {"Data", Blob{"x"}}};
    EXPECT_TRUE(co_await is_in_vain("PutRecord", single));
    EXPECT_FALSE(
        co_await is_in_vain("PutRecord", Map{{"StreamName", "none"}, {"PartitionKey", "k"}, {"Data", Blob{"x"}}}))
        << "not for a rate";
    co_await calm_down(client);
    EXPECT_FALSE(co_await is_in_vain("PutRecord", single));
    EXPECT_FALSE(co_await is_in_vain("PutRecords", many));
    EXPECT_FALSE(co_await is_in_vain("PutRecords", Map{{"StreamName", "s"}, {"Records", entries(500)}}));
    EXPECT_TRUE(co_await is_in_vain("PutRecords", many)) << "fewer than half of them are taken";
    const auto get = Map{{"ShardIterator", co_await client.iterator("s", shard_name(0), "TRIM_HORIZON")}};
    for (int i = 0; i < 6; ++i) EXPECT_EQ(co_await is_in_vain("GetRecords", get), i == 5);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(co_await is_in_vain("ListStreams", Map{}), i == 5);
  });
}

TEST(Rates, OneShardsThrottleLeavesTheOthersAlone) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    expect_accepted(co_await put_records(client, entries(500)), 500, 500);
    expect_accepted(co_await put_records(client, entries(499)), 499, 499);
    List mixed;
    for (int i = 0; i < 6; ++i) {
      for (Map& entry : std::vector<Map>{Map{{"PartitionKey", "k"}, {"Data", Blob{"x"}}, {"ExplicitHashKey", "0"}},
                                         Map{{"PartitionKey", "k"},
                                             {"Data", Blob{"x"}},
                                             {"ExplicitHashKey", "340282366920938463463374607431768211455"}}}) {
        mixed.push_back(std::move(entry));
      }
    }
    const WireValue answer = co_await put_records(client, mixed);
    EXPECT_EQ(answer["FailedRecordCount"].integer(), 5);
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      const bool stored = i == 0 || i % 2 == 1;
      EXPECT_EQ(answer["Records"].item(i).has("SequenceNumber"), stored) << i;
      if (stored) EXPECT_EQ(answer["Records"].item(i)["ShardId"].text(), shard_name(i % 2 == 1 ? 1 : 0));
    }
  });
}

env::Task<void> put_for_a_while(Client client, std::uint32_t index, std::vector<MonotonicTime>& stored) {
  env::Core& home = client.server.home();
  for (int i = 0; i < 60; ++i) {
    co_await home.sleep_for(milliseconds(17 + 9 * index));
    const MonotonicTime before = home.now();
    const WireValue answer = co_await put_records(client, entries(30 + 7 * index));
    const std::int64_t failed = answer["FailedRecordCount"].integer();
    for (std::int64_t record = failed; record < 30 + 7 * index; ++record) stored.push_back(before);
  }
}

// Design, section 6, invariant 6.
TEST(Rates, NoSecondAdmitsMoreWhoeverPuts) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    std::vector<MonotonicTime> stored;
    env::TaskGroup putters(server.home());
    for (std::uint32_t i = 0; i < 4; ++i) {
      putters.spawn(put_for_a_while({.server = server, .core = i % 2}, i, stored));
    }
    co_await putters.wait();
    std::ranges::sort(stored);
    // A request's time here is that of its start: milliseconds before the admission. So the windows are a bit shorter.
    for (std::size_t i = 0; i + 1'000 < stored.size(); ++i) {
      EXPECT_GT(stored[i + 1'000] - stored[i], milliseconds(980)) << "at record " << i;
    }
    EXPECT_GT(stored.size(), 1'800U);
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), stored.size());
  });
}

TEST(Rates, AShardGivesFiveReadsAndFiveIteratorsASecond) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const Client elsewhere{.server = server, .core = 1};
    co_await client.create("s", 2);
    const std::string rate_error = "ProvisionedThroughputExceededException: " + std::string(shard_rate_message);
    const Map find = {{"StreamName", "s"}, {"ShardId", "0"}, {"ShardIteratorType", "LATEST"}};
    std::string iterator;
    for (int i = 0; i < 5; ++i) {
      iterator = (co_await (i % 2 == 0 ? client : elsewhere).expect("GetShardIterator", find))["ShardIterator"].text();
    }
    EXPECT_EQ((co_await elsewhere.call("GetShardIterator", find)).error(), rate_error);
    const std::string of_other = co_await client.iterator("s", shard_name(1), "LATEST");
    for (int i = 0; i < 5; ++i) {
      co_await (i % 2 == 0 ? client : elsewhere).expect("GetRecords", {{"ShardIterator", iterator}});
    }
    EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", iterator}})).error(), rate_error);
    co_await client.expect("GetRecords", {{"ShardIterator", of_other}});
    co_await calm_down(client);
    co_await client.expect("GetRecords", {{"ShardIterator", iterator}});
    co_await client.expect("GetShardIterator", find);
  });
}

// An input of the operation that passes the validation; the stream does not exist, which is found out after the count.
Map some_input(kinesis::Operation operation) {
  using enum kinesis::Operation;
  const std::pair<std::string, WireValue> name = {"StreamName", "missing"};
  switch (operation) {
    case list_streams:
    case describe_limits: return {};
    case create_stream: return {{"StreamName", "s"}, {"ShardCount", 1}};
    case add_tags_to_stream: return {name, {"Tags", Map{{"a", "b"}}}};
    case remove_tags_from_stream: return {name, {"TagKeys", List{"a"}}};
    case decrease_stream_retention_period:
    case increase_stream_retention_period: return {name, {"RetentionPeriodHours", 24}};
    case split_shard: return {name, {"ShardToSplit", shard_name(0)}, {"NewStartingHashKey", "7"}};
    case merge_shards: return {name, {"ShardToMerge", shard_name(0)}, {"AdjacentShardToMerge", shard_name(1)}};
    default: return {name};
  }
}

env::Task<void> call_once(Client client, const kinesis::OperationInfo& operation, std::uint64_t& admitted,
                          std::uint64_t& refused) {
  const Reply reply = co_await client.call(std::string(operation.name), some_input(operation.operation));
  const std::string refusal =
      fmt::format("LimitExceededException: Rate exceeded for {} under account {}.", operation.name, client.account_id);
  ++(reply.error() == refusal ? refused : admitted);
}

// Calls the operation three times as often as it may be, on both cores at once.
env::Task<void> expect_exact_rate(TestServer& server, const kinesis::OperationInfo& operation, std::string caller) {
  std::uint64_t admitted = 0;
  std::uint64_t refused = 0;
  env::TaskGroup calls(server.home());
  for (std::uint32_t i = 0; i < 3 * operation.calls_per_second; ++i) {
    calls.spawn(call_once({.server = server, .core = i % 2, .account_id = caller}, operation, admitted, refused));
  }
  co_await calls.wait();
  EXPECT_EQ(admitted, operation.calls_per_second) << operation.name;
  EXPECT_EQ(refused, 2 * operation.calls_per_second) << operation.name;
}

TEST(CallRates, AreExactPerAccountAcrossCores) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    run_server({.seed = seed, .enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
      std::size_t operations = 0;
      for (const kinesis::OperationInfo& operation : kinesis::all_operations()) {
        if (!operation.is_built || operation.call_rate_scope != kinesis::CallRateScope::account) continue;
        ++operations;
        for (const std::string_view caller : {account, other_account}) {
          co_await expect_exact_rate(server, operation, std::string(caller));
        }
      }
      EXPECT_EQ(operations, 13U);
      // A second later all may be called again.
      co_await server.home().sleep_for(seconds(1));
      co_await Client{.server = server}.expect("DescribeLimits", {});
    });
  }
}

TEST(CallRates, RegionsAreCountedApart) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client here{.server = server};
    const Client there{.server = server, .region = "eu-west-1"};
    co_await here.expect("DescribeLimits", {});
    EXPECT_EQ((co_await here.call("DescribeLimits", {})).error(),
              "LimitExceededException: Rate exceeded for DescribeLimits under account 000000000000.");
    co_await there.expect("DescribeLimits", {});
  });
}

TEST(CallRates, ListShardsIsCountedPerStream) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.create("t", 1);
    const MonotonicTime begin = server.home().now();
    for (int i = 0; i < 1'000; ++i) co_await client.expect("ListShards", {{"StreamName", "s"}});
    EXPECT_EQ((co_await client.call("ListShards", {{"StreamName", "s"}})).error(),
              "LimitExceededException: Rate exceeded for stream s under account 000000000000.");
    EXPECT_LT(server.home().now() - begin, seconds(1)) << "of virtual time, or this shows nothing";
    co_await client.expect("ListShards", {{"StreamName", "t"}});
  });
}

TEST(CallRates, StayWithinTheirMemory) {
  SubjectTable<model::CallRate> table({.subjects_max = 3, .account_subjects_max = 3});
  const auto admits = [&table](MonotonicTime now, const std::string& subject) {
    model::CallRate* const rate = table.find_or_make(now, subject);
    return rate != nullptr && rate->try_admit(now, 5);
  };
  const MonotonicTime start(seconds(10));
  for (const std::string subject : {"1/a", "2/b", "3/c"}) EXPECT_TRUE(admits(start, subject));
  EXPECT_FALSE(admits(start, "4/d")) << "no window is idle";
  EXPECT_TRUE(admits(start, "1/a"));
  EXPECT_EQ(table.size(), 3U);
  EXPECT_TRUE(admits(start + seconds(1), "4/d")) << "idle windows make room";
  EXPECT_EQ(table.size(), 1U);
}

TEST(CallRates, NoAccountTakesTheMemoryOfOthers) {
  SubjectTable<model::CallRate> table({.subjects_max = 6, .account_subjects_max = 4});
  MonotonicTime now(seconds(10));
  for (int i = 0; i < 10; ++i) {
    model::CallRate* const rate = table.find_or_make(now, "1/" + std::to_string(i));
    EXPECT_EQ(rate != nullptr, i < 4) << i;
    if (rate != nullptr) EXPECT_TRUE(rate->try_admit(now, 5));
  }
  EXPECT_NE(table.find_or_make(now, "2/a"), nullptr);
  now += seconds(2);
  for (int i = 10; i < 14; ++i) EXPECT_NE(table.find_or_make(now, "1/" + std::to_string(i)), nullptr) << i;
}

}  // namespace
}  // namespace weir::frontend::test
