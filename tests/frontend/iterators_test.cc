// GetShardIterator: where each kind starts, what it refuses and how long it lives (API reference, sections 3.4
// and 4.4).
#include "gtest/gtest.h"
#include "model/sequence_number.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

using Texts = std::vector<std::string>;

// The data of one answer.
env::Task<Texts> read_from(Client client, std::string iterator) {
  const WireValue answer = co_await client.expect("GetRecords", {{"ShardIterator", iterator}});
  Texts texts;
  for (const WireValue& record : answer["Records"].items()) texts.push_back(record["Data"].blob());
  co_return texts;
}

env::Task<Texts> read_from(Client client, std::string type, Map more) {
  co_return co_await read_from(client, co_await client.iterator("s", shard_name(0), type, std::move(more)));
}

Map request(std::string shard, std::string type) {
  return {{"StreamName", "s"}, {"ShardId", std::move(shard)}, {"ShardIteratorType", std::move(type)}};
}

Map request(std::string type, std::pair<std::string, WireValue> member) {
  Map made = request(shard_name(0), std::move(type));
  made.push_back(std::move(member));
  return made;
}

env::Task<void> split_first_shard(Client client) {
  co_await client.expect("SplitShard",
                         {{"StreamName", "s"}, {"ShardToSplit", shard_name(0)}, {"NewStartingHashKey", "1000"}});
  co_await client.server.settle("s");
}

class IteratorEncoding : public testing::TestWithParam<kinesis::Encoding> {};
INSTANTIATE_TEST_SUITE_P(Both, IteratorEncoding, testing::Values(kinesis::Encoding::json, kinesis::Encoding::cbor),
                         [](const auto& info) { return info.param == kinesis::Encoding::json ? "json" : "cbor"; });

TEST_P(IteratorEncoding, EachTypeStartsAtItsRecord) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    std::vector<std::string> numbers;
    std::vector<WallTime> times;
    const WallTime before = server.now();
    for (const std::string text : {"a", "b", "c"}) {
      co_await server.home().sleep_for(milliseconds(100));
      times.push_back(server.now());
      numbers.push_back((co_await client.put("s", text))["SequenceNumber"].text());
      co_await server.home().sleep_for(milliseconds(100));
    }
    const auto number = [&](std::size_t i) { return Map{{"StartingSequenceNumber", numbers[i]}}; };
    EXPECT_EQ(co_await read_from(client, "TRIM_HORIZON", {}), (Texts{"a", "b", "c"}));
    EXPECT_EQ(co_await read_from(client, "AT_SEQUENCE_NUMBER", number(1)), (Texts{"b", "c"}));
    EXPECT_EQ(co_await read_from(client, "AFTER_SEQUENCE_NUMBER", number(1)), Texts{"c"});
    EXPECT_EQ(co_await read_from(client, "AFTER_SEQUENCE_NUMBER", number(2)), Texts{});
    EXPECT_EQ(co_await read_from(client, "AT_TIMESTAMP", {{"Timestamp", before - hours(48)}}), (Texts{"a", "b", "c"}));
    EXPECT_EQ(co_await read_from(client, "AT_TIMESTAMP", {{"Timestamp", times[1]}}), (Texts{"b", "c"}));
    EXPECT_EQ(co_await read_from(client, "AT_TIMESTAMP", {{"Timestamp", times[1] + milliseconds(90)}}), Texts{"c"});
    EXPECT_EQ(co_await read_from(client, "AT_TIMESTAMP", {{"Timestamp", server.now()}}), Texts{});
    const std::string latest = co_await client.iterator("s", shard_name(0), "LATEST");
    EXPECT_EQ(co_await read_from(client, latest), Texts{});
    co_await client.put("s", "d");
    EXPECT_EQ(co_await read_from(client, latest), Texts{"d"});
    EXPECT_EQ(co_await read_from(client, "AFTER_SEQUENCE_NUMBER", number(2)), Texts{"d"});
  });
}

TEST_P(IteratorEncoding, ATimestampFindsTheVeryMillisecond) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    co_await client.put("s", "a");
    co_await server.home().sleep_for(milliseconds(20));
    co_await client.put("s", "b");
    const WireValue all = co_await client.expect(
        "GetRecords", {{"ShardIterator", co_await client.iterator("s", shard_name(0), "TRIM_HORIZON")}});
    const WallTime arrival = all["Records"].item(1)["ApproximateArrivalTimestamp"].time();
    co_await server.home().sleep_for(milliseconds(20));
    EXPECT_EQ(co_await read_from(client, "AT_TIMESTAMP", {{"Timestamp", arrival}}), Texts{"b"});
    EXPECT_EQ(co_await read_from(client, "AT_TIMESTAMP", {{"Timestamp", arrival + milliseconds(1)}}), Texts{});
  });
}

TEST(Iterators, LatestWorksOnAShardThatNeverHadARecord) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string latest = co_await client.iterator("s", shard_name(0), "LATEST");
    co_await client.put("s", "a");
    EXPECT_EQ(co_await read_from(client, latest), Texts{"a"});
  });
}

