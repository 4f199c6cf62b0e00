#include "journal/recovery.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "base/log.h"
#include "journal/batch_scanner.h"
#include "journal/format.h"

namespace weir::journal {
namespace {

std::string name_of(SegmentNumber number) { return "segment " + std::to_string(number.value); }

SegmentHeader header_from(const Trailer& trailer) {
  return {trailer.lane,       trailer.number,         trailer.epoch,    trailer.salt,
          trailer.created_at, trailer.previous_batch, trailer.rewritten};
}

// A footer counts when it belongs to this segment and, if the header can be read, to this life of it.
std::optional<Trailer> matching_trailer(BytesView bytes, LaneId lane, const SegmentStatus& status,
                                        const std::optional<SegmentHeader>& header) {
  const auto trailer = parse_trailer(bytes, status.allocated_bytes);
  if (!trailer || trailer->lane != lane || trailer->number != status.number) return {};
  if (header && header->salt != trailer->salt) return {};
  return *trailer;
}

// The extents of a segment that is being scanned.
class RunCollector {
 public:
  explicit RunCollector(SegmentNumber segment) noexcept : segment_(segment) {}

  [[nodiscard]] Result<void> add(const ScannedBatch& batch) {
    for (const BatchExtent& entry : batch.header.extents) {
      auto [at, is_new] = runs_.try_emplace(entry.shard);
      ShardRun& run = at->second;
      if (is_new) {
        run.segment = segment_;
        run.summary.shard = entry.shard;
        run.extents = std::make_unique<std::vector<Extent>>();
      } else if (run.summary.last >= entry.extent.first) {
        return fail(ErrorCode::corrupt, name_of(segment_) + ": record numbers do not rise");
      }
      Extent extent = entry.extent;
      extent.offset += batch.offset;
      extend(run, extent);
    }
    return {};
  }

  // Hands the runs over, in order of shard.
  [[nodiscard]] std::vector<ShardRun> take() {
    std::vector<ShardRun> runs;
    runs.reserve(runs_.size());
    for (auto& [shard, run] : runs_) runs.push_back(std::move(run));
    return runs;
  }

 private:
  SegmentNumber segment_;
  std::map<ShardKey, ShardRun> runs_;
};

}  // namespace

env::Task<Result<SegmentIdentity>> identify_segment(SegmentSource& source, LaneId lane, SegmentStatus status) {
  SegmentIdentity identity{.status = status};
  SegmentHeaderBlock block{};
  WEIR_CO_TRY(const std::size_t got, co_await source.read(0, block));
  auto header = parse_segment_header(BytesView(block).first(got));
  if (header) {
    if (header->lane != lane || header->number != status.number) {
      co_return fail(ErrorCode::corrupt, name_of(status.number) + ": is segment " +
                                             std::to_string(header->number.value) + " of lane " +
                                             std::to_string(header->lane.value));
    }
    identity.header = *header;
  } else if (header.error().code == ErrorCode::unsupported) {
    co_return fail_while(name_of(status.number), std::move(header.error()));
  }
  if (status.allocated_bytes >= segment_header_bytes + trailer_bytes) {
    std::array<std::byte, trailer_bytes> end{};
    WEIR_CO_TRY(const std::size_t end_got, co_await source.read(status.allocated_bytes - trailer_bytes, end));
    identity.trailer = matching_trailer(BytesView(end).first(end_got), lane, status, identity.header);
    if (!identity.header && identity.trailer) identity.header = header_from(*identity.trailer);
  }
  if (!identity.header) {
    SegmentWindow window(source);
    WEIR_CO_TRY(const BytesView start, co_await window.view(segment_header_bytes, batch_preview_bytes));
    if (const auto preview = preview_batch(start)) {
      WEIR_CO_TRY(const BytesView bytes, co_await window.view(segment_header_bytes, preview->header_bytes));
      if (const auto first = parse_batch_header(bytes); first && first->lane == lane && first->number > 0) {
        identity.header =
            SegmentHeader{lane, status.number, first->epoch, first->salt, first->committed_at, first->number - 1};
      }
    }
  }
  co_return identity;
}

env::Task<Result<SegmentContent>> load_sealed_segment(SegmentSource& source, const SegmentIdentity& identity) {
  const Trailer& trailer = *identity.trailer;
  std::vector<std::byte> bytes(summary_bytes(trailer));
  WEIR_CO_TRY(const std::size_t got, co_await source.read(trailer.summary_offset, bytes));
  WEIR_CO_TRY(FooterSummary footer, parse_summary(trailer, BytesView(bytes).first(got)));
  SegmentContent content{std::make_shared<Segment>(), {}};
  Segment& segment = *content.segment;
  segment.header = *identity.header;
  segment.tail_bytes = trailer.footer_offset;
  segment.stored_bytes = trailer.segment_bytes;
  segment.last_batch = trailer.last_batch;
  segment.last_batch_offset = trailer.last_batch_offset;
  segment.gaps = std::move(footer.gaps);
  segment.is_sealed = true;
  content.runs.reserve(footer.shards.size());
  for (const ShardSummary& summary : footer.shards) content.runs.push_back({segment.number(), summary, nullptr});
  co_return content;
}

env::Task<Result<Recovered>> Recovery::run() {
  WEIR_CO_CHECK(co_await identify_all());
  WEIR_CO_CHECK(co_await drop_unused());
  const auto is_identified = [](const SegmentIdentity& identity) { return identity.header.has_value(); };
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const SegmentIdentity& identity = found_[i];
    if (!identity.header) {
      keep_unreadable(identity.status);
      continue;
    }
    // The next segment's header was written when everything before it was durable, and names the last batch of that.
    const auto next = std::find_if(found_.begin() + static_cast<std::ptrdiff_t>(i) + 1, found_.end(), is_identified);
    const bool is_newest = next == found_.end();
    LastBatch last_batch;
    if (!is_newest) {
      // If there was a segment between the two that is gone, the batch may have been in that.
      const bool follows = next->status.number.value == identity.status.number.value + 1;
      last_batch = {next->header->previous_batch, follows};
    }
    WEIR_CO_CHECK(co_await take(identity, last_batch, is_newest));
    recovered_.last_batch = recovered_.segments.at(identity.status.number)->last_batch;
  }
  recovered_.report.segments = recovered_.segments.size();
  co_return std::move(recovered_);
}

