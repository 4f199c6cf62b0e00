#include "directory/map/map_history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "directory/map/map_codec.h"
#include "tests/directory/map_support.h"

namespace weir::directory {
namespace {

using test::GrowingMap;

ShardMapPointer part_of(const ShardMap& map, const MapSlice& slice) {
  const auto bytes = encode_map(map, slice);
  return bytes ? decode_map(*bytes, slice).value_or(nullptr) : nullptr;
}

// Whoever holds any older map, of any slice, is brought to what the newest map has in that slice.
RC_GTEST_PROP(MapHistory, WhatChangedLeadsFromEveryOlderMapToTheNewestInEverySlice, (std::uint64_t seed)) {
  GrowingMap growing(seed);
  growing.grow(12);
  MapHistory history({});
  std::vector<ShardMapPointer> older;
  for (int step = 0; step < 8; ++step) {
    if (*rc::gen::inRange(0, 6) == 0) {
      growing.change_leader();
    } else {
      growing.grow(*rc::gen::inRange<std::uint32_t>(0, 6));
      // Some maps are skipped, as when they come faster than they are served.
      if (*rc::gen::inRange(0, 4) == 0) growing.grow(3);
    }
    older.push_back(growing.map());
    history.add(growing.map());
  }
  for (const MapSlice& slice : {MapSlice{}, MapSlice::of_fleet("default"), MapSlice::of_fleet("big"),
                                MapSlice::of_cell(0), MapSlice::of_cell(1)}) {
    const ShardMapPointer wanted = part_of(*growing.map(), slice);
    for (const ShardMapPointer& held : older) {
      if (!history.reaches(held->id(), slice)) {
        RC_ASSERT(slice.kind == MapSlice::Kind::fleet);  // only accounts that moved are beyond it
        continue;
      }
      const ShardMapPointer before = part_of(*held, slice);
      if (before->id() == wanted->id()) continue;
      const auto delta = decode_delta(encode_delta(history.since(held->id(), slice), slice), slice);
      RC_ASSERT(delta.has_value());
      const auto after = apply_delta(*before, *delta);
      RC_ASSERT(after.has_value());
      RC_ASSERT(same_content(**after, *wanted));
    }
  }
}

TEST(MapHistory, KeepsToItsBoundsAndKnowsHowFarItReaches) {
  GrowingMap growing(1);
  MapHistory history({.steps_max = 3, .streams_max = 1'000});
  EXPECT_FALSE(history.reaches({1, 1}, {}));
  std::vector<MapId> ids;
  for (int i = 0; i < 10; ++i) {
    history.add(growing.grow(2));
    ids.push_back(growing.map()->id());
  }
  EXPECT_EQ(history.steps(), 3U);
  EXPECT_TRUE(history.reaches(ids[9], {}));
  EXPECT_TRUE(history.reaches(ids[6], {}));
  EXPECT_FALSE(history.reaches(ids[5], {}));
  EXPECT_FALSE(history.reaches({ids[9].term, ids[9].version + 1}, {}));
  EXPECT_FALSE(history.reaches({ids[8].term + 1, ids[8].version}, {}));

  MapHistory narrow({.steps_max = 100, .streams_max = 5});
  GrowingMap many(2);
  narrow.add(many.map());
  narrow.add(many.grow(60));
  EXPECT_EQ(narrow.steps(), 0U);  // one step alone is too much: a snapshot is the way
}

TEST(MapHistory, AFleetWhoseAccountsMovedNeedsASnapshotAndOthersKindsDoNot) {
  GrowingMap growing(1);
  MapHistory history({});
  history.add(growing.grow(5));
  const MapId held = growing.map()->id();
  ShardMapBuilder builder(*growing.map());
  Fleet fleet = *growing.map()->fleets().at("big");
  fleet.accounts.insert("333333333333");
  builder.set_fleet("big", fleet);
  history.add(builder.build(growing.map()->version() + 10));
  EXPECT_FALSE(history.reaches(held, MapSlice::of_fleet("big")));
  EXPECT_FALSE(history.reaches(held, MapSlice::of_fleet("default")));
  EXPECT_TRUE(history.reaches(held, MapSlice::of_cell(0)));
  EXPECT_TRUE(history.reaches(held, {}));
}

}  // namespace
}  // namespace weir::directory