// A shard's own numbers, which no record has, are what clients begin and end with (API reference, section 4.4).
TEST(Iterators, AShardsStartingAndEndingNumbersAreGoodPlaces) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.put("s", "a");
    co_await split_first_shard(client);
    const WireValue listed = co_await client.expect("ListShards", {{"StreamName", "s"}});
    const WireValue& range = listed["Shards"].item(0)["SequenceNumberRange"];
    const Map first = {{"StartingSequenceNumber", range["StartingSequenceNumber"].text()}};
    const Map last = {{"StartingSequenceNumber", range["EndingSequenceNumber"].text()}};
    EXPECT_EQ(co_await read_from(client, "AT_SEQUENCE_NUMBER", first), Texts{"a"});
    EXPECT_EQ(co_await read_from(client, "AFTER_SEQUENCE_NUMBER", first), Texts{"a"});
    for (const std::string type : {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"}) {
      const WireValue end = co_await client.expect(
          "GetRecords", {{"ShardIterator", co_await client.iterator("s", shard_name(0), type, last)}});
      EXPECT_EQ(end["Records"].to_json(), "[]");
      EXPECT_FALSE(end.has("NextShardIterator"));
      EXPECT_EQ(end["ChildShards"].size(), 2U);
    }
    // A child's starting number lies in the future of its first second.
    EXPECT_EQ(
        (co_await client.call("GetShardIterator",
                              {{"StreamName", "s"},
                               {"ShardId", shard_name(1)},
                               {"ShardIteratorType", "AT_SEQUENCE_NUMBER"},
                               {"StartingSequenceNumber",
                                listed["Shards"].item(1)["SequenceNumberRange"]["StartingSequenceNumber"].text()}}))
            .error(),
        "");
  });
}

TEST(Iterators, TheNumberMustGoWithTheType) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string number = (co_await client.put("s", "a"))["SequenceNumber"].text();
    const std::string rule =
        "InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ";
    for (const std::string type : {"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"}) {
      EXPECT_EQ((co_await client.call("GetShardIterator", request(shard_name(0), type))).error(),
                rule + type + " and no StartingSequenceNumber.");
    }
    for (const std::string type : {"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"}) {
      EXPECT_EQ((co_await client.call("GetShardIterator", request(type, {"StartingSequenceNumber", number}))).error(),
                rule + type + " and also a StartingSequenceNumber.");
    }
    EXPECT_EQ((co_await client.call("GetShardIterator", request(shard_name(0), "AT_TIMESTAMP"))).error(),
              "InvalidArgumentException: Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
              "Current request has no timestamp parameter.");
    const WallTime future = server.now() + milliseconds(1);
    EXPECT_EQ((co_await client.call("GetShardIterator", request("AT_TIMESTAMP", {"Timestamp", future}))).error(),
              "InvalidArgumentException: The timestampInMillis parameter cannot be greater than the "
              "currentTimestampInMillis. timestampInMillis: " +
                  std::to_string(unix_milliseconds(future)) +
                  ", currentTimestampInMillis: " + std::to_string(unix_milliseconds(server.now())));
  });
}

TEST(Iterators, ANumberOfAnotherPlaceIsToldApart) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 6);
    const std::string used =
        " used in GetShardIterator on shard shardId-000000000000 in stream s under account "
        "000000000000 is invalid";
    const auto refused = [](const Client& from, std::string number) -> env::Task<std::string> {
      co_return (
          co_await from.call("GetShardIterator", request("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber", number})))
          .error();
    };
    const WallTime created = server.find("s")->shards[0].created;
    const std::string of_shard_5 = to_string(model::starting_sequence_number(created, ShardIndex{5}));
    EXPECT_EQ(co_await refused(client, of_shard_5),
              "InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was "
              "used in a call to a shard with shardId-000000000000");
    const std::string older = to_string(model::starting_sequence_number(created - seconds(9), ShardIndex{0}));
    EXPECT_EQ(co_await refused(client, older), "InvalidArgumentException: StartingSequenceNumber " + older + used +
                                                   " because it did not come from this stream.");
    for (const std::string malformed : {"1", "123456789012345678901234567890123456789012345678901234567890"}) {
      EXPECT_EQ(co_await refused(client, malformed),
                "InvalidArgumentException: StartingSequenceNumber " + malformed + used + ".");
    }
  });
}

