#include <algorithm>
#include <utility>

#include "base/log.h"
#include "journal/journal_impl.h"
#include "journal/segment_rewriter.h"

namespace weir::journal {
namespace {

// A segment is rewritten when at least half of its records' bytes may go: then the copying costs at most as much as it
// gives back, and no segment is ever copied more than about log2 of its size times.
constexpr bool is_worth_rewriting(std::uint64_t live_bytes, std::uint64_t dead_bytes) {
  return dead_bytes >= live_bytes;
}

bool must_keep(const RetentionView& retention, ShardKey shard, WallTime last_arrival) {
  return last_arrival >= retention.keep_from(shard);
}

}  // namespace

env::Task<Result<TrimReport>> JournalImpl::trim(const RetentionView& retention) {
  TrimReport report;
  // A segment that cannot be removed or rewritten must not keep the others. The first error is the one to tell.
  Result<void> outcome = co_await retry_removals();
  const auto note = [&outcome](Result<void> done) {
    if (outcome && !done) outcome = std::move(done);
  };
  note(co_await release_tail(retention));
  std::vector<SegmentNumber> numbers;
  for (const auto& [number, segment] : segments_) numbers.push_back(number);
  // The newest segment stays: it remembers the number of the lane's last batch.
  if (!numbers.empty()) numbers.pop_back();
  for (const SegmentNumber number : numbers) {
    const auto at = segments_.find(number);
    if (at == segments_.end() || !at->second->is_sealed) continue;
    const SegmentPointer segment = at->second;
    if (segment->shards.empty() && !segment->gaps.empty()) continue;  // unreadable, left for a person to look at
    const Usage usage = usage_of(*segment, retention);
    if (usage.live_bytes == 0) {
      note(co_await remove_segment(segment, report));
    } else if (is_worth_rewriting(usage.live_bytes, usage.dead_bytes) && segment->gaps.empty() &&
               !segment->keeps_failing_to_rewrite) {
      note(co_await rewrite_segment(segment, retention, report));
    }
    co_await core_.yield();
  }
  if (report.segments_removed + report.segments_rewritten > 0) {
    log_info("journal", "space given back",
             {{"lane", options_.lane.value},
              {"segments_removed", report.segments_removed},
              {"segments_rewritten", report.segments_rewritten},
              {"bytes", report.bytes_reclaimed}});
  }
  if (!outcome) co_return std::unexpected(std::move(outcome.error()));
  co_return report;
}

// A shard counts as live in a segment as long as its last record there must be kept: one that is on its way out will
// soon be gone without copying.
JournalImpl::Usage JournalImpl::usage_of(const Segment& segment, const RetentionView& retention) {
  Usage usage;
  for (const ShardKey shard : segment.shards) {
    const ShardSummary& summary = index_.run_in(segment.number(), shard)->summary;
    (must_keep(retention, shard, summary.last_arrival) ? usage.live_bytes : usage.dead_bytes) += summary.stored_bytes;
  }
  return usage;
}

// When nothing in the newest segment need be kept and nobody is writing, a new one takes its place, so that it can go.
env::Task<Result<void>> JournalImpl::release_tail(const RetentionView& retention) {
  if (tail_is_busy_ || is_stopped_ || segments_.empty()) co_return Result<void>{};
  const Segment& newest = *segments_.rbegin()->second;
  if (newest.is_empty() || newest.shards.empty() || usage_of(newest, retention).live_bytes > 0) {
    co_return Result<void>{};
  }
  const TailGuard guard(*this);
  // A small one: the lane may stay idle for long.
  co_await stop_preparing();
  next_capacity_bytes_ = options_.first_segment_bytes;
  if (prepared_ && prepared_->capacity_bytes > options_.first_segment_bytes) {
    abandoned_.push_back(std::exchange(prepared_, std::nullopt)->number);
  }
  auto rolled = co_await roll();
  if (rolled) rolled = co_await seal_pending();
  if (!rolled && rolled.error().code == ErrorCode::no_space) co_return Result<void>{};
  co_return rolled;
}

env::Task<Result<void>> JournalImpl::remove_segment(SegmentPointer segment, TrimReport& report) {
  const SegmentNumber number = segment->number();
  segment->is_retired = true;
  index_.drop(number, segment->shards);
  tail_cache_.drop(number);
  list_cache_.drop(number);
  segments_.erase(number);
  changed_.notify_all();
  if (auto removed = co_await store_->remove(number); !removed) {
    to_remove_.push_back(number);
    co_return fail_while("removing a segment", std::move(removed.error()));
  }
  ++report.segments_removed;
  report.bytes_reclaimed += segment->stored_bytes;
  if (metrics_ != nullptr) {
    metrics_->segments_removed.add();
    metrics_->trimmed_bytes.add(segment->stored_bytes);
  }
  co_return Result<void>{};
}

env::Task<Result<void>> JournalImpl::retry_removals() {
  Result<void> outcome;
  for (const SegmentNumber number : std::exchange(to_remove_, {})) {
    if (auto removed = co_await store_->remove(number); !removed) {
      to_remove_.push_back(number);
      outcome = std::move(removed);
    }
  }
  co_return outcome;
}

env::Task<Result<void>> JournalImpl::rewrite_segment(SegmentPointer segment, const RetentionView& retention,
                                                     TrimReport& report) {
  const KeepExtent keep = [&retention](ShardKey shard, const Extent& extent) {
    return must_keep(retention, shard, extent.last_arrival);
  };
  StoredSegment source(*store_, {segment->number(), segment->stored_bytes});
  auto rewritten = co_await journal::rewrite_segment(source, *segment, keep, core_.random_u64(), options_.epoch);
  if (!rewritten && rewritten.error().code == ErrorCode::corrupt) {
    segment->keeps_failing_to_rewrite = true;
    log_error(
        "journal", "damaged segment not rewritten",
        {{"lane", options_.lane.value}, {"segment", segment->number().value}, {"why", rewritten.error().message}});
    co_return Result<void>{};
  }
  if (!rewritten) co_return std::unexpected(std::move(rewritten.error()));
  if (rewritten->content.runs.empty())
    co_return Result<void>{};  // all of it expired meanwhile; the next trim removes it
  std::vector<BytesView> parts(rewritten->parts.begin(), rewritten->parts.end());
  // From here on a reader that comes back from the store cannot know whose bytes it got.
  segment->is_retired = true;
  auto replaced = co_await store_->replace(segment->number(), parts);
  if (replaced) {
    index_.drop(segment->number(), segment->shards);
    tail_cache_.drop(segment->number());
    list_cache_.drop(segment->number());
    for (ShardRun& run : rewritten->content.runs) index_.put(std::move(run));
    segments_[segment->number()] = rewritten->content.segment;
    const std::uint64_t reclaimed = segment->stored_bytes - rewritten->content.segment->stored_bytes;
    ++report.segments_rewritten;
    report.bytes_reclaimed += reclaimed;
    if (metrics_ != nullptr) {
      metrics_->segments_rewritten.add();
      metrics_->trimmed_bytes.add(reclaimed);
    }
  } else {
    segment->is_retired = false;
  }
  changed_.notify_all();
  if (!replaced && replaced.error().code == ErrorCode::no_space) co_return Result<void>{};
  co_return replaced;
}

}  // namespace weir::journal
