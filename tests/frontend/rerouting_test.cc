// Puts while shards split and merge under them: none fails, none is lost, none is stored twice; and a reader who walks
// from parents to children, as the client libraries do, sees each key's records in order.
#include <map>
#include <set>

#include "env/sim/seeded_random.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"
#include "tests/support/simulation_test.h"

namespace weir::frontend::test {
namespace {

struct Place {
  std::string shard;
  std::string number;
  friend bool operator==(const Place&, const Place&) = default;
};

struct Traffic {
  env::SeededRandom random;
  bool writing = true;
  std::uint32_t writers = 0;
  std::map<std::string, Place> acknowledged;  // by payload: "key/ordinal"
  std::map<std::string, Place> read;
  std::map<std::string, int> last_read;  // ordinal, by key
};

std::string payload(const std::string& key, int ordinal) { return key + "/" + std::to_string(ordinal); }

void acknowledge(Traffic& traffic, std::string text, const WireValue& entry) {
  const Place place{entry["ShardId"].text(), entry["SequenceNumber"].text()};
  EXPECT_TRUE(traffic.acknowledged.emplace(std::move(text), place).second);
}

env::Task<void> put_singly(Client client, Traffic& traffic, std::uint32_t writer) {
  for (int ordinal = 0; traffic.writing; ++ordinal) {
    const std::string key = "single-" + std::to_string(writer);
    const std::string text = payload(key, ordinal);
    const WireValue answer =
        co_await client.expect("PutRecord", {{"StreamName", "s"}, {"PartitionKey", key}, {"Data", Blob{text}}});
    acknowledge(traffic, text, answer);
    co_await client.server.home().sleep_for(microseconds(traffic.random.below(5'000)));
  }
  --traffic.writers;
}

env::Task<void> put_in_bulk(Client client, Traffic& traffic, std::uint32_t writer) {
  for (int ordinal = 0; traffic.writing; ++ordinal) {
    List records;
    std::vector<std::string> texts;
    for (std::uint64_t i = 0, count = traffic.random.between(1, 20); i < count; ++i) {
      const std::string key = "bulk-" + std::to_string(writer) + "-" + std::to_string(i);
      texts.push_back(payload(key, ordinal));
      records.push_back(Map{{"PartitionKey", key}, {"Data", Blob{texts.back()}}});
    }
    const WireValue answer =
        co_await client.expect("PutRecords", {{"StreamName", "s"}, {"Records", std::move(records)}});
    EXPECT_EQ(answer["FailedRecordCount"].integer(), 0) << answer.to_json();
    for (std::size_t i = 0; i < texts.size(); ++i) acknowledge(traffic, texts[i], answer["Records"].item(i));
    co_await client.server.home().sleep_for(microseconds(traffic.random.below(5'000)));
  }
  --traffic.writers;
}

void note_read(Traffic& traffic, const std::string& shard, const WireValue& record) {
  const std::string text = record["Data"].blob();
  EXPECT_TRUE(traffic.read.emplace(text, Place{shard, record["SequenceNumber"].text()}).second) << text << " twice";
  const std::size_t slash = text.find('/');
  const std::string key = text.substr(0, slash);
  const int ordinal = std::stoi(text.substr(slash + 1));
  EXPECT_EQ(record["PartitionKey"].text(), key);
  const auto last = traffic.last_read.find(key);
  if (last != traffic.last_read.end()) EXPECT_LT(last->second, ordinal) << key << " out of order";
  traffic.last_read[key] = ordinal;
}

// Reads every shard from its beginning; children once all their parents are finished.
env::Task<void> walk(Client client, Traffic& traffic) {
  std::map<std::string, std::string> iterators;
  std::set<std::string> finished;
  const WireValue roots =
      co_await client.expect("ListShards", {{"StreamName", "s"}, {"ShardFilter", Map{{"Type", "AT_TRIM_HORIZON"}}}});
  for (const WireValue& shard : roots["Shards"].items()) {
    iterators[shard["ShardId"].text()] = co_await client.iterator("s", shard["ShardId"].text(), "TRIM_HORIZON");
  }
  for (bool is_last_round = false, all_at_tip = false; !is_last_round || !all_at_tip;) {
    is_last_round = traffic.writers == 0;
    all_at_tip = true;
    const auto round = iterators;
    for (const auto& [shard, iterator] : round) {
      const WireValue answer = co_await client.expect("GetRecords", {{"ShardIterator", iterator}, {"Limit", 50}});
      for (const WireValue& record : answer["Records"].items()) note_read(traffic, shard, record);
      // Exactly one of them: clients fail otherwise (API reference, GetRecords).
      EXPECT_NE(answer.has("NextShardIterator"), answer["ChildShards"].size() != 0) << answer.to_json();
      if (answer.has("NextShardIterator")) {
        iterators[shard] = answer["NextShardIterator"].text();
        if (answer["MillisBehindLatest"].integer() != 0) all_at_tip = false;
        continue;
      }
      all_at_tip = false;
      iterators.erase(shard);
      finished.insert(shard);
      for (const WireValue& child : answer["ChildShards"].items()) {
        const std::vector<std::string> parents = child["ParentShards"].texts();
        if (!std::ranges::all_of(parents, [&](const auto& parent) { return finished.contains(parent); })) continue;
        const std::string id = child["ShardId"].text();
        iterators[id] = co_await client.iterator("s", id, "TRIM_HORIZON");
      }
    }
    co_await client.server.home().sleep_for(milliseconds(3));
  }
}

env::Task<void> put_and_reshard(TestServer& server, Traffic& traffic, bool metastore_faults) {
  const Client client{.server = server};
  co_await client.create("s", static_cast<std::uint32_t>(traffic.random.between(1, 4)));
  env::TaskGroup everyone(server.home());
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Client writer{
        .server = server, .core = i % 2, .encoding = i < 2 ? kinesis::Encoding::json : kinesis::Encoding::cbor};
    ++traffic.writers;
    everyone.spawn(i % 2 == 0 ? put_singly(writer, traffic, i) : put_in_bulk(writer, traffic, i));
    ++traffic.writers;
    everyone.spawn(i % 2 == 1 ? put_singly(writer, traffic, i + 4) : put_in_bulk(writer, traffic, i + 4));
  }
  everyone.spawn(walk({.server = server, .core = 1}, traffic));
  server.process().metastore_faults = metastore_faults;
  for (int step = 0; step < 12; ++step) co_await reshard_somehow(client, "s", traffic.random);
  server.process().metastore_faults = false;
  traffic.writing = false;
  co_await everyone.wait();
}

void run_traffic(std::uint64_t seed, bool metastore_faults) {
  Traffic traffic{.random = env::SeededRandom(seed, 3)};
  run_server({.seed = seed}, [&](TestServer& server) { return put_and_reshard(server, traffic, metastore_faults); });
  EXPECT_GT(traffic.acknowledged.size(), 100U);
  EXPECT_EQ(traffic.read.size(), traffic.acknowledged.size());
  for (const auto& [text, place] : traffic.acknowledged) {
    const auto found = traffic.read.find(text);
    if (found == traffic.read.end()) {
      ADD_FAILURE() << text << " is lost";
    } else {
      EXPECT_EQ(found->second, place) << text << " is elsewhere";
    }
  }
}

TEST(Rerouting, PutsDuringSplitsAndMergesAreNeitherRefusedNorLostNorDoubled) {
  weir::test::for_each_seed(1, 10, [](std::uint64_t seed) { run_traffic(seed, false); });
}

TEST(Rerouting, NotEvenWhenTheMetadataStoreFailsNowAndThen) {
  weir::test::for_each_seed(101, 10, [](std::uint64_t seed) { run_traffic(seed, true); });
}

// Closed for the change, opened again when it could not be stored: there is no new map to wait for then.
TEST(Rerouting, AReshardThatCannotBeStoredHoldsNoPutUp) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    Traffic traffic{.random = env::SeededRandom(1, 3), .writers = 1};
    co_await client.expect("SplitShard",
                           {{"StreamName", "s"}, {"ShardToSplit", shard_name(0)}, {"NewStartingHashKey", "1000"}});
    server.process().metastore_is_full = true;
    env::TaskGroup writers(server.home());
    writers.spawn(put_singly(client, traffic, 0));
    Duration slowest{};
    while (server.process().directory_metrics.steps_failed.value() < 8) {
      const MonotonicTime begin = server.home().now();
      const WireValue answer = co_await client.expect(
          "PutRecords", {{"StreamName", "s"}, {"Records", List{Map{{"PartitionKey", "k"}, {"Data", Blob{"k/0"}}}}}});
      EXPECT_EQ(answer["FailedRecordCount"].integer(), 0);
      slowest = std::max(slowest, server.home().now() - begin);
      co_await server.home().sleep_for(milliseconds(1));
    }
    EXPECT_LT(slowest, seconds(1)) << "of virtual time";
    server.process().metastore_is_full = false;
    traffic.writing = false;
    co_await writers.wait();
    co_await server.settle("s");
    EXPECT_EQ(server.find("s")->shards.size(), 3U);
  });
}

}  // namespace
}  // namespace weir::frontend::test
