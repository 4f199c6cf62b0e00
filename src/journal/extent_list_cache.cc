#include "journal/extent_list_cache.h"

#include <iterator>

namespace weir::journal {
namespace {

std::uint64_t memory_bytes(const std::vector<Extent>& list) noexcept {
  constexpr std::uint64_t overhead = 160;  // of the list node, the hash entry and the shared block
  return overhead + list.capacity() * sizeof(Extent);
}

}  // namespace

ExtentList ExtentListCache::find(SegmentNumber segment, ShardKey shard) {
  const auto found = by_key_.find(Key{segment, shard});
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->list;
}

void ExtentListCache::add(SegmentNumber segment, ShardKey shard, ExtentList list) {
  const std::uint64_t bytes = memory_bytes(*list);
  if (bytes > bytes_max_) return;
  const Key key{segment, shard};
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
  while (bytes_ + bytes > bytes_max_) erase(std::prev(entries_.end()));
  entries_.push_front({key, std::move(list)});
  by_key_.emplace(key, entries_.begin());
  bytes_ += bytes;
}

void ExtentListCache::drop(SegmentNumber segment) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto current = entry++;
    if (current->key.first == segment) erase(current);
  }
}

void ExtentListCache::erase(Entries::iterator entry) {
  bytes_ -= memory_bytes(*entry->list);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace weir::journal