TEST(Iterators, ShardIdsAreReadLeniently) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    co_await client.expect("PutRecord",
                           {{"StreamName", "s"}, {"PartitionKey", "k"}, {"ExplicitHashKey", "0"}, {"Data", Blob{"a"}}});
    for (const std::string id : {"shardId-0", "foo-0", "-0", "0", "shardId-000000000000-extra"}) {
      EXPECT_EQ(co_await read_from(client, co_await client.iterator("s", id, "TRIM_HORIZON")), Texts{"a"}) << id;
    }
    for (const std::string id : {"shardId", "shardId-", "shardId-x", "shardId-2147483648", "shardId--1"}) {
      EXPECT_EQ((co_await client.call("GetShardIterator", request(id, "LATEST"))).error(),
                "ResourceNotFoundException: Could not find shard " + id + " in stream s under account 000000000000.");
      // The shard id is looked at before the stream.
      EXPECT_EQ((co_await client.call("GetShardIterator",
                                      {{"StreamName", "t"}, {"ShardId", id}, {"ShardIteratorType", "LATEST"}}))
                    .error(),
                "ResourceNotFoundException: Could not find shard " + id + " in stream t under account 000000000000.");
    }
    EXPECT_EQ((co_await client.call("GetShardIterator", request("shardId-5", "LATEST"))).error(),
              "ResourceNotFoundException: Shard shardId-000000000005 in stream s under account 000000000000 does not "
              "exist");
    EXPECT_EQ((co_await client.call("GetShardIterator",
                                    {{"StreamName", "t"}, {"ShardId", "0"}, {"ShardIteratorType", "LATEST"}}))
                  .error(),
              "ResourceNotFoundException: Shard shardId-000000000000 in stream t under account 000000000000 does not "
              "exist");
    // The shard is looked for before the sequence number is looked at.
    EXPECT_EQ((co_await client.call("GetShardIterator", request("shardId-5", "AT_SEQUENCE_NUMBER"))).code(),
              "ResourceNotFoundException");
  });
}

TEST(Iterators, LiveForFiveMinutesAndSayWhenTheyWereMade) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await server.home().sleep_until(MonotonicTime(seconds(5)));
    const std::string iterator = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    co_await server.home().sleep_until(MonotonicTime(seconds(304)));
    EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", iterator}})).error(), "");
    co_await server.home().sleep_until(MonotonicTime(seconds(306)));
    EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", iterator}})).error(),
              "ExpiredIteratorException: Iterator expired. The iterator was created at time Thu Jan 01 00:00:05 UTC "
              "2026 while right now it is Thu Jan 01 00:05:06 UTC 2026 which is further in the future than the "
              "tolerated delay of 300000 milliseconds.");
  });
}

TEST(Iterators, EachAnswerCarriesAFreshOne) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    std::string next = co_await client.iterator("s", shard_name(0), "LATEST");
    for (int i = 0; i < 4; ++i) {
      co_await server.home().sleep_for(seconds(200));
      next = (co_await client.expect("GetRecords", {{"ShardIterator", next}}))["NextShardIterator"].text();
    }
    co_await client.put("s", "a");
    EXPECT_EQ(co_await read_from(client, next), Texts{"a"});
  });
}

TEST(Iterators, AreTakenInQuotesOnAnyCoreAndNotWhenChanged) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const Client elsewhere{.server = server, .core = 1, .encoding = kinesis::Encoding::cbor};
    co_await client.create("s", 1);
    co_await client.put("s", "a");
    const std::string iterator = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    EXPECT_EQ(co_await read_from(elsewhere, "\"" + iterator + "\""), Texts{"a"});
    EXPECT_EQ(co_await read_from(elsewhere, iterator), Texts{"a"});
    std::string changed = iterator;
    changed[20] = changed[20] == 'A' ? 'B' : 'A';
    for (const std::string& wrong : {changed, iterator.substr(4), std::string("AAAA"), std::string("x")}) {
      EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", wrong}})).error(),
                "InvalidArgumentException: Invalid ShardIterator.");
    }
  });
}

TEST(Iterators, OfADeletedStreamGiveNoDataEvenWhenItsNameIsUsedAgain) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string number = (co_await client.put("s", "old"))["SequenceNumber"].text();
    const std::string iterator = co_await client.iterator("s", shard_name(0), "TRIM_HORIZON");
    co_await client.expect("DeleteStream", {{"StreamName", "s"}});
    co_await server.settle("s");
    const Reply gone = co_await client.call("GetRecords", {{"ShardIterator", iterator}});
    EXPECT_EQ(gone.code(), "ResourceNotFoundException");
    EXPECT_NE(gone.error().find("Shard shardId-000000000000 in stream "), std::string::npos) << gone.error();
    co_await server.home().sleep_for(seconds(2));
    co_await client.create("s", 1);
    co_await client.put("s", "new");
    EXPECT_EQ((co_await client.call("GetRecords", {{"ShardIterator", iterator}})).code(), "ResourceNotFoundException");
    EXPECT_EQ(co_await read_from(client, "TRIM_HORIZON", {}), Texts{"new"});
    EXPECT_EQ(
        (co_await client.call("GetShardIterator", request("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber", number})))
            .error(),
        "InvalidArgumentException: StartingSequenceNumber " + number +
            " used in GetShardIterator on shard shardId-000000000000 in stream s under account 000000000000 is "
            "invalid because it did not come from this stream.");
  });
}

}  // namespace
}  // namespace weir::frontend::test
