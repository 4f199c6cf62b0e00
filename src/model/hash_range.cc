#include "model/hash_range.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::model {
namespace {

bool follows(const HashRange& lower, const HashRange& upper) noexcept {
  return lower.last < upper.first && lower.last.value + 1 == upper.first.value;
}

}  // namespace

std::vector<HashRange> split_evenly(std::uint32_t count) {
  WEIR_ASSERT(count >= 1);
  if (count == 1) return {{HashKey{0}, HashKey::max()}};
  // floor(2^128 / count) from the largest value that fits: one more when count divides 2^128.
  const unsigned __int128 most = HashKey::max().value;
  const unsigned __int128 width = most / count + (most % count == count - 1 ? 1 : 0);
  std::vector<HashRange> ranges;
  ranges.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) ranges.push_back({HashKey{width * i}, HashKey{width * i + width - 1}});
  ranges.back().last = HashKey::max();
  return ranges;
}

bool can_split_at(const HashRange& range, HashKey key) noexcept {
  return key < range.last && key > range.first && key.value - range.first.value > 1;
}

std::pair<HashRange, HashRange> split_at(const HashRange& range, HashKey key) noexcept {
  WEIR_ASSERT(can_split_at(range, key));
  return {{range.first, HashKey{key.value - 1}}, {key, range.last}};
}

bool are_adjacent(const HashRange& a, const HashRange& b) noexcept { return follows(a, b) || follows(b, a); }

HashRange join(const HashRange& a, const HashRange& b) noexcept {
  WEIR_ASSERT(are_adjacent(a, b));
  return {std::min(a.first, b.first), std::max(a.last, b.last)};
}

bool tile_key_space(std::span<const HashRange> ranges) noexcept {
  if (ranges.empty() || ranges.front().first != HashKey{0} || ranges.back().last != HashKey::max()) return false;
  for (const HashRange& range : ranges) {
    if (range.first > range.last) return false;
  }
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (!follows(ranges[i - 1], ranges[i])) return false;
  }
  return true;
}

}  // namespace weir::model
