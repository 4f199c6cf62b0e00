// ExtentListCache: extent lists of sealed segments that were read lately, bounded by their memory.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "journal/extent.h"

namespace weir::journal {

using ExtentList = std::shared_ptr<const std::vector<Extent>>;

class ExtentListCache {
 public:
  explicit ExtentListCache(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  // Null when it is not here. A list that is found counts as the most recently used.
  [[nodiscard]] ExtentList find(SegmentNumber segment, ShardKey shard);
  // Lists larger than the whole cache are not kept; the least recently used ones make room.
  void add(SegmentNumber segment, ShardKey shard, ExtentList list);
  void drop(SegmentNumber segment);
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  using Key = std::pair<SegmentNumber, ShardKey>;
  struct Entry {
    Key key;
    ExtentList list;
  };
  using Entries = std::list<Entry>;

  void erase(Entries::iterator entry);

  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Entries entries_;  // most recently used first
  absl::flat_hash_map<Key, Entries::iterator> by_key_;
};

}  // namespace weir::journal