env::Task<Result<void>> Recovery::identify_all() {
  WEIR_CO_TRY(const std::vector<SegmentStatus> listed, co_await store_.list());
  for (const SegmentStatus& status : listed) {
    StoredSegment source(store_, status);
    WEIR_CO_TRY(SegmentIdentity identity, co_await identify_segment(source, options_.lane, status));
    if (identity.header && identity.header->epoch >= options_.epoch) {
      co_return fail(ErrorCode::fenced, name_of(status.number) + ": written under a newer or the same epoch");
    }
    recovered_.highest = std::max(recovered_.highest, status.number);
    found_.push_back(identity);
  }
  co_return Result<void>{};
}

// Segments that were prepared and never used hold nothing but zeros behind the header's place: a header is durable
// before the first batch is written.
env::Task<Result<void>> Recovery::drop_unused() {
  std::vector<SegmentIdentity> used;
  for (SegmentIdentity& identity : found_) {
    if (!identity.header) {
      StoredSegment source(store_, identity.status);
      SegmentWindow window(source);
      WEIR_CO_TRY(const bool unused, co_await is_zero_from(window, segment_header_bytes));
      if (unused) {
        WEIR_CO_CHECK(co_await store_.remove(identity.status.number));
        continue;
      }
    }
    used.push_back(identity);
  }
  found_ = std::move(used);
  co_return Result<void>{};
}

env::Task<Result<void>> Recovery::take(const SegmentIdentity& identity, LastBatch last_batch, bool is_newest) {
  if (identity.trailer) {
    StoredSegment source(store_, identity.status);
    auto content = co_await load_sealed_segment(source, identity);
    if (content) {
      if (is_newest) WEIR_CO_CHECK(co_await make_tail_durable(identity));
      co_return install(std::move(*content));
    }
    if (content.error().code != ErrorCode::corrupt) co_return std::unexpected(std::move(content.error()));
    log_error("journal", "footer damaged, rebuilding it from the batches",
              {{"lane", options_.lane.value}, {"segment", identity.status.number.value}});
    last_batch = {identity.trailer->last_batch, true};
  }
  co_return co_await scan_and_seal(identity, last_batch, is_newest);
}

// Takes the batches that count. `rewrite`: what lies directly before the tail, valid as long as the window is not
// moved: the last batch, or the header of an empty segment; nothing when the tail follows damage, for then what came
// before it was durable long ago.
env::Task<Result<SegmentContent>> Recovery::scan(SegmentWindow& window, const SegmentIdentity& identity,
                                                 LastBatch last_batch, BytesView& rewrite) {
  const SegmentHeader& header = *identity.header;
  SegmentContent content{std::make_shared<Segment>(), {}};
  Segment& segment = *content.segment;
  segment.header = header;
  segment.stored_bytes = identity.status.allocated_bytes;
  RunCollector runs(header.number);
  BatchScanner scanner(window, {options_.lane, header.salt, header.previous_batch, last_batch.number,
                                last_batch.is_here, header.rewritten});
  std::uint64_t intact_end = segment.tail_bytes;
  ScanStop stop;
  for (;;) {
    WEIR_CO_TRY(ScanStep step, co_await scanner.next());
    if (const auto* const batch = std::get_if<ScannedBatch>(&step)) {
      WEIR_CO_CHECK(runs.add(*batch));
      segment.last_batch_offset = batch->offset;
      intact_end = batch->intact ? batch->offset + batch->header.total_bytes : 0;
      ++recovered_.report.batches_scanned;
      if (!batch->intact) ++recovered_.report.batches_damaged;
    } else if (const auto* const gap = std::get_if<Gap>(&step)) {
      segment.gaps.push_back(*gap);
    } else {
      stop = std::get<ScanStop>(step);
      break;
    }
  }
  if (stop.missing_batches > 0) segment.gaps.push_back({stop.offset, 0});
  if (stop.end == ScanEnd::torn) ++recovered_.report.torn_tails;
  segment.tail_bytes = stop.offset;
  segment.last_batch = stop.last_batch + stop.missing_batches;
  content.runs = runs.take();
  if (intact_end == segment.tail_bytes) {
    const std::uint64_t from = segment.last_batch_offset;  // 0, the header, when the segment is empty
    WEIR_CO_TRY(rewrite, co_await window.view(from, segment.tail_bytes - from));
  }
  co_return content;
}

