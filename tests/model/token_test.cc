#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>

#include "model/arn.h"
#include "model/shard_iterator.h"
#include "model/token.h"

namespace weir::model {
namespace {

std::array<std::byte, token_key_bytes> key_of(std::uint8_t fill) {
  std::array<std::byte, token_key_bytes> key;
  key.fill(std::byte{fill});
  return key;
}

const ShardIterator sample{.shard = {StreamId{77}, ShardIndex{3}},
                           .from = RecordIndex{123456789012345},
                           .type = ShardIteratorType::at_timestamp,
                           .issued = wall_time_ms(1'700'000'000'123)};

RC_GTEST_PROP(Token, OpensWhatItSealed, (std::string body)) {
  TokenSealer sealer(key_of(1));
  const auto opened = sealer.unseal(TokenKind::list_shards, sealer.seal(TokenKind::list_shards, as_bytes(body)));
  RC_ASSERT(opened.has_value());
  RC_ASSERT(as_text(*opened) == body);
}

RC_GTEST_PROP(Token, AnyChangedCharacterIsRefused, (std::string body)) {
  TokenSealer sealer(key_of(1));
  const std::string sealed = sealer.seal(TokenKind::list_shards, as_bytes(body));
  std::string changed = sealed;
  const auto at = *rc::gen::inRange<std::size_t>(0, sealed.size());
  changed[at] = *rc::gen::arbitrary<char>();
  RC_PRE(changed != sealed);
  const auto opened = sealer.unseal(TokenKind::list_shards, changed);
  // The unused bits of the last character carry nothing; whatever opens is the very body that was sealed.
  RC_ASSERT((!opened.has_value() || as_text(*opened) == body));
}

RC_GTEST_PROP(Token, ArbitraryTextIsRefused, (std::string text)) {
  TokenSealer sealer(key_of(1));
  RC_ASSERT(!sealer.unseal(TokenKind::list_shards, text).has_value());
  RC_ASSERT(!unseal_iterator(sealer, text).has_value());
}

TEST(Token, BelongsToItsKindAndItsKey) {
  TokenSealer sealer(key_of(1));
  TokenSealer other(key_of(2));
  const std::string sealed = sealer.seal(TokenKind::list_shards, as_bytes("body"));
  EXPECT_FALSE(sealer.unseal(TokenKind::list_streams, sealed).has_value());
  EXPECT_FALSE(other.unseal(TokenKind::list_shards, sealed).has_value());
  EXPECT_TRUE(TokenSealer(key_of(1)).unseal(TokenKind::list_shards, sealed).has_value());
}

TEST(Token, TruncatedTextIsRefused) {
  TokenSealer sealer(key_of(1));
  const std::string sealed = seal_iterator(sealer, sample);
  for (std::size_t length = 0; length < sealed.size(); ++length) {
    EXPECT_FALSE(unseal_iterator(sealer, std::string_view(sealed).substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(unseal_iterator(sealer, sealed + "AAAA").has_value());
}

TEST(ShardIterator, ComesBackWhole) {
  TokenSealer sealer(key_of(7));
  const std::string text = seal_iterator(sealer, sample);
  EXPECT_EQ(text.size(), shard_iterator_characters);
  EXPECT_EQ(unseal_iterator(sealer, text), sample);
  EXPECT_EQ(unseal_iterator(sealer, "\"" + text + "\""), sample);
}

TEST(ShardIterator, APaginationTokenIsNoIterator) {
  TokenSealer sealer(key_of(7));
  const std::string body(30, '\1');
  EXPECT_FALSE(unseal_iterator(sealer, sealer.seal(TokenKind::list_shards, as_bytes(body))).has_value());
  // Nor is a well-sealed one of another length, format or type.
  EXPECT_FALSE(unseal_iterator(sealer, sealer.seal(TokenKind::shard_iterator, as_bytes("short"))).has_value());
  std::string unknown = body;
  unknown[28] = 5;
  EXPECT_FALSE(unseal_iterator(sealer, sealer.seal(TokenKind::shard_iterator, as_bytes(unknown))).has_value());
  unknown[28] = 4;
  EXPECT_TRUE(unseal_iterator(sealer, sealer.seal(TokenKind::shard_iterator, as_bytes(unknown))).has_value());
  unknown[29] = 2;
  EXPECT_FALSE(unseal_iterator(sealer, sealer.seal(TokenKind::shard_iterator, as_bytes(unknown))).has_value());
}

TEST(StreamArn, IsBuiltAndRead) {
  const std::string arn = stream_arn("us-east-1", "000000000000", "orders");
  EXPECT_EQ(arn, "arn:aws:kinesis:us-east-1:000000000000:stream/orders");
  const auto parsed = parse_stream_arn(arn);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->partition, "aws");
  EXPECT_EQ(parsed->region, "us-east-1");
  EXPECT_EQ(parsed->account, "000000000000");
  EXPECT_EQ(parsed->name, "orders");
  EXPECT_EQ(stream_arn("cn-north-1", "000000000000", "a"), "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/a");
  EXPECT_TRUE(parse_stream_arn("arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/a").has_value());
}

TEST(StreamArn, OtherFormsAreRefused) {
  for (const char* text :
       {"", "arn", "arn:aws:kinesis:us-east-1:000000000000:stream/", "orders",
        "arn:aws:kinesis:us-east-1:00000000000:stream/orders", "arn:aws:kinesis:us-east-1:0000000000000:stream/orders",
        "arn:aws:kinesis:us-east-1:00000000000a:stream/orders", "arn:aws:firehose:us-east-1:000000000000:stream/orders",
        "arn:gcp:kinesis:us-east-1:000000000000:stream/orders", "ARN:aws:kinesis:us-east-1:000000000000:stream/orders",
        "arn:aws:kinesis:us-east-1:000000000000:orders", "arn:aws:kinesis:us-east-1:000000000000:stream/or ders",
        "arn:aws:kinesis:us-east-1:000000000000:stream/orders\n"}) {
    EXPECT_FALSE(parse_stream_arn(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::model
