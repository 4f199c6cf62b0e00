#include "directory/map/map_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/crc32c.h"
#include "directory/map/map_frame.h"
#include "directory/map/shard_map_builder.h"
#include "tests/directory/map_support.h"

namespace weir::directory {
namespace {

using test::GrowingMap;
using test::make_stream;

const std::vector<MapSlice>& slices() {
  static const std::vector<MapSlice> all{
      {}, MapSlice::of_fleet("default"), MapSlice::of_fleet("big"), MapSlice::of_cell(0), MapSlice::of_cell(2)};
  return all;
}

RC_GTEST_PROP(MapCodec, AMapComesBackAsItWas, (std::uint64_t seed)) {
  GrowingMap growing(seed);
  growing.grow(*rc::gen::inRange<std::uint32_t>(0, 120));
  const auto bytes = encode_map(*growing.map(), {});
  RC_ASSERT(bytes.has_value());
  const auto back = decode_map(*bytes, {});
  RC_ASSERT(back.has_value());
  RC_ASSERT(same_content(**back, *growing.map()));
}

RC_GTEST_PROP(MapCodec, ASliceIsWhatTheFilterSaysAndSlicingItAgainChangesNothing, (std::uint64_t seed)) {
  GrowingMap growing(seed);
  growing.grow(80);
  for (const MapSlice& slice : slices()) {
    const auto bytes = encode_map(*growing.map(), slice);
    RC_ASSERT(bytes.has_value());
    const auto part = decode_map(*bytes, slice);
    RC_ASSERT(part.has_value());
    const auto filter = SliceFilter::make(*growing.map(), slice);
    RC_ASSERT(filter.has_value());
    for (const auto& [id, stream] : growing.map()->all()) {
      RC_ASSERT(((*part)->find(id) != nullptr) == filter->contains(*stream));
      RC_ASSERT(filter->contains(*stream) == filter->contains(place_of(*stream)));
    }
    RC_ASSERT(encode_map(**part, slice) == bytes);
    RC_ASSERT(!decode_map(*bytes, MapSlice::of_fleet("another")).has_value());
  }
}

RC_GTEST_PROP(MapCodec, ADeltaLeadsFromOneMapToTheOther, (std::uint64_t seed)) {
  GrowingMap growing(seed);
  const ShardMapPointer from = growing.grow(60);
  for (std::uint32_t step = *rc::gen::inRange<std::uint32_t>(1, 6); step != 0; --step) growing.grow(10);
  if (*rc::gen::arbitrary<bool>()) growing.change_leader();
  const auto delta = decode_delta(encode_delta(difference(*from, *growing.map()), {}), {});
  RC_ASSERT(delta.has_value());
  const auto to = apply_delta(*from, *delta);
  RC_ASSERT(to.has_value());
  RC_ASSERT(same_content(**to, *growing.map()));
  RC_ASSERT(!apply_delta(**to, *delta).has_value());  // it does not start there
}

TEST(MapCodec, BytesCutOffAnywhereAreRefused) {
  GrowingMap growing(3);
  const std::string map = *encode_map(*growing.grow(12), {});
  const std::string delta = encode_delta(difference(*ShardMapBuilder().build(0), *growing.map()), {});
  for (std::size_t size = 0; size < map.size(); ++size) {
    ASSERT_EQ(decode_map(std::string_view(map).substr(0, size), {}).error().code, ErrorCode::corrupt) << size;
  }
  for (std::size_t size = 0; size < delta.size(); ++size) {
    ASSERT_EQ(decode_delta(std::string_view(delta).substr(0, size), {}).error().code, ErrorCode::corrupt) << size;
  }
  EXPECT_FALSE(decode_map(map + "x", {}).has_value());
}

TEST(MapCodec, AFlippedBitAnywhereIsRefused) {
  GrowingMap growing(4);
  std::string map = *encode_map(*growing.grow(6), {});
  for (std::size_t bit = 0; bit < map.size() * 8; ++bit) {
    map[bit / 8] = static_cast<char>(map[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(decode_map(map, {}).error().code, ErrorCode::corrupt) << bit;
    map[bit / 8] = static_cast<char>(map[bit / 8] ^ (1 << (bit % 8)));
  }
  EXPECT_TRUE(decode_map(map, {}).has_value());
}

// A frame whose checksum is right, with one field of its header changed.
std::string with_header(std::string frame, std::size_t at, std::uint16_t value) {
  auto* const bytes = reinterpret_cast<std::byte*>(frame.data());
  store_le<std::uint16_t>(bytes + at, value);
  store_le<std::uint32_t>(bytes + 16, crc32c(as_bytes(std::string_view(frame).substr(20)),
                                             crc32c(as_bytes(std::string_view(frame).substr(0, 16)))));
  return frame;
}

TEST(MapCodec, ANewerFormatIsUnsupportedAndAnotherKindIsRefused) {
  const std::string map = *encode_map(*GrowingMap(5).grow(6), {});
  EXPECT_TRUE(decode_map(with_header(map, 6, map_format_version), {}).has_value());
  EXPECT_EQ(decode_map(with_header(map, 6, map_format_version + 1), {}).error().code, ErrorCode::unsupported);
  EXPECT_EQ(decode_map(with_header(map, 4, 2), {}).error().code, ErrorCode::corrupt);
  EXPECT_EQ(decode_delta(map, {}).error().code, ErrorCode::corrupt);
}

TEST(MapCodec, AMapThatIsSoundInBytesButNotInSenseIsRefused) {
  const auto refused = [](const std::shared_ptr<Stream>& stream) {
    ShardMapBuilder builder;
    builder.put(stream);
    return decode_map(*encode_map(*builder.build(1), {}), {}).error().code == ErrorCode::corrupt;
  };
  auto hole = make_stream(1, "000000000000", "s", 3);
  hole->shards.erase(hole->shards.begin() + 1);
  EXPECT_TRUE(refused(hole));
  auto overlap = make_stream(1, "000000000000", "s", 3);
  overlap->shards[1].first_hash = HashKey{0};
  EXPECT_TRUE(refused(overlap));
  auto disorder = make_stream(1, "000000000000", "s", 3);
  std::swap(disorder->shards[0].index, disorder->shards[2].index);
  EXPECT_TRUE(refused(disorder));
  auto empty = make_stream(1, "000000000000", "s", 1);
  empty->shards.clear();
  EXPECT_TRUE(refused(empty));
}

TEST(MapDelta, TwoStreamsOfOneNameAreRefused) {
  ShardMapBuilder builder;
  builder.put(make_stream(1, "000000000000", "a", 1));
  const auto base = builder.build(1);
  const MapDelta delta{.from = {0, 1}, .to = {0, 2}, .streams = {make_stream(2, "000000000000", "a", 1)}};
  EXPECT_EQ(apply_delta(*base, delta).error().code, ErrorCode::corrupt);
  EXPECT_NE(base->find(StreamId{1}), nullptr);
}

TEST(MapDelta, StreamsMayExchangeTheirNames) {
  ShardMapBuilder builder;
  builder.put(make_stream(1, "000000000000", "a", 1));
  builder.put(make_stream(2, "000000000000", "b", 1));
  const auto base = builder.build(1);
  const MapDelta delta{.from = {0, 1},
                       .to = {0, 2},
                       .streams = {make_stream(1, "000000000000", "b", 1), make_stream(2, "000000000000", "a", 1)}};
  const auto next = apply_delta(*base, delta);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ((*next)->find("000000000000", "us-east-1", "a")->id, StreamId{2});
  EXPECT_EQ((*next)->based_on(), 1U);
  EXPECT_EQ((*next)->changed(), (std::vector{StreamId{1}, StreamId{2}}));
}

TEST(MapSlice, ANodeGetsNoSecretsAndAFrontEndOnlyItsFleets) {
  GrowingMap growing(9);
  growing.grow(100);
  const auto node = *decode_map(*encode_map(*growing.map(), MapSlice::of_cell(1)), MapSlice::of_cell(1));
  EXPECT_TRUE(node->fleets().empty());
  EXPECT_FALSE(node->token_key().has_value());
  for (const auto& [lane, owner] : node->owners()) EXPECT_EQ(cell_of(lane), 1U);
  const auto big = *decode_map(*encode_map(*growing.map(), MapSlice::of_fleet("big")), MapSlice::of_fleet("big"));
  EXPECT_EQ(big->fleets().size(), 1U);
  EXPECT_EQ(big->token_key(), growing.map()->token_key());
  EXPECT_EQ(big->owners().size(), growing.map()->owners().size());
  for (const auto& [id, stream] : big->all()) {
    EXPECT_TRUE(growing.map()->fleets().at("big")->accounts.contains(stream->scope.account));
  }
}

TEST(MapSlice, AnUnknownFleetHasNoSliceUnlessThereAreNoFleets) {
  EXPECT_EQ(encode_map(*GrowingMap(1).map(), MapSlice::of_fleet("nobody")), std::nullopt);
  ShardMapBuilder builder;
  builder.put(make_stream(1, "000000000000", "a", 1));
  const auto bytes = encode_map(*builder.build(1), MapSlice::of_fleet("nobody"));
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ((*decode_map(*bytes, MapSlice::of_fleet("nobody")))->all().size(), 1U);
}

}  // namespace
}  // namespace weir::directory
