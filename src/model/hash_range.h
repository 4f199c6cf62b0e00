// Hash ranges: the part of [0, 2^128-1] that one shard owns, and what splits and merges do to it (API reference,
// sections 4.1, SplitShard, MergeShards). Everything here is pure: any thread.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/hash_key.h"

namespace weir::model {

// Both ends inclusive; first <= last.
struct HashRange {
  HashKey first;
  HashKey last;
  [[nodiscard]] constexpr bool contains(HashKey key) const noexcept { return first <= key && key <= last; }
  friend constexpr bool operator==(const HashRange&, const HashRange&) = default;
};

// The ranges of a new stream with `count` (at least 1) shards: all of width floor(2^128 / count), the last one takes
// the rest.
[[nodiscard]] std::vector<HashRange> split_evenly(std::uint32_t count);

// Whether SplitShard accepts `key` as the first key of the upper child: first + 1 < key < last.
[[nodiscard]] bool can_split_at(const HashRange& range, HashKey key) noexcept;
// Lower child [first, key-1] and upper child [key, last]. The caller has checked can_split_at().
[[nodiscard]] std::pair<HashRange, HashRange> split_at(const HashRange& range, HashKey key) noexcept;

// Whether one range begins right after the other ends, in either order.
[[nodiscard]] bool are_adjacent(const HashRange& a, const HashRange& b) noexcept;
// The union of two adjacent ranges, given in either order.
[[nodiscard]] HashRange join(const HashRange& a, const HashRange& b) noexcept;

// Whether `ranges`, in rising order, cover every key exactly once.
[[nodiscard]] bool tile_key_space(std::span<const HashRange> ranges) noexcept;

}  // namespace weir::model
