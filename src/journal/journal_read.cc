#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "journal/journal_impl.h"
#include "journal/read_assembler.h"

namespace weir::journal {
namespace {

// Extents of a shard that lie near each other are read at once: one read of a megabyte costs about as much as a handful
// of small ones.
constexpr std::uint64_t group_bytes_max = mebibyte;
constexpr std::uint64_t group_distance_max = 128 * kibibyte;
// One call does at most so many reads, so that a shard that is spread thin cannot hold its lane up for long.
constexpr std::uint32_t disk_reads_max = 64;
// Extents that one step looks at.
constexpr std::size_t extents_max = 1024;

std::string describe(const Segment& segment, ShardKey shard) {
  return "segment " + std::to_string(segment.number().value) + ", stream " + std::to_string(shard.stream.value) +
         ", shard " + std::to_string(shard.shard.value);
}

// How many of the extents from the front it takes to fill `out`.
std::size_t count_needed(std::span<const Extent> extents, const ReadAssembler& out) {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  while (count < extents.size() && count < extents_max && records < out.records_left() && bytes < out.bytes_left()) {
    // Of the first one a part may lie before what is wanted.
    if (count > 0 || extents[0].first >= out.cursor()) {
      records += extents[count].record_count;
      bytes += extents[count].payload_bytes;
    }
    ++count;
  }
  return std::max<std::size_t>(count, 1);
}

}  // namespace

env::Task<Result<ReadResult>> JournalImpl::read(ReadRequest request) {
  ReadAssembler out(request);
  Result<void> failure;
  std::uint32_t disk_reads = 0;
  while (!out.is_full() && (disk_reads < disk_reads_max || out.is_empty())) {
    auto found = co_await find_extents(request, out);
    if (!found) {
      failure = std::unexpected(std::move(found.error()));
      break;
    }
    if (found->follows_gap) {
      failure =
          corrupt_read(*found->segment, request.shard,
                       "batches before record " + std::to_string(found->extents.front().first.value) + " are lost");
      break;
    }
    out.skip_to(found->skipped_to);
    if (found->segment == nullptr) break;
    failure = co_await read_extents(*found, request.shard, out, disk_reads);
    if (!failure) break;
  }
  // What was read before the damage is good. The caller meets the damage when it goes on from there.
  if (!failure && out.is_empty()) co_return std::unexpected(std::move(failure.error()));
  if (index_.run_from(request.shard, out.cursor()) == nullptr) co_return std::move(out).take(true);
  co_return std::move(out).take(false);
}

// The next extents to read, all of one segment.
env::Task<Result<JournalImpl::FoundExtents>> JournalImpl::find_extents(const ReadRequest& request,
                                                                       const ReadAssembler& out) {
  RecordIndex from = out.cursor();
  for (;;) {
    const ShardRun* const run = index_.run_from(request.shard, from);
    if (run == nullptr) co_return FoundExtents{.skipped_to = from};
    if (run->summary.last_arrival < request.not_before) {
      from = {run->summary.last.value + 1};
      continue;
    }
    FoundExtents found{.segment = segments_.at(run->segment)};
    if (run->extents == nullptr) {
      WEIR_CO_TRY(found.list, co_await load_list(found.segment, run->summary));
      if (found.segment->is_retired) {
        co_await wait_while_replaced(found.segment);
        continue;
      }
    }
    const std::span<const Extent> list = found.list ? std::span(*found.list) : std::span(*run->extents);
    const auto first = std::ranges::partition_point(
        list, [&](const Extent& extent) { return extent.last < from || extent.last_arrival < request.not_before; });
    if (first == list.end()) {
      from = {list.back().last.value + 1};
      continue;
    }
    const auto position = static_cast<std::size_t>(first - list.begin());
    std::size_t count = count_needed(list.subspan(position), out);
    if (has_gaps_) {
      found.follows_gap = first->first > out.cursor() && follows_gap(request.shard, *found.segment, list, position);
      std::size_t clear = 1;
      while (clear < count && !follows_gap(request.shard, *found.segment, list, position + clear)) ++clear;
      count = clear;
    }
    found.skipped_to = from;
    found.extents = list.subspan(position, count);
    if (!found.list) {
      found.copies.assign(found.extents.begin(), found.extents.end());
      found.extents = found.copies;
    }
    co_return found;
  }
}

env::Task<Result<ExtentList>> JournalImpl::load_list(SegmentPointer segment, ShardSummary summary) {
  if (ExtentList list = list_cache_.find(segment->number(), summary.shard)) co_return list;
  std::vector<std::byte> bytes(summary.list.length);
  auto got = co_await store_->read(segment->number(), summary.list.offset, bytes);
  if (segment->is_retired) co_return ExtentList{};  // the caller looks, and starts again
  if (!got) co_return std::unexpected(std::move(got.error()));
  auto extents = parse_extent_list(summary, BytesView(bytes).first(*got));
  if (!extents) co_return corrupt_read(*segment, summary.shard, extents.error().message);
  ExtentList list = std::make_shared<const std::vector<Extent>>(std::move(*extents));
  list_cache_.add(segment->number(), summary.shard, list);
  co_return list;
}

// Reads until `out` is full, the extents are at their end, enough was read, or the segment turns out to be retired.
env::Task<Result<void>> JournalImpl::read_extents(const FoundExtents& found, ShardKey shard, ReadAssembler& out,
                                                  std::uint32_t& disk_reads) {
  std::size_t next = 0;
  while (next < found.extents.size() && !out.is_full() && !found.segment->is_retired) {
    TailCache::Hit hit = tail_cache_.find(found.segment->number(), found.extents[next].offset);
    if (hit.batch == nullptr) {
      if (disk_reads == disk_reads_max && !out.is_empty()) break;
      disk_reads = std::min(disk_reads + 1, disk_reads_max);
      WEIR_CO_TRY(next, co_await read_group(found, next, shard, out));
      continue;
    }
    const std::shared_ptr<const void> buffer = std::move(hit.batch);
    for (const Fragment& fragment : hit.fragments) out.add(fragment.view(), buffer);
    if (metrics_ != nullptr) metrics_->cached_extent_reads.add();
    ++next;
  }
  co_return Result<void>{};
}

// Reads the extents from `first` on that lie near each other and are not cached. Returns the position behind them.
env::Task<Result<std::size_t>> JournalImpl::read_group(const FoundExtents& found, std::size_t first, ShardKey shard,
                                                       ReadAssembler& out) {
  const std::span<const Extent> extents = found.extents;
  const std::uint64_t start = extents[first].offset;
  std::uint64_t end = start + extents[first].length;
  std::uint64_t useful = extents[first].length;
  std::size_t last = first + 1;
  for (; last < extents.size(); ++last) {
    const Extent& extent = extents[last];
    if (extent.offset - end > group_distance_max || extent.offset + extent.length - start > group_bytes_max) break;
    if (tail_cache_.find(found.segment->number(), extent.offset).batch != nullptr) break;
    end = extent.offset + extent.length;
    useful += extent.length;
  }
  std::shared_ptr<std::byte[]> buffer = std::make_shared_for_overwrite<std::byte[]>(end - start);
  auto got = co_await store_->read(found.segment->number(), start, {buffer.get(), end - start});
  if (found.segment->is_retired) {
    co_await wait_while_replaced(found.segment);
    co_return first;
  }
  if (!got) co_return std::unexpected(std::move(got.error()));
  if (metrics_ != nullptr) {
    metrics_->disk_reads.add();
    metrics_->disk_read_bytes.add(*got);
  }
  // What the reader holds on to should be mostly what it asked for.
  const bool compact = useful < (end - start) / 2;
  std::shared_ptr<std::byte[]> kept = compact ? std::make_shared_for_overwrite<std::byte[]>(useful) : buffer;
  std::size_t position = 0;
  std::vector<FragmentView> fragments;
  for (std::size_t i = first; i < last; ++i) {
    const std::uint64_t offset = extents[i].offset - start;
    if (offset + extents[i].length > *got) co_return corrupt_read(*found.segment, shard, "the segment ends early");
    const std::byte* bytes = buffer.get() + offset;
    if (compact) {
      std::memcpy(kept.get() + position, bytes, extents[i].length);
      bytes = kept.get() + position;
      position += extents[i].length;
    }
    fragments.clear();
    if (auto whole = parse_extent(shard, extents[i], {bytes, extents[i].length}, &fragments); !whole) {
      co_return corrupt_read(*found.segment, shard, whole.error().message);
    }
    for (const FragmentView& fragment : fragments) out.add(fragment, kept);
  }
  co_return last;
}

std::unexpected<Error> JournalImpl::corrupt_read(const Segment& segment, ShardKey shard, std::string_view why) {
  if (metrics_ != nullptr) metrics_->corrupt_reads.add();
  std::string message = describe(segment, shard).append(": ").append(why);
  log_error("journal", "damaged bytes read", {{"lane", options_.lane.value}, {"where", message}});
  return fail(ErrorCode::corrupt, std::move(message));
}

env::Task<void> JournalImpl::wait_while_replaced(SegmentPointer segment) {
  // Removed segments leave the map before they are retired; one that is being replaced stays until the new one is
  // there.
  for (;;) {
    const auto at = segments_.find(segment->number());
    if (at == segments_.end() || at->second != segment || !segment->is_retired) co_return;
    co_await changed_.wait();
  }
}

// Whether a gap lies between extent `position` of `list` and the shard's extent before it.
bool JournalImpl::follows_gap(ShardKey shard, const Segment& segment, std::span<const Extent> list,
                              std::size_t position) const {
  const Extent& extent = list[position];
  if (position > 0) return gap_between(segment.number(), list[position - 1].offset, segment.number(), extent.offset);
  const ShardRun* const before = index_.run_before(shard, extent.first);
  if (before == nullptr || before->segment == segment.number()) return false;
  return gap_between(before->segment, before->summary.last_offset, segment.number(), extent.offset);
}

bool JournalImpl::gap_between(SegmentNumber from_segment, std::uint64_t from_offset, SegmentNumber to_segment,
                              std::uint64_t to_offset) const {
  for (auto at = segments_.lower_bound(from_segment); at != segments_.end() && at->first <= to_segment; ++at) {
    for (const Gap& gap : at->second->gaps) {
      const bool after_start = at->first > from_segment || gap.offset > from_offset;
      const bool before_end = at->first < to_segment || gap.offset < to_offset;
      if (after_start && before_end) return true;
    }
  }
  return false;
}

env::Task<Result<RecordIndex>> JournalImpl::find_arrival(ShardKey shard, WallTime time) {
  for (;;) {
    const ShardRun* const run = index_.run_since(shard, time);
    if (run == nullptr) {
      const auto held = bounds(shard);
      co_return held ? RecordIndex{held->last.value + 1} : RecordIndex{};
    }
    if (run->summary.first_arrival >= time) co_return run->summary.first;
    const SegmentPointer segment = segments_.at(run->segment);
    ExtentList list;
    if (run->extents == nullptr) {
      WEIR_CO_TRY(list, co_await load_list(segment, run->summary));
      if (segment->is_retired) {
        co_await wait_while_replaced(segment);
        continue;
      }
    }
    const std::span<const Extent> extents = list ? std::span(*list) : std::span(*run->extents);
    const auto at =
        std::ranges::partition_point(extents, [time](const Extent& extent) { return extent.last_arrival < time; });
    if (at == extents.end()) co_return fail(ErrorCode::corrupt, "arrival times do not match the index");
    if (at->first_arrival >= time) co_return at->first;
    WEIR_CO_TRY(const auto index, co_await find_arrival_in(segment, shard, *at, time));
    if (index) co_return *index;
  }
}

// The first record of `extent` that arrived at or after `time`; there is one. Empty when the segment was retired.
env::Task<Result<std::optional<RecordIndex>>> JournalImpl::find_arrival_in(SegmentPointer segment, ShardKey shard,
                                                                           Extent extent, WallTime time) {
  std::vector<FragmentView> fragments;
  std::vector<std::byte> bytes;
  const TailCache::Hit hit = tail_cache_.find(segment->number(), extent.offset);
  if (hit.batch != nullptr) {
    for (const Fragment& fragment : hit.fragments) fragments.push_back(fragment.view());
  } else {
    bytes.resize(extent.length);
    auto got = co_await store_->read(segment->number(), extent.offset, bytes);
    if (segment->is_retired) {
      co_await wait_while_replaced(segment);
      co_return std::nullopt;
    }
    if (!got) co_return std::unexpected(std::move(got.error()));
    if (auto whole = parse_extent(shard, extent, BytesView(bytes).first(*got), &fragments); !whole) {
      co_return corrupt_read(*segment, shard, whole.error().message);
    }
  }
  for (const FragmentView& fragment : fragments) {
    if (fragment.arrival() >= time) co_return fragment.first_index();
  }
  co_return corrupt_read(*segment, shard, "arrival times do not match the index");
}

}  // namespace weir::journal
