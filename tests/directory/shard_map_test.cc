#include "directory/map/shard_map.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "directory/map/shard_map_builder.h"
#include "model/hash_range.h"

namespace weir::directory {
namespace {

std::shared_ptr<Stream> stream_of(std::uint64_t id, std::string name, std::uint32_t shards) {
  auto stream = std::make_shared<Stream>();
  stream->id = StreamId{id};
  stream->scope = {"000000000000", "us-east-1"};
  stream->name = std::move(name);
  for (const auto& range : model::split_evenly(shards)) {
    stream->shards.push_back({.index = ShardIndex{static_cast<std::uint32_t>(stream->shards.size())},
                              .first_hash = range.first,
                              .last_hash = range.last});
  }
  index_open_shards(*stream);
  return stream;
}

RC_GTEST_PROP(Stream, EveryKeyHasTheOneOpenShardThatContainsIt, (std::uint64_t high, std::uint64_t low)) {
  const auto stream = stream_of(1, "s", *rc::gen::inRange<std::uint32_t>(1, 300));
  const HashKey key{(static_cast<unsigned __int128>(high) << 64) | low};
  const Shard* shard = stream->open_shard_for(key);
  RC_ASSERT(shard != nullptr);
  RC_ASSERT((shard->first_hash <= key && key <= shard->last_hash));
}

TEST(Stream, TheEndsOfTheKeySpaceHaveShards) {
  const auto stream = stream_of(1, "s", 3);
  EXPECT_EQ(stream->open_shard_for(HashKey{0})->index, ShardIndex{0});
  EXPECT_EQ(stream->open_shard_for(HashKey::max())->index, ShardIndex{2});
  EXPECT_EQ(Stream{}.open_shard_for(HashKey{0}), nullptr);
}

TEST(Stream, ClosedShardsAreFoundByIndexOnly) {
  auto stream = stream_of(1, "s", 2);
  stream->shards[0].closed = wall_time_ms(1);
  index_open_shards(*stream);
  EXPECT_EQ(stream->open_shard_for(HashKey{0}), nullptr);
  EXPECT_EQ(stream->find_shard(ShardIndex{0})->index, ShardIndex{0});
  EXPECT_EQ(stream->find_shard(ShardIndex{2}), nullptr);
  EXPECT_EQ(stream->open_shard_count(), 1U);
  EXPECT_FALSE(open_shards_tile(*stream));
}

TEST(ShardMap, FindsStreamsByNameWithinTheirScopeAndById) {
  ShardMapBuilder builder;
  builder.put(stream_of(1, "b", 1));
  builder.put(stream_of(2, "a", 1));
  auto elsewhere = stream_of(3, "a", 1);
  elsewhere->scope.region = "eu-west-1";
  builder.put(elsewhere);
  const auto map = builder.build(7);
  EXPECT_EQ(map->version(), 7U);
  EXPECT_EQ(map->find("000000000000", "us-east-1", "a")->id, StreamId{2});
  EXPECT_EQ(map->find("000000000000", "eu-west-1", "a")->id, StreamId{3});
  EXPECT_EQ(map->find("000000000001", "us-east-1", "a"), nullptr);
  EXPECT_EQ(map->find("000000000000", "us-east-1", "c"), nullptr);
  EXPECT_EQ(map->find(StreamId{1})->name, "b");
  EXPECT_EQ(map->find(StreamId{9}), nullptr);
  EXPECT_EQ(map->streams_of({"000000000000", "us-east-1"})->begin()->first, "a");
  EXPECT_EQ(map->streams_of({"000000000000", "us-west-1"}), nullptr);
}

TEST(ShardMap, AnOldMapIsUntouchedByNewOnesAndSharesWhatDidNotChange) {
  ShardMapBuilder first;
  first.put(stream_of(1, "a", 1));
  first.put(stream_of(2, "b", 1));
  const auto old_map = first.build(1);
  ShardMapBuilder second(*old_map);
  second.put(stream_of(1, "a", 5));
  second.remove(StreamId{2});
  const auto new_map = second.build(2);
  EXPECT_EQ(old_map->find(StreamId{1})->shards.size(), 1U);
  EXPECT_NE(old_map->find(StreamId{2}), nullptr);
  EXPECT_EQ(new_map->find(StreamId{1})->shards.size(), 5U);
  EXPECT_EQ(new_map->find("000000000000", "us-east-1", "b"), nullptr);
  EXPECT_EQ(new_map->based_on(), 1U);
  EXPECT_EQ(new_map->changed(), (std::vector<StreamId>{StreamId{1}, StreamId{2}}));
  ShardMapBuilder third(*old_map);
  third.put(stream_of(3, "c", 1));
  EXPECT_EQ(third.build(3)->find(StreamId{1}), old_map->find(StreamId{1}));
}

}  // namespace
}  // namespace weir::directory
