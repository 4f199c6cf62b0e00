#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "journal/format.h"
#include "journal/journal_impl.h"

namespace weir::journal {
namespace {

constexpr std::array<std::byte, sector_bytes> padding_zeros{};

// A segment is prepared in steps of this size, so that the commits beside it never wait for a long flush, and so that
// whoever needs the segment at once gets it after one step.
constexpr std::uint64_t prepare_step_bytes = mebibyte;

// To the callers of commit, no_space means that nothing was written. After a failed write that is not known.
std::unexpected<Error> failed_write(std::string_view doing, Error error) {
  if (error.code == ErrorCode::no_space) error.code = ErrorCode::io;
  return fail_while(doing, std::move(error));
}

}  // namespace

env::Task<Result<std::unique_ptr<Journal>>> Journal::open(env::Core& core, std::unique_ptr<SegmentStore> store,
                                                          const JournalOptions& options) {
  const JournalOptions copied = options;
  WEIR_ASSERT(copied.epoch.value > 0 && copied.first_segment_bytes <= copied.segment_bytes &&
              copied.segment_bytes <= segment_bytes_max);
  Recovery recovery(*store, copied);
  WEIR_CO_TRY(Recovered recovered, co_await recovery.run());
  const RecoveryReport report = recovered.report;
  log_info("journal", "lane recovered",
           {{"lane", copied.lane.value},
            {"epoch", copied.epoch.value},
            {"segments", report.segments},
            {"batches_scanned", report.batches_scanned},
            {"torn_tails", report.torn_tails},
            {"damaged", report.batches_damaged + report.gaps}});
  if (copied.metrics != nullptr) {
    copied.metrics->recoveries.add();
    copied.metrics->recovered_batches.add(report.batches_scanned);
    copied.metrics->damaged_batches.add(report.batches_damaged + report.gaps);
    copied.metrics->torn_tails.add(report.torn_tails);
  }
  auto journal = std::make_unique<JournalImpl>(core, std::move(store), copied, std::move(recovered));
  journal->start();
  co_return std::unique_ptr<Journal>(std::move(journal));
}

JournalImpl::JournalImpl(env::Core& core, std::unique_ptr<SegmentStore> store, const JournalOptions& options,
                         Recovered recovered)
    : core_(core),
      store_(std::move(store)),
      options_(options),
      metrics_(options.metrics),
      segments_(std::move(recovered.segments)),
      index_(std::move(recovered.index)),
      tail_cache_(options.tail_cache_bytes_max),
      list_cache_(options.footer_cache_bytes_max),
      has_gaps_(std::ranges::any_of(segments_, [](const auto& entry) { return !entry.second->gaps.empty(); })),
      unsealed_(std::move(recovered.unsealed)),
      highest_(recovered.highest),
      last_batch_(recovered.last_batch),
      next_capacity_bytes_(options.first_segment_bytes),
      tail_is_free_(core),
      changed_(core),
      tasks_(core) {}

void JournalImpl::start() {
  has_tried_to_prepare_ = true;
  tasks_.spawn(prepare_next());
}

env::Task<Result<void>> JournalImpl::commit(std::vector<Fragment> fragments) {
  while (tail_is_busy_) co_await tail_is_free_.wait();
  const TailGuard guard(*this);
  if (is_stopped_) co_return fail(ErrorCode::unavailable, "the journal is stopped until it has recovered");
  const MonotonicTime started = core_.now();
  auto done = co_await commit_locked(std::move(fragments));
  if (!done) {
    const ErrorCode code = done.error().code;
    if (code != ErrorCode::no_space && code != ErrorCode::limit_exceeded) stop(done.error());
    if (code == ErrorCode::no_space && metrics_ != nullptr) metrics_->commits_refused.add();
  } else if (metrics_ != nullptr) {
    metrics_->commits.add();
    metrics_->commit_seconds.observe(std::chrono::duration<double>(core_.now() - started).count());
  }
  co_return done;
}

env::Task<Result<void>> JournalImpl::commit_locked(std::vector<Fragment> fragments) {
  WEIR_CO_TRY(BatchHeader header, plan_batch(fragments));
  WEIR_CO_CHECK(co_await make_room(header.total_bytes));
  Segment& segment = *current_;
  header.lane = options_.lane;
  header.epoch = options_.epoch;
  header.number = last_batch_ + 1;
  header.salt = segment.header.salt;
  header.committed_at = core_.wall_now();
  gather(header, fragments);
  auto written = co_await store_->append(segment.number(), segment.tail_bytes, parts_);
  if (!written) co_return failed_write("commit", std::move(written.error()));
  publish(header, std::move(fragments));
  co_return Result<void>{};
}

// The batch as it goes to the disk: header, every fragment from its own buffer, padding.
void JournalImpl::gather(const BatchHeader& header, std::span<const Fragment> fragments) {
  encode_batch_header(header, header_bytes_);
  parts_.clear();
  parts_.emplace_back(header_bytes_);
  std::uint64_t bytes = header_bytes_.size();
  for (const Fragment& fragment : fragments) {
    parts_.push_back(fragment.bytes());
    bytes += fragment.bytes().size();
  }
  if (bytes < header.total_bytes) parts_.push_back(BytesView(padding_zeros).first(header.total_bytes - bytes));
}

// The batch is durable: from here on readers see it.
void JournalImpl::publish(const BatchHeader& header, std::vector<Fragment> fragments) {
  Segment& segment = *current_;
  index_.add_batch(segment.number(), segment.tail_bytes, header.extents, segment.shards);
  if (metrics_ != nullptr) {
    std::uint64_t records = 0;
    for (const BatchExtent& entry : header.extents) records += entry.extent.record_count;
    metrics_->committed_bytes.add(header.total_bytes);
    metrics_->committed_records.add(records);
    metrics_->batch_records.observe(static_cast<double>(records));
  }
  tail_cache_.add(segment.number(), segment.tail_bytes,
                  std::make_shared<const CachedBatch>(std::move(fragments), header.extents));
  segment.last_batch_offset = segment.tail_bytes;
  segment.last_batch = header.number;
  segment.tail_bytes += header.total_bytes;
  last_batch_ = header.number;
  ++batches_committed_;
  if (segment.tail_bytes > segment.stored_bytes / 8 && !has_tried_to_prepare_) {
    has_tried_to_prepare_ = true;
    tasks_.spawn(prepare_next());
  }
  segment.stored_bytes = std::max(segment.stored_bytes, segment.tail_bytes);
}

void JournalImpl::stop(const Error& error) {
  if (std::exchange(is_stopped_, true)) return;
  if (metrics_ != nullptr) metrics_->commit_failures.add();
  log_error("journal", "commit failed, the lane stops until it has recovered",
            {{"lane", options_.lane.value}, {"error", error.message}});
}

// Afterwards the open segment takes a batch of `bytes`. Errors: no_space, with nothing changed; others.
env::Task<Result<void>> JournalImpl::make_room(std::uint64_t bytes) {
  if (current_ != nullptr && current_->tail_bytes + bytes <= current_->stored_bytes) co_return Result<void>{};
  if (current_ == nullptr || !current_->is_empty()) {
    WEIR_CO_CHECK(co_await roll());
    if (current_->tail_bytes + bytes <= current_->stored_bytes) co_return Result<void>{};
  }
  co_return co_await check_space(bytes);  // larger than a whole segment: the file grows
}

env::Task<Result<void>> JournalImpl::check_space(std::uint64_t bytes) {
  WEIR_CO_TRY(const env::DiskSpace space, co_await store_->space());
  if (space.available_bytes >= options_.space_reserve_bytes + bytes) co_return Result<void>{};
  co_return fail(ErrorCode::no_space, std::to_string(space.available_bytes) + " bytes are free on the disk, " +
                                          std::to_string(options_.space_reserve_bytes) + " are kept in reserve");
}

// Makes a new segment the open one. The one before is sealed in the background; at most one waits for that.
// Errors: no_space, with the open segment as it was; others, with the open segment as it was or the journal stopped.
env::Task<Result<void>> JournalImpl::roll() {
  WEIR_CO_CHECK(co_await seal_pending());
  WEIR_CO_TRY(const PreparedSegment next, co_await take_prepared());
  auto segment = std::make_shared<Segment>();
  segment->header = {options_.lane, next.number, options_.epoch, core_.random_u64(), core_.wall_now(), last_batch_};
  segment->last_batch = last_batch_;
  segment->stored_bytes = next.capacity_bytes;
  const SegmentHeaderBlock block = encode_segment_header(segment->header);
  const BytesView parts[] = {block};
  // From this attempt on nothing is ever appended to the segment before: the header says that it ends where it ends
  // now.
  if (auto written = co_await store_->append(next.number, 0, parts); !written) {
    abandoned_.push_back(next.number);
    stop(written.error());
    co_return failed_write("beginning a segment", std::move(written.error()));
  }
  segments_.emplace(segment->number(), segment);
  has_tried_to_prepare_ = false;
  if (const SegmentPointer before = std::exchange(current_, segment); before != nullptr) {
    unsealed_.push_back(before);
    tasks_.spawn(seal_in_background());
  }
  co_return Result<void>{};
}

env::Task<Result<JournalImpl::PreparedSegment>> JournalImpl::take_prepared() {
  co_await stop_preparing();
  if (prepared_) {
    const PreparedSegment prepared = *prepared_;
    prepared_.reset();
    co_return prepared;
  }
  co_return co_await create_segment();
}

// Under a very fast writer there is no time to prepare a whole segment. Then the rest of it is used as it is.
env::Task<void> JournalImpl::stop_preparing() {
  is_in_a_hurry_ = true;
  while (is_preparing_) co_await changed_.wait();
  is_in_a_hurry_ = false;
}

env::Task<void> JournalImpl::prepare_next() {
  is_preparing_ = true;
  auto created = co_await create_and_prepare();
  is_preparing_ = false;
  if (created) {
    prepared_ = *created;
  } else {
    // Whoever needs the segment tries again, and is told.
    log_warning("journal", "no segment could be prepared",
                {{"lane", options_.lane.value}, {"error", created.error().message}});
  }
  changed_.notify_all();
}

env::Task<Result<JournalImpl::PreparedSegment>> JournalImpl::create_and_prepare() {
  WEIR_CO_TRY(const PreparedSegment segment, co_await create_segment());
  for (std::uint64_t offset = 0; offset < segment.capacity_bytes && !is_in_a_hurry_; offset += prepare_step_bytes) {
    const std::uint64_t bytes = std::min(prepare_step_bytes, segment.capacity_bytes - offset);
    if (auto prepared = co_await store_->prepare(segment.number, offset, bytes); !prepared) {
      abandoned_.push_back(segment.number);
      co_return std::unexpected(std::move(prepared.error()));
    }
  }
  co_return segment;
}

// A new segment, of a number never used before. With little room left, a small one.
env::Task<Result<JournalImpl::PreparedSegment>> JournalImpl::create_segment() {
  WEIR_CO_CHECK(co_await remove_abandoned());
  std::uint64_t capacity = next_capacity_bytes_;
  if (const auto enough = co_await check_space(capacity); !enough) {
    if (enough.error().code != ErrorCode::no_space) co_return std::unexpected(enough.error());
    capacity = std::min(capacity, options_.first_segment_bytes);
    WEIR_CO_CHECK(co_await check_space(capacity));
  }
  const SegmentNumber number{++highest_.value};
  if (auto created = co_await store_->create(number, capacity); !created) {
    abandoned_.push_back(number);
    co_return std::unexpected(std::move(created.error()));
  }
  next_capacity_bytes_ = std::min(capacity * 2, options_.segment_bytes);
  if (metrics_ != nullptr) metrics_->segments_created.add();
  co_return PreparedSegment{number, capacity};
}

env::Task<Result<void>> JournalImpl::remove_abandoned() {
  while (!abandoned_.empty()) {
    WEIR_CO_CHECK(co_await store_->remove(abandoned_.front()));
    abandoned_.erase(abandoned_.begin());
  }
  co_return Result<void>{};
}

env::Task<void> JournalImpl::seal_in_background() {
  if (auto sealed = co_await seal_pending(); !sealed) {
    log_warning("journal", "segment not sealed, will be tried again",
                {{"lane", options_.lane.value}, {"error", sealed.error().message}});
  }
}

// Seals what waits for it, oldest first.
env::Task<Result<void>> JournalImpl::seal_pending() {
  while (is_sealing_) co_await changed_.wait();
  is_sealing_ = true;
  Result<void> done;
  while (done && !unsealed_.empty()) {
    done = co_await seal(unsealed_.front());
    if (done) unsealed_.erase(unsealed_.begin());
  }
  is_sealing_ = false;
  changed_.notify_all();
  co_return done;
}

env::Task<Result<void>> JournalImpl::seal(SegmentPointer segment) {
  std::vector<const ShardRun*> runs;
  runs.reserve(segment->shards.size());
  for (const ShardKey shard : segment->shards) runs.push_back(index_.run_in(segment->number(), shard));
  const PreparedFooter footer = prepare_footer(*segment, std::move(runs));
  WEIR_CO_CHECK(co_await write_footer(*store_, *segment, footer, {}));
  for (const FooterShard& shard : footer.shards) {
    ShardRun& run = *index_.run_in(segment->number(), shard.summary.shard);
    run.summary.list = shard.summary.list;
    index_.account_taken(*run.extents);
    list_cache_.add(segment->number(), shard.summary.shard, std::move(run.extents));
  }
  if (metrics_ != nullptr) metrics_->segments_sealed.add();
  co_return Result<void>{};
}

env::Task<Result<void>> JournalImpl::recover() {
  while (tail_is_busy_) co_await tail_is_free_.wait();
  const TailGuard guard(*this);
  if (!is_stopped_) co_return Result<void>{};
  auto recovered = co_await recover_locked();
  if (!recovered) co_return fail_while("recovering", std::move(recovered.error()));
  is_stopped_ = false;
  if (metrics_ != nullptr) metrics_->recoveries.add();
  log_info("journal", "lane goes on after a failed commit",
           {{"lane", options_.lane.value}, {"last_batch", last_batch_}});
  co_return Result<void>{};
}

// What the failed write left behind the tail is overwritten by the footer or cut off, and the next segment's header
// says where this one ends. Nothing is read back: after a failed sync the page cache is no witness.
env::Task<Result<void>> JournalImpl::recover_locked() {
  if (const SegmentPointer current = std::exchange(current_, nullptr); current != nullptr) {
    if (current->is_empty()) {
      // Its first batch is in doubt, there is nothing to seal. It is gone before the segment after the next one exists,
      // and until then the next one's header says that it holds nothing.
      segments_.erase(current->number());
      abandoned_.push_back(current->number());
    } else {
      unsealed_.push_back(current);
    }
  }
  WEIR_CO_CHECK(co_await seal_pending());
  co_await stop_preparing();
  auto rolled = co_await roll();
  if (rolled || rolled.error().code != ErrorCode::no_space) co_return rolled;
  // Without room for a new segment the lane refuses commits until there is some. Nothing is left in doubt: what was
  // abandoned is gone, for that came before the look for room.
  co_return Result<void>{};
}

JournalStatistics JournalImpl::statistics() const noexcept {
  JournalStatistics statistics;
  statistics.segments = segments_.size();
  for (const auto& [number, segment] : segments_) statistics.stored_bytes += segment->stored_bytes;
  statistics.tail_cache_bytes = tail_cache_.bytes();
  statistics.index_bytes = index_.memory_bytes() + list_cache_.bytes();
  statistics.batches_committed = batches_committed_;
  return statistics;
}

env::Task<void> JournalImpl::close() {
  is_in_a_hurry_ = true;
  co_await tasks_.wait();
  // Left in place it would only be read through and thrown away by the next start.
  if (prepared_) static_cast<void>(co_await store_->remove(std::exchange(prepared_, std::nullopt)->number));
}

}  // namespace weir::journal
