// PutRecord and PutRecords: where records go, what is refused, and that a refused request stores nothing (API
// reference, sections 3.4, 4.1 and 4.2).
#include <algorithm>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "model/sequence_number.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

using Texts = std::vector<std::string>;

constexpr std::string_view greatest_hash_key = "340282366920938463463374607431768211455";
constexpr std::string_view beyond_hash_keys = "340282366920938463463374607431768211456";

Map entry(std::string key, std::string data, std::string hash = {}) {
  Map made = {{"PartitionKey", std::move(key)}, {"Data", Blob{std::move(data)}}};
  if (!hash.empty()) made.emplace_back("ExplicitHashKey", std::move(hash));
  return made;
}

Map single(Map entry) {
  entry.emplace_back("StreamName", "s");
  return entry;
}

Map several(List entries) { return {{"StreamName", "s"}, {"Records", std::move(entries)}}; }

class PuttingEncoding : public testing::TestWithParam<kinesis::Encoding> {};
INSTANTIATE_TEST_SUITE_P(Both, PuttingEncoding, testing::Values(kinesis::Encoding::json, kinesis::Encoding::cbor),
                         [](const auto& info) { return info.param == kinesis::Encoding::json ? "json" : "cbor"; });

TEST_P(PuttingEncoding, ARecordGoesWhereItsHashBelongs) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 4);
    // MD5 of the keys: API reference, section 8.2; four shards are 85070591730234615865843651857942052864 wide.
    const std::vector<std::pair<Map, std::uint32_t>> records = {
        {entry("a", "1"), 0},
        {entry("b", "2"), 2},
        {entry("partitionKey-1", "3"), 1},
        {entry("ü", "4"), 3},
        {entry("a", "5", "0"), 0},
        {entry("a", "6", "85070591730234615865843651857942052863"), 0},
        {entry("a", "7", "85070591730234615865843651857942052864"), 1},
        {entry("a", "8", std::string(greatest_hash_key)), 3}};
    List entries;
    for (const auto& [record, shard] : records) {
      const WireValue put = co_await client.expect("PutRecord", single(record));
      EXPECT_EQ(put["ShardId"].text(), shard_name(shard));
      EXPECT_EQ(put.size(), 2U) << "no EncryptionType: " << put.to_json();
      entries.push_back(record);
    }
    const WireValue puts = co_await client.expect("PutRecords", several(entries));
    EXPECT_EQ(puts["FailedRecordCount"].integer(), 0);
    EXPECT_EQ(puts["Records"].size(), records.size());
    EXPECT_EQ(puts.size(), 2U) << puts.to_json();
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(puts["Records"].item(i)["ShardId"].text(), shard_name(records[i].second));
      EXPECT_EQ(puts["Records"].item(i).size(), 2U);
    }
    EXPECT_EQ(co_await client.read_all("s", shard_name(0)), (Texts{"1", "5", "6", "1", "5", "6"}));
    EXPECT_EQ(co_await client.read_all("s", shard_name(3)), (Texts{"4", "8", "4", "8"}));
  });
}

TEST_P(PuttingEncoding, NumbersRiseInTheOrderOfTheRequestsAndWithinThem) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 2);
    std::map<std::string, std::vector<std::string>> numbers;  // by shard; all of one length, so text order is theirs
    for (int round = 0; round < 5; ++round) {
      List entries;
      for (int i = 0; i < 50; ++i) entries.push_back(entry("k" + std::to_string(i), "d"));
      const Client putter{.server = server, .core = static_cast<std::uint32_t>(round % 2), .encoding = encoding};
      const WireValue puts = co_await putter.expect("PutRecords", several(entries));
      for (const WireValue& record : puts["Records"].items()) {
        numbers[record["ShardId"].text()].push_back(record["SequenceNumber"].text());
      }
      const WireValue put = co_await client.expect("PutRecord", single(entry("k", "d")));
      numbers[put["ShardId"].text()].push_back(put["SequenceNumber"].text());
    }
    EXPECT_EQ(numbers.size(), 2U);
    for (const auto& [shard, given] : numbers) {
      EXPECT_TRUE(std::ranges::is_sorted(given, std::less_equal<>())) << shard;
      for (const std::string& number : given) EXPECT_EQ(number.size(), 56U);
      const WireValue answer = co_await client.expect(
          "GetRecords", {{"ShardIterator", co_await client.iterator("s", shard, "TRIM_HORIZON")}});
      std::vector<std::string> read;
      for (const WireValue& record : answer["Records"].items()) read.push_back(record["SequenceNumber"].text());
      EXPECT_EQ(read, given);
    }
  });
}

