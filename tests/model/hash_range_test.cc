#include "model/hash_range.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace weir::model {
namespace {

HashKey key(std::string_view decimal) { return parse_hash_key(decimal).value(); }
HashRange range(std::uint64_t first, std::uint64_t last) { return {HashKey{first}, HashKey{last}}; }

TEST(HashRange, ThreeAndFourShardsSplitAsOnAws) {
  const auto three = split_evenly(3);
  ASSERT_EQ(three.size(), 3U);
  EXPECT_EQ(three[0], (HashRange{HashKey{0}, key("113427455640312821154458202477256070484")}));
  EXPECT_EQ(three[1], (HashRange{key("113427455640312821154458202477256070485"),
                                 key("226854911280625642308916404954512140969")}));
  EXPECT_EQ(three[2], (HashRange{key("226854911280625642308916404954512140970"), HashKey::max()}));
  const auto four = split_evenly(4);
  ASSERT_EQ(four.size(), 4U);
  EXPECT_EQ(four[1].first, key("85070591730234615865843651857942052864"));
  EXPECT_EQ(split_evenly(1), (std::vector<HashRange>{{HashKey{0}, HashKey::max()}}));
}

RC_GTEST_PROP(HashRange, AnEvenSplitTilesTheKeySpace, ()) {
  const auto ranges = split_evenly(*rc::gen::inRange<std::uint32_t>(1, 3000));
  RC_ASSERT(tile_key_space(ranges));
}

RC_GTEST_PROP(HashRange, SplitsAndJoinsKeepTheTiling, ()) {
  auto ranges = split_evenly(*rc::gen::inRange<std::uint32_t>(1, 9));
  const auto steps = *rc::gen::container<std::vector<std::uint64_t>>(30, rc::gen::arbitrary<std::uint64_t>());
  for (const std::uint64_t step : steps) {
    const auto at = static_cast<std::ptrdiff_t>((step >> 1) % ranges.size());
    const auto here = ranges.begin() + at;
    if ((step & 1) == 0) {
      const HashKey middle{here->first.value + (here->last.value - here->first.value) / 2};
      if (!can_split_at(*here, middle)) continue;
      const auto [lower, upper] = split_at(*here, middle);
      *here = upper;
      ranges.insert(here, lower);
    } else if (ranges.size() > 1 && here + 1 != ranges.end()) {
      RC_ASSERT(are_adjacent(*here, *(here + 1)));
      *here = join(*(here + 1), *here);
      ranges.erase(here + 1);
    }
    RC_ASSERT(tile_key_space(ranges));
  }
}

TEST(HashRange, SplitKeyLiesStrictlyInside) {
  const HashRange here = range(100, 200);
  EXPECT_FALSE(can_split_at(here, HashKey{99}));
  EXPECT_FALSE(can_split_at(here, HashKey{100}));
  EXPECT_FALSE(can_split_at(here, HashKey{101}));
  EXPECT_TRUE(can_split_at(here, HashKey{102}));
  EXPECT_TRUE(can_split_at(here, HashKey{199}));
  EXPECT_FALSE(can_split_at(here, HashKey{200}));
  const HashRange whole{HashKey{0}, HashKey::max()};
  EXPECT_FALSE(can_split_at(whole, HashKey{0}));
  EXPECT_FALSE(can_split_at(whole, HashKey{1}));
  EXPECT_TRUE(can_split_at(whole, HashKey{2}));
  EXPECT_FALSE(can_split_at(whole, HashKey::max()));
  EXPECT_EQ(split_at(here, HashKey{150}), std::pair(range(100, 149), range(150, 200)));
}

TEST(HashRange, AdjacencyHasNoDirectionAndNoGap) {
  EXPECT_TRUE(are_adjacent(range(0, 9), range(10, 20)));
  EXPECT_TRUE(are_adjacent(range(10, 20), range(0, 9)));
  EXPECT_FALSE(are_adjacent(range(0, 9), range(11, 20)));
  EXPECT_FALSE(are_adjacent(range(0, 10), range(10, 20)));
  EXPECT_FALSE(are_adjacent(range(0, 9), range(0, 9)));
  // The end of the key space does not wrap around to its start.
  EXPECT_FALSE(are_adjacent({HashKey{50}, HashKey::max()}, range(0, 4)));
}

TEST(HashRange, HolesOverlapsAndMissingEndsDoNotTile) {
  const HashKey max = HashKey::max();
  EXPECT_TRUE(tile_key_space(std::vector<HashRange>{range(0, 4), {HashKey{5}, max}}));
  EXPECT_FALSE(tile_key_space({}));
  EXPECT_FALSE(tile_key_space(std::vector<HashRange>{range(0, 4), {HashKey{6}, max}}));
  EXPECT_FALSE(tile_key_space(std::vector<HashRange>{range(0, 5), {HashKey{5}, max}}));
  EXPECT_FALSE(tile_key_space(std::vector<HashRange>{range(1, 4), {HashKey{5}, max}}));
  EXPECT_FALSE(tile_key_space(std::vector<HashRange>{range(0, 4), range(5, 9)}));
  EXPECT_FALSE(tile_key_space(std::vector<HashRange>{{HashKey{5}, max}, range(0, 4)}));
}

}  // namespace
}  // namespace weir::model
