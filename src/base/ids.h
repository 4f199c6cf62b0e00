// Strong integer ids, so that a lane number can never be passed where a shard index is meant.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace weir {

template <class Tag, class Integer>
struct Id {
  using Value = Integer;
  Integer value = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
  template <class H>
  friend H AbslHashValue(H state, Id id) {
    return H::combine(std::move(state), id.value);
  }
};

// One incarnation of a stream: unique over the life of the metadata store, never reused after a delete.
using StreamId = Id<struct StreamIdTag, std::uint64_t>;
// The number in shardId-000000000003. Counts up from 0 within one stream incarnation, never reused.
using ShardIndex = Id<struct ShardIndexTag, std::uint32_t>;
// A lane within the cell.
using LaneId = Id<struct LaneIdTag, std::uint32_t>;
// A lane's ownership number: rises at every claim, and every write to the engine carries it. At least 1.
using Epoch = Id<struct EpochTag, std::uint64_t>;
// A segment within one lane's journal. Rises by one at every roll.
using SegmentNumber = Id<struct SegmentNumberTag, std::uint64_t>;
// A record's place within its shard: strictly rising, not dense. The middle part of a sequence number. < 2^63.
using RecordIndex = Id<struct RecordIndexTag, std::uint64_t>;

// One shard of one stream incarnation.
struct ShardKey {
  StreamId stream;
  ShardIndex shard;
  friend constexpr auto operator<=>(const ShardKey&, const ShardKey&) = default;
  template <class H>
  friend H AbslHashValue(H state, const ShardKey& key) {
    return H::combine(std::move(state), key.stream, key.shard);
  }
};

}  // namespace weir

template <class Tag, class Integer>
struct std::hash<weir::Id<Tag, Integer>> {
  std::size_t operator()(weir::Id<Tag, Integer> id) const noexcept { return std::hash<Integer>{}(id.value); }
};
