#include "journal/batch_scanner.h"

#include <algorithm>

#include "journal/format.h"
#include "journal/segment_header.h"

namespace weir::journal {
namespace {

constexpr std::uint64_t search_bytes = mebibyte;

}  // namespace

BatchScanner::BatchScanner(SegmentWindow& window, const ScanLimits& limits) noexcept
    : window_(window), limits_(limits), position_(segment_header_bytes), last_batch_(limits.previous_batch) {}

env::Task<Result<ScanStep>> BatchScanner::next() {
  WEIR_CO_TRY(auto header, co_await header_at(position_));
  if (!header || !is_wanted(header->number)) co_return co_await look_beyond();
  if (is_beyond_limit(header->number)) co_return stopped(ScanEnd::limit);
  ScannedBatch batch{.offset = position_, .header = std::move(*header)};
  WEIR_CO_TRY(batch.bytes, co_await window_.view(position_, batch.header.total_bytes));
  batch.intact = check_batch(batch.header, batch.bytes).has_value();
  if (!batch.intact) co_return co_await step_over_damage(std::move(batch));
  advance(batch.header);
  co_return batch;
}

// The header at `offset` if it is whole and of this segment, whatever its number.
env::Task<Result<std::optional<BatchHeader>>> BatchScanner::header_at(std::uint64_t offset) {
  WEIR_CO_TRY(const BytesView start, co_await window_.view(offset, batch_preview_bytes));
  const auto preview = preview_batch(start);
  if (!preview || preview->salt != limits_.salt) co_return std::nullopt;
  WEIR_CO_TRY(const BytesView bytes, co_await window_.view(offset, preview->header_bytes));
  auto header = parse_batch_header(bytes);
  if (!header || header->lane != limits_.lane) co_return std::nullopt;
  co_return std::move(*header);
}

bool BatchScanner::is_wanted(std::uint64_t number) const noexcept {
  return limits_.numbers_may_skip ? number > last_batch_ : number == last_batch_ + 1;
}

bool BatchScanner::is_beyond_limit(std::uint64_t number) const noexcept {
  return limits_.last_batch && number > *limits_.last_batch;
}

void BatchScanner::advance(const BatchHeader& header) noexcept {
  position_ += header.total_bytes;
  last_batch_ = header.number;
}

// The first sector from `from` on that holds the header of a later batch of this segment.
env::Task<Result<std::optional<std::uint64_t>>> BatchScanner::find_header(std::uint64_t from) {
  std::uint64_t offset = from;
  while (offset + batch_preview_bytes <= window_.size()) {
    WEIR_CO_TRY(const BytesView bytes, co_await window_.view(offset, search_bytes));
    if (bytes.size() < batch_preview_bytes) break;
    std::uint64_t at = 0;
    for (; at + batch_preview_bytes <= bytes.size(); at += sector_bytes) {
      const auto preview = preview_batch(bytes.subspan(at));
      if (preview && preview->salt == limits_.salt && preview->number > last_batch_) break;
    }
    offset += at;
    if (at + batch_preview_bytes > bytes.size()) continue;
    WEIR_CO_TRY(const auto header, co_await header_at(offset));
    if (header) co_return offset;
    offset += sector_bytes;
  }
  co_return std::nullopt;
}

// The header is whole, what follows it is not.
env::Task<Result<ScanStep>> BatchScanner::step_over_damage(ScannedBatch batch) {
  batch.bytes = {};
  const bool was_acknowledged = limits_.last_batch.has_value();  // and the number is not beyond it
  if (!was_acknowledged) {
    WEIR_CO_TRY(const auto later, co_await find_header(position_ + batch.header.total_bytes));
    if (!later) co_return stopped(ScanEnd::torn);
  }
  advance(batch.header);
  co_return batch;
}

// There is no header of the next batch here.
env::Task<Result<ScanStep>> BatchScanner::look_beyond() {
  WEIR_CO_TRY(const BytesView start, co_await window_.view(position_, footer_marker_bytes));
  if (footer_bytes_from_marker(start, limits_.salt) != 0) co_return stopped(ScanEnd::footer);
  WEIR_CO_TRY(const auto later, co_await find_header(position_));
  if (!later) co_return co_await stop_here();
  WEIR_CO_TRY(const auto header, co_await header_at(*later));
  if (is_beyond_limit(header->number)) co_return co_await stop_here();
  const Gap gap{position_, *later - position_};
  position_ = *later;
  last_batch_ = header->number - 1;
  co_return gap;
}

env::Task<Result<ScanStep>> BatchScanner::stop_here() {
  WEIR_CO_TRY(const bool clean, co_await is_zero_from(window_, position_));
  co_return stopped(clean ? ScanEnd::clean : ScanEnd::torn);
}

ScanStop BatchScanner::stopped(ScanEnd end) const noexcept {
  ScanStop stop{.end = end, .offset = position_, .last_batch = last_batch_};
  if (limits_.last_batch_is_here && !limits_.numbers_may_skip && last_batch_ < *limits_.last_batch) {
    stop.missing_batches = *limits_.last_batch - last_batch_;
  }
  return stop;
}

}  // namespace weir::journal