TEST_P(PuttingEncoding, OneWrongEntryFailsTheWholeRequestAndStoresNothing) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    const std::string range_error =
        "InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
        "Specified value was " +
        std::string(beyond_hash_keys);
    EXPECT_EQ(
        (co_await client.call("PutRecords", several({entry("a", "1"), entry("a", "2", std::string(beyond_hash_keys))})))
            .error(),
        range_error);
    EXPECT_EQ((co_await client.call("PutRecord", single(entry("a", "1", std::string(beyond_hash_keys))))).error(),
              range_error);
    EXPECT_EQ((co_await client.call("PutRecords", several({entry("a", "1"), entry("", "2")}))).error(),
              "ValidationException: 1 validation error detected: Value '' at 'records.2.member.partitionKey' failed to "
              "satisfy constraint: Member must have length greater than or equal to 1");
    EXPECT_EQ(
        (co_await client.call("PutRecords", several({entry("a", "1"), Map{{"PartitionKey", "b"}}}))).error(),
        "ValidationException: 1 validation error detected: Value null at 'records.2.member.data' failed to satisfy "
        "constraint: Member must not be null");
    EXPECT_EQ((co_await client.call("PutRecords", several({}))).code(), "ValidationException");
    EXPECT_EQ((co_await client.call("PutRecords", several(List(501, entry("a", "1"))))).code(), "ValidationException");
    EXPECT_EQ(
        (co_await client.call("PutRecords", several({entry("a", "1"), entry("a", std::string(mebibyte + 1, 'x'))})))
            .error(),
        "ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1048577 "
        "cap=1048577]' at 'records.2.member.data' failed to satisfy constraint: Member must have length less than "
        "or equal to 1048576");
    EXPECT_EQ(co_await client.read_all("s", shard_name(0)), Texts{});
    co_await client.expect("PutRecords", several(List(500, entry("a", "1"))));
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 500U);
  });
}

TEST_P(PuttingEncoding, ARecordsSizeIsItsDataAndItsKeyInUtf8) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    co_await client.create("s", 1);
    const std::string fits(mebibyte - 2, 'x');
    co_await client.expect("PutRecord", single(entry("ü", fits)));
    EXPECT_EQ((co_await client.call("PutRecord", single(entry("ü1", fits)))).error(),
              "ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1048574 "
              "cap=1048574]' at 'data' failed to satisfy constraint: Member must have length less than or equal to "
              "1048576");
    // 256 characters, not bytes.
    std::string key;
    for (int i = 0; i < 256; ++i) key += "ü";
    co_await client.expect("PutRecord", single(entry(key, "d")));
    EXPECT_EQ((co_await client.call("PutRecord", single(entry(key + "ü", "d")))).code(), "ValidationException");
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 2U);
  });
}

TEST(Putting, AStreamMayTakeRecordsOfTenMebibytes) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = kinesis::Encoding::cbor};
    co_await client.expect("CreateStream", {{"StreamName", "s"}, {"ShardCount", 1}, {"MaxRecordSizeInKiB", 10'240}});
    co_await server.settle("s");
    const std::string data(10 * mebibyte - 1, 'x');
    co_await client.expect("PutRecord", single(entry("k", data)));
    EXPECT_EQ((co_await client.call("PutRecord", single(entry("kk", data)))).error(),
              "ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485759 "
              "cap=10485759]' at 'data' failed to satisfy constraint: Member must have length less than or equal to "
              "10485760");
    EXPECT_EQ((co_await client.call("PutRecord", single(entry("k", data + "xx")))).error(),
              "ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 "
              "cap=10485761]' at 'data' failed to satisfy constraint: Member must have length less than or equal to "
              "10485760");
    const std::vector<std::string> read = co_await client.read_all("s", shard_name(0));
    EXPECT_EQ(read.size(), 1U);
    EXPECT_TRUE(read.size() == 1 && read.front() == data);
  });
}

