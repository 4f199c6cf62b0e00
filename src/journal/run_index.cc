#include "journal/run_index.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::journal {

void extend(ShardRun& run, const Extent& extent) {
  ShardSummary& summary = run.summary;
  if (run.extents->empty()) {
    summary.first = extent.first;
    summary.first_arrival = extent.first_arrival;
  }
  summary.last = extent.last;
  summary.last_arrival = extent.last_arrival;
  summary.record_count += extent.record_count;
  summary.payload_bytes += extent.payload_bytes;
  summary.stored_bytes += extent.length;
  summary.last_offset = extent.offset;
  run.extents->push_back(extent);
}

void RunIndex::add_batch(SegmentNumber segment, std::uint64_t batch_offset, std::span<const BatchExtent> extents,
                         std::vector<ShardKey>& new_shards) {
  for (const BatchExtent& entry : extents) {
    Runs& runs = shards_[entry.shard];
    WEIR_ASSERT_NOTE(runs.empty() || runs.back().summary.last < entry.extent.first, "record numbers must rise");
    if (runs.empty() || runs.back().segment != segment) {
      runs.push_back({segment, {.shard = entry.shard}, std::make_unique<std::vector<Extent>>()});
      new_shards.push_back(entry.shard);
      memory_bytes_ += sizeof(ShardRun);
    }
    Extent extent = entry.extent;
    extent.offset += batch_offset;
    extend(runs.back(), extent);
    memory_bytes_ += sizeof(Extent);
  }
}

void RunIndex::put(ShardRun run) {
  account(run, true);
  Runs& runs = shards_[run.summary.shard];
  const auto at = std::ranges::lower_bound(runs, run.segment, {}, &ShardRun::segment);
  if (at != runs.end() && at->segment == run.segment) {
    account(*at, false);
    *at = std::move(run);
  } else {
    runs.insert(at, std::move(run));
  }
}

void RunIndex::drop(SegmentNumber segment, std::span<const ShardKey> shards) {
  for (const ShardKey shard : shards) {
    const auto entry = shards_.find(shard);
    if (entry == shards_.end()) continue;
    Runs& runs = entry->second;
    const auto at = std::ranges::lower_bound(runs, segment, {}, &ShardRun::segment);
    if (at == runs.end() || at->segment != segment) continue;
    account(*at, false);
    runs.erase(at);
    if (runs.empty()) shards_.erase(entry);
  }
}

const RunIndex::Runs* RunIndex::find(ShardKey shard) const noexcept {
  const auto entry = shards_.find(shard);
  return entry == shards_.end() ? nullptr : &entry->second;
}

ShardRun* RunIndex::run_in(SegmentNumber segment, ShardKey shard) noexcept {
  const auto entry = shards_.find(shard);
  if (entry == shards_.end()) return nullptr;
  const auto at = std::ranges::lower_bound(entry->second, segment, {}, &ShardRun::segment);
  return at != entry->second.end() && at->segment == segment ? &*at : nullptr;
}

const ShardRun* RunIndex::run_from(ShardKey shard, RecordIndex from) const noexcept {
  const Runs* const runs = find(shard);
  if (runs == nullptr) return nullptr;
  const auto at = std::ranges::partition_point(*runs, [from](const ShardRun& run) { return run.summary.last < from; });
  return at == runs->end() ? nullptr : &*at;
}

const ShardRun* RunIndex::run_before(ShardKey shard, RecordIndex before) const noexcept {
  const Runs* const runs = find(shard);
  if (runs == nullptr) return nullptr;
  const auto at =
      std::ranges::partition_point(*runs, [before](const ShardRun& run) { return run.summary.first < before; });
  return at == runs->begin() ? nullptr : &*(at - 1);
}

const ShardRun* RunIndex::run_since(ShardKey shard, WallTime time) const noexcept {
  const Runs* const runs = find(shard);
  if (runs == nullptr) return nullptr;
  const auto at =
      std::ranges::partition_point(*runs, [time](const ShardRun& run) { return run.summary.last_arrival < time; });
  return at == runs->end() ? nullptr : &*at;
}

std::optional<ShardBounds> RunIndex::bounds(ShardKey shard) const noexcept {
  const Runs* const runs = find(shard);
  if (runs == nullptr) return {};
  const ShardSummary& first = runs->front().summary;
  const ShardSummary& last = runs->back().summary;
  return ShardBounds{first.first, last.last, first.first_arrival, last.last_arrival};
}

void RunIndex::account_taken(const std::vector<Extent>& extents) noexcept {
  memory_bytes_ -= extents.size() * sizeof(Extent);
}

void RunIndex::account(const ShardRun& run, bool added) noexcept {
  const std::uint64_t bytes = sizeof(ShardRun) + (run.extents ? run.extents->size() * sizeof(Extent) : 0);
  memory_bytes_ = added ? memory_bytes_ + bytes : memory_bytes_ - bytes;
}

}  // namespace weir::journal
