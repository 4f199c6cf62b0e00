#include "journal/tail_cache.h"

#include <algorithm>
#include <tuple>

namespace weir::journal {

CachedBatch::CachedBatch(std::vector<Fragment> fragments, std::span<const BatchExtent> extents)
    : fragments_(std::move(fragments)),
      memory_bytes_(sizeof(CachedBatch) + extents.size() * sizeof(Place) + fragments_.capacity() * sizeof(Fragment)) {
  places_.reserve(extents.size());
  std::uint32_t next = 0;
  for (const BatchExtent& entry : extents) {
    places_.push_back({entry.extent.offset, next, entry.fragment_count});
    next += entry.fragment_count;
  }
  for (const Fragment& fragment : fragments_) memory_bytes_ += fragment.bytes().size();
}

std::span<const Fragment> CachedBatch::fragments_at(std::uint64_t offset) const noexcept {
  const auto at = std::ranges::lower_bound(places_, offset, {}, &Place::offset);
  if (at == places_.end() || at->offset != offset) return {};
  return std::span(fragments_).subspan(at->first_fragment, at->fragment_count);
}

void TailCache::add(SegmentNumber segment, std::uint64_t offset, std::shared_ptr<const CachedBatch> batch) {
  bytes_ += batch->memory_bytes();
  entries_.push_back({segment, offset, std::move(batch)});
  while (bytes_ > bytes_max_) {
    bytes_ -= entries_.front().batch->memory_bytes();
    entries_.pop_front();
  }
}

TailCache::Hit TailCache::find(SegmentNumber segment, std::uint64_t offset) const {
  const auto is_before = [&](const Entry& entry) {
    return std::tie(entry.segment, entry.offset) <= std::tie(segment, offset);
  };
  const auto after = std::ranges::partition_point(entries_, is_before);
  if (after == entries_.begin()) return {};
  const Entry& entry = *(after - 1);
  if (entry.segment != segment) return {};
  const auto fragments = entry.batch->fragments_at(offset - entry.offset);
  if (fragments.empty()) return {};
  return {entry.batch, fragments};
}

void TailCache::drop(SegmentNumber segment) {
  std::erase_if(entries_, [&](const Entry& entry) {
    if (entry.segment != segment) return false;
    bytes_ -= entry.batch->memory_bytes();
    return true;
  });
}

}  // namespace weir::journal