env::Task<Result<void>> Recovery::scan_and_seal(const SegmentIdentity& identity, LastBatch last_batch, bool is_newest) {
  StoredSegment source(store_, identity.status);
  SegmentWindow window(source);
  BytesView rewrite;
  WEIR_CO_TRY(SegmentContent content, co_await scan(window, identity, last_batch, rewrite));
  Segment& segment = *content.segment;
  ++recovered_.report.segments_scanned;
  recovered_.report.gaps += segment.gaps.size();
  if (!segment.gaps.empty()) {
    log_error("journal", "segment damaged: batches are missing from its middle",
              {{"lane", options_.lane.value}, {"segment", segment.number().value}, {"gaps", segment.gaps.size()}});
  }
  std::vector<const ShardRun*> runs;
  runs.reserve(content.runs.size());
  for (const ShardRun& run : content.runs) runs.push_back(&run);
  const PreparedFooter footer = prepare_footer(segment, std::move(runs));
  if (segment.is_empty() && !rewrite.empty()) {
    // This header may be in the page cache only. Nothing may be on the disk behind one that is not: without its header
    // a segment that holds no batch could not be told from a damaged one.
    const std::array<BytesView, 1> parts{std::exchange(rewrite, {})};
    WEIR_CO_CHECK(co_await store_.append(segment.number(), 0, parts));
  }
  auto sealed = co_await write_footer(store_, segment, footer, rewrite);
  if (!sealed && sealed.error().code == ErrorCode::no_space) {
    // The batches need no room that they do not have yet. The footer can wait until there is some.
    if (is_newest && !rewrite.empty()) {
      const BytesView parts[] = {rewrite};
      WEIR_CO_CHECK(co_await store_.append(segment.number(), segment.tail_bytes - rewrite.size(), parts));
    }
    recovered_.unsealed.push_back(content.segment);
  } else if (!sealed) {
    co_return fail_while("sealing " + name_of(segment.number()), std::move(sealed.error()));
  } else {
    for (std::size_t i = 0; i < content.runs.size(); ++i) {
      content.runs[i].summary.list = footer.shards[i].summary.list;
      content.runs[i].extents.reset();
    }
  }
  co_return install(std::move(content));
}

// The newest segment has a footer, but whether that and the batch before it ever reached the disk is not known: the
// process that wrote them may have failed to sync them, and this one sees the page cache. So they are written again.
env::Task<Result<void>> Recovery::make_tail_durable(const SegmentIdentity& identity) {
  const Trailer& trailer = *identity.trailer;
  StoredSegment source(store_, identity.status);
  SegmentWindow window(source);
  std::uint64_t from = trailer.last_batch_offset;
  if (from == 0) {
    if (trailer.footer_offset != segment_header_bytes) from = trailer.footer_offset;
  } else {
    WEIR_CO_TRY(const BytesView batch, co_await window.view(from, trailer.footer_offset - from));
    const auto header = parse_batch_header(batch);
    if (!header || !check_batch(*header, batch)) from = trailer.footer_offset;
  }
  WEIR_CO_TRY(const BytesView tail, co_await window.view(from, trailer.segment_bytes - from));
  const BytesView parts[] = {tail};
  co_return co_await store_.append(identity.status.number, from, parts);
}

Result<void> Recovery::install(SegmentContent content) {
  Segment& segment = *content.segment;
  for (ShardRun& run : content.runs) {
    const ShardRun* const before = recovered_.index.run_before(run.summary.shard, {~std::uint64_t{0}});
    if (before != nullptr && before->summary.last >= run.summary.first) {
      return fail(ErrorCode::corrupt, name_of(segment.number()) + ": holds records that an earlier segment holds");
    }
    segment.shards.push_back(run.summary.shard);
    recovered_.index.put(std::move(run));
  }
  recovered_.segments.emplace(segment.number(), std::move(content.segment));
  return {};
}

// Neither header nor footer nor first batch can be read. It stays where it is, for a person to look at.
void Recovery::keep_unreadable(const SegmentStatus& status) {
  log_error("journal", "segment unreadable: its header, footer and first batch are damaged",
            {{"lane", options_.lane.value}, {"segment", status.number.value}});
  auto segment = std::make_shared<Segment>();
  segment->header.lane = options_.lane;
  segment->header.number = status.number;
  segment->stored_bytes = status.allocated_bytes;
  segment->gaps.push_back({0, status.allocated_bytes});
  segment->is_sealed = true;
  recovered_.report.gaps += 1;
  recovered_.segments.emplace(status.number, std::move(segment));
}

}  // namespace weir::journal
