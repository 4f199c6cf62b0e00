#include "model/sequence_number.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <compare>

#include "model/shard_id.h"

namespace weir::model {
namespace {

WallTime at_second(std::int64_t unix_second) { return WallTime(seconds(unix_second)); }

SequenceNumber parsed(std::string_view text) {
  const auto number = parse_sequence_number(text);
  EXPECT_TRUE(number.has_value()) << text;
  return number.value_or(SequenceNumber{});
}

TEST(SequenceNumber, FormatsTheVectorsOfTheReference) {
  EXPECT_EQ(to_string(starting_sequence_number(at_second(1700000000), ShardIndex{0})),
            "49646437577108476416916876405825929425585429676275269634");
  EXPECT_EQ(to_string(starting_sequence_number(at_second(1700000000), ShardIndex{1})),
            "49646437577130777162115407028967465143858078037781250066");
  EXPECT_EQ(
      to_string(record_sequence_number(at_second(1700000000), ShardIndex{3}, RecordIndex{42}, at_second(1700000100))),
      "49646437577175378652512468275301311464827196058078543922");
  EXPECT_EQ(to_string(ending_sequence_number(at_second(1700000000), ShardIndex{0}, at_second(1700000200))),
            "49646437577119626789516141717395488358902152971748900866");
}

TEST(SequenceNumber, ReadsANumberThatAwsIssued) {
  const SequenceNumber number = parsed("49546986683135544286507457936321625675700192471156785154");
  EXPECT_EQ(number.version, 2);
  EXPECT_EQ(unix_seconds(number.shard_created), 1421279230);
  EXPECT_EQ(number.shard, 0);
  EXPECT_EQ(number.index, RecordIndex{469});
  EXPECT_EQ(number.record_seconds, 1421279386);
}

TEST(SequenceNumber, ReadsOlderVersions) {
  const SequenceNumber one = parsed("49539394000223043222145587084583857838752019581744709681");
  EXPECT_EQ(one.version, 1);
  EXPECT_EQ(unix_seconds(one.shard_created), 1400000000);
  EXPECT_EQ(one.record_seconds, 1400000100);
  EXPECT_EQ(one.shard, 3);
  // Numbers below 2^124 are meant with 2^124 added.
  for (const char* text : {"21700926946314587064777322320444194825", "433279013755933098316409355958681609"}) {
    const SequenceNumber zero = parsed(text);
    EXPECT_EQ(zero.version, 0);
    EXPECT_EQ(unix_seconds(zero.shard_created), 1400000000);
    EXPECT_EQ(zero.shard, 9);
  }
  EXPECT_EQ(parsed("0").version, 0);
  EXPECT_EQ(unix_seconds(parsed("0").shard_created), 0);
}

TEST(SequenceNumber, RefusesWhatBreaksTheLayout) {
  const char* invalid[] = {
      "49646437577119626789516141717396697284721753857028259842",    // record index 2^63
      "54757830818698251126701659333928097181345247317440069634",    // created at the bound
      "49646437577108476416916876405825929308762319225075269635",    // version digit 3
      "49646437577108476416916876405825929308762319225075269632",    // version digit 0
      "74166366230962698150650428840230876246662145180012904450",    // first digit 3
      "680564733841876926926749214863536422912",                     // 2^129: between the versions
      "680564733841876926926749214863536422911",                     // version 0, created far beyond the bound
      "6277101735386680763835789423207666416102355444464034512896",  // 2^192
      "",
      "00",
      "01",
      "-1",
      "+1",
      " 1",
      "1 ",
      "1a",
      "0x1",
  };
  for (const char* text : invalid) EXPECT_FALSE(parse_sequence_number(text).has_value()) << text;
  EXPECT_FALSE(parse_sequence_number(std::string(129, '9')).has_value());
  EXPECT_FALSE(parse_sequence_number(std::string(130, '1')).has_value());
  EXPECT_TRUE(parse_sequence_number("54757830818341439203525169363663525688982873533344382978").has_value());
}

TEST(SequenceNumber, ForeignShardIndexesMayBeNegative) {
  const SequenceNumber number = parsed("49646437577108476416916876405825929308762319259435008002");
  EXPECT_EQ(number.shard, std::numeric_limits<std::int32_t>::min());
  EXPECT_FALSE(number.shard_index().has_value());
  EXPECT_EQ(shard_id_of_sequence(number.shard), "shardId--02147483648");
}

SequenceNumber any_number(std::int64_t created_seconds_max) {
  return {
      .shard_created = at_second(*rc::gen::inRange<std::int64_t>(0, created_seconds_max)),
      .shard = *rc::gen::inRange<std::int32_t>(0, std::numeric_limits<std::int32_t>::max()),
      .index = RecordIndex{*rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(1, 64)},
      .record_seconds = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 36),
  };
}

RC_GTEST_PROP(SequenceNumber, ParsesWhatItFormats, ()) {
  const SequenceNumber number = any_number(sequence_created_seconds_limit);
  const auto back = parse_sequence_number(to_string(number));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == number);
}