TEST(Putting, ARequestMayHaveTenMebibytesInAll) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = kinesis::Encoding::cbor};
    co_await client.create("s", 3);
    List entries;
    for (int i = 0; i < 10; ++i) entries.push_back(entry(std::to_string(i), std::string(mebibyte - 1, 'x')));
    co_await client.expect("PutRecords", several(entries));
    entries.push_back(entry("k", ""));
    EXPECT_EQ((co_await client.call("PutRecords", several(entries))).error(),
              "InvalidArgumentException: Records size exceeds 10 MB limit");
  });
}

TEST(Putting, SizesAndQuotasHoldThoughRatesAreOff) {
  run_server({.enforce_rates = false, .settings = {"directory.account_shards_max=2"}},
             [](TestServer& server) -> env::Task<void> {
               const Client client{.server = server};
               co_await client.create("s", 2);
               for (int i = 0; i < 5; ++i) {
                 const WireValue puts = co_await client.expect("PutRecords", several(List(500, entry("k", "d"))));
                 EXPECT_EQ(puts["FailedRecordCount"].integer(), 0);
                 co_await client.expect("PutRecord", single(entry("k", std::string(mebibyte - 1, 'x'))));
                 EXPECT_EQ((co_await client.call("PutRecord", single(entry("k", std::string(mebibyte, 'x'))))).code(),
                           "ValidationException");
               }
               for (int i = 0; i < 30; ++i) {
                 co_await client.expect("DescribeLimits", {});
                 co_await client.expect("DescribeStreamSummary", {{"StreamName", "s"}});
                 const std::string iterator = co_await client.iterator("s", shard_name(0), "LATEST");
                 co_await client.expect("GetRecords", {{"ShardIterator", iterator}});
               }
               EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "t"}, {"ShardCount", 1}})).code(),
                         "LimitExceededException");
             });
}

TEST(Putting, AnOrderingNumberMustBeOneThatWasGivenOut) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 2);
    const auto put_after = [](const Client& from, std::string number) -> env::Task<Reply> {
      Map input = single(entry("a", "d"));
      input.emplace_back("SequenceNumberForOrdering", number);
      co_return co_await from.call("PutRecord", std::move(input));
    };
    std::string last = (co_await client.expect("PutRecord", single(entry("a", "d"))))["SequenceNumber"].text();
    for (int i = 0; i < 5; ++i) {
      const Reply reply = co_await put_after(client, last);
      EXPECT_EQ(reply.error(), "");
      EXPECT_GT(reply.body["SequenceNumber"].text(), last);
      last = reply.body["SequenceNumber"].text();
    }
    const WallTime created = server.find("s")->shards[0].created;
    const auto number_at = [created](WallTime time) {
      return to_string(model::record_sequence_number(created, ShardIndex{0}, RecordIndex{7}, time));
    };
    EXPECT_EQ((co_await put_after(client, number_at(server.now()))).error(), "");
    EXPECT_EQ((co_await put_after(client, "0")).error(), "");
    for (const std::string& number :
         {number_at(server.now() + seconds(2)), std::string(60, '9'), std::string(56, '5')}) {
      EXPECT_EQ((co_await put_after(client, number)).error(),
                "InvalidArgumentException: ExclusiveMinimumSequenceNumber " + number +
                    " used in PutRecord on stream s under account 000000000000 is invalid.");
    }
  });
}

TEST(Putting, MalformedHashKeysAndNumbersFailTheValidation) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    for (const std::string wrong : {"-1", "01", "x", "1e3"}) {
      Map input = single(entry("a", "d", wrong));
      input.emplace_back("SequenceNumberForOrdering", wrong);
      EXPECT_EQ((co_await client.call("PutRecord", input)).error(),
                "ValidationException: 2 validation errors detected: Value '" + wrong +
                    "' at 'sequenceNumberForOrdering' failed to satisfy constraint: Member must satisfy regular "
                    "expression pattern: 0|([1-9]\\d{0,128}); Value '" +
                    wrong +
                    "' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression "
                    "pattern: 0|([1-9]\\d{0,38})");
    }
  });
}

}  // namespace
}  // namespace weir::frontend::test
