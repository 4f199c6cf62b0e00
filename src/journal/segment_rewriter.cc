#include "journal/segment_rewriter.h"

#include <map>
#include <memory>
#include <utility>

#include "journal/batch_scanner.h"
#include "journal/format.h"

namespace weir::journal {
namespace {

// Collects the kept batches and the extents in them.
class Rewriter {
 public:
  Rewriter(const Segment& old, std::uint64_t salt, Epoch epoch) : segment_(std::make_shared<Segment>()) {
    segment_->header = old.header;
    segment_->header.salt = salt;
    segment_->header.epoch = epoch;
    segment_->header.rewritten = true;
    segment_->last_batch = old.last_batch;
    const SegmentHeaderBlock block = encode_segment_header(segment_->header);
    parts_.emplace_back(block.begin(), block.end());
  }

  void add(const ScannedBatch& batch, const KeepExtent& keep) {
    BatchHeader header = batch.header;
    std::erase_if(header.extents, [&](const BatchExtent& entry) { return !keep(entry.shard, entry.extent); });
    if (header.extents.empty()) return;
    std::vector<BytesView> payload;
    payload.reserve(header.extents.size());
    for (const BatchExtent& entry : header.extents) {
      payload.push_back(batch.bytes.subspan(entry.extent.offset, entry.extent.length));
    }
    place_extents(header);
    header.salt = segment_->header.salt;
    std::vector<std::byte> bytes;
    encode_batch_header(header, bytes);
    bytes.reserve(header.total_bytes);
    for (const BytesView part : payload) bytes.insert(bytes.end(), part.begin(), part.end());
    bytes.resize(header.total_bytes);
    index(header);
    segment_->last_batch_offset = segment_->tail_bytes;
    segment_->tail_bytes += header.total_bytes;
    parts_.push_back(std::move(bytes));
  }

  [[nodiscard]] RewrittenSegment finish() {
    RewrittenSegment result;
    std::vector<const ShardRun*> runs;
    for (auto& [shard, run] : runs_) {
      result.content.runs.push_back(std::move(run));
      segment_->shards.push_back(shard);
    }
    runs.reserve(result.content.runs.size());
    for (const ShardRun& run : result.content.runs) runs.push_back(&run);
    PreparedFooter footer = prepare_footer(*segment_, std::move(runs));
    for (std::size_t i = 0; i < footer.shards.size(); ++i) {
      result.content.runs[i].summary.list = footer.shards[i].summary.list;
      result.content.runs[i].extents.reset();
    }
    segment_->stored_bytes = footer.trailer.segment_bytes;
    segment_->is_sealed = true;
    parts_.push_back(std::move(footer.bytes));
    result.content.segment = std::move(segment_);
    result.parts = std::move(parts_);
    return result;
  }

 private:
  // Closes the ranks of the extents that are left, and sizes the batch anew.
  static void place_extents(BatchHeader& header) {
    header.header_bytes = batch_header_bytes(header.extents.size());
    std::uint64_t end = header.header_bytes;
    for (BatchExtent& entry : header.extents) {
      entry.extent.offset = end;
      end += entry.extent.length;
    }
    header.total_bytes = static_cast<std::uint32_t>(align_up(end, sector_bytes));
  }

  void index(const BatchHeader& header) {
    for (const BatchExtent& entry : header.extents) {
      ShardRun& run = runs_[entry.shard];
      if (run.extents == nullptr) {
        run.segment = segment_->number();
        run.summary.shard = entry.shard;
        run.extents = std::make_unique<std::vector<Extent>>();
      }
      Extent extent = entry.extent;
      extent.offset += segment_->tail_bytes;
      extend(run, extent);
    }
  }

  SegmentPointer segment_;
  std::map<ShardKey, ShardRun> runs_;
  std::vector<std::vector<std::byte>> parts_;
};

}  // namespace

env::Task<Result<RewrittenSegment>> rewrite_segment(SegmentSource& source, const Segment& segment,
                                                    const KeepExtent& keep, std::uint64_t salt, Epoch epoch) {
  const SegmentHeader header = segment.header;
  const std::uint64_t end = segment.tail_bytes;
  Rewriter rewriter(segment, salt, epoch);
  SegmentWindow window(source);
  BatchScanner scanner(window,
                       {header.lane, header.salt, header.previous_batch, segment.last_batch, true, header.rewritten});
  for (;;) {
    WEIR_CO_TRY(ScanStep step, co_await scanner.next());
    if (const auto* const batch = std::get_if<ScannedBatch>(&step)) {
      if (!batch->intact) co_return fail(ErrorCode::corrupt, "a batch is damaged");
      rewriter.add(*batch, keep);
    } else if (const auto* const stop = std::get_if<ScanStop>(&step)) {
      if (stop->offset != end || stop->missing_batches > 0) co_return fail(ErrorCode::corrupt, "batches are missing");
      co_return rewriter.finish();
    } else {
      co_return fail(ErrorCode::corrupt, "batches are missing");
    }
  }
}

}  // namespace weir::journal