RC_GTEST_PROP(SequenceNumber, TextAndValueOrderAlike, ()) {
  const SequenceNumber a = any_number(3);
  const SequenceNumber b = any_number(3);
  RC_ASSERT((to_string(a) <=> to_string(b)) == (value_of(a) <=> value_of(b)));
}

RC_GTEST_PROP(SequenceNumber, WithinAShardTheIndexDecidesTheOrder, ()) {
  SequenceNumber a = any_number(1'800'000'000);
  RC_PRE(a.index < ending_record_index);
  const WallTime created = a.shard_created;
  const auto later = record_sequence_number(created, *a.shard_index(), RecordIndex{a.index.value + 1},
                                            at_second(*rc::gen::inRange<std::int64_t>(0, 1'900'000'000)));
  RC_ASSERT(value_of(a) < value_of(later));
}

RC_GTEST_PROP(SequenceNumber, EveryRecordLiesBetweenStartAndEndOfItsShard, ()) {
  const std::int64_t created = *rc::gen::inRange<std::int64_t>(0, 1'800'000'000);
  const ShardIndex shard{*rc::gen::inRange<std::uint32_t>(0, shard_index_max)};
  const RecordIndex index{*rc::gen::inRange<std::uint64_t>(1, ending_record_index.value)};
  const auto arrival = at_second(created + *rc::gen::inRange<std::int64_t>(0, 100'000'000));
  const auto closed = at_second(created + *rc::gen::inRange<std::int64_t>(0, 100'000'000));
  const auto record = value_of(record_sequence_number(at_second(created), shard, index, arrival));
  RC_ASSERT(value_of(starting_sequence_number(at_second(created), shard)) < record);
  RC_ASSERT(record < value_of(ending_sequence_number(at_second(created), shard, closed)));
}

TEST(ShardId, FormatsTwelveDigits) {
  EXPECT_EQ(shard_id(ShardIndex{0}), "shardId-000000000000");
  EXPECT_EQ(shard_id(ShardIndex{12345}), "shardId-000000012345");
  EXPECT_EQ(shard_id(ShardIndex{shard_index_max}), "shardId-002147483647");
}

TEST(ShardId, IsReadAsLenientlyAsAwsReadsIt) {
  for (const char* text : {"shardId-000000000005", "shardId-5", "foo-5", "-5", "5", "shardId-5-9", "shardId-0005-x"}) {
    EXPECT_EQ(parse_shard_id(text), ShardIndex{5}) << text;
  }
  EXPECT_EQ(parse_shard_id("shardId-2147483647"), ShardIndex{2147483647});
  for (const char* text : {"", "-", "shardId", "shardId-", "shardId-5a", "shardId--5", "shardId-2147483648", "ab5",
                           "shardId-99999999999999999999999"}) {
    EXPECT_FALSE(parse_shard_id(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::model
