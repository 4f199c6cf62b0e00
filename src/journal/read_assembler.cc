#include "journal/read_assembler.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::journal {

ReadAssembler::ReadAssembler(const ReadRequest& request) noexcept
    : not_before_(request.not_before),
      cursor_(request.from),
      records_left_(request.records_max),
      bytes_left_(request.bytes_max) {
  WEIR_ASSERT(request.records_max > 0);
}

void ReadAssembler::add(const FragmentView& fragment, const std::shared_ptr<const void>& buffer) {
  if (is_full_ || fragment.last_index() < cursor_) return;
  if (fragment.arrival() < not_before_) {
    cursor_ = {fragment.last_index().value + 1};
    return;
  }
  const std::uint64_t first = fragment.first_index().value;
  const auto skip = static_cast<std::uint32_t>(cursor_.value > first ? cursor_.value - first : 0);
  const Share share = share_of(fragment, skip);
  is_full_ = share.records < fragment.record_count() - skip;
  if (share.records == 0) return;
  result_.slices.push_back({buffer, fragment, skip, share.records});
  result_.record_count += share.records;
  result_.payload_bytes += share.bytes;
  records_left_ -= share.records;
  bytes_left_ -= std::min(bytes_left_, share.bytes);
  if (records_left_ == 0 || bytes_left_ == 0) is_full_ = true;
  cursor_ = {first + skip + share.records};
}

// How much of what lies behind the first `skip` records still fits.
ReadAssembler::Share ReadAssembler::share_of(const FragmentView& fragment, std::uint32_t skip) const {
  if (skip == 0 && fragment.record_count() <= records_left_ && fragment.payload_bytes() <= bytes_left_) {
    return {fragment.record_count(), fragment.payload_bytes()};
  }
  Share share;
  std::uint32_t ordinal = 0;
  fragment.for_each([&](const RecordView& record) {
    if (ordinal++ < skip) return true;
    const std::uint64_t bytes = record.partition_key.size() + record.data.size();
    const bool is_first = share.records == 0 && result_.slices.empty();
    if (share.records == records_left_ || (!is_first && share.bytes + bytes > bytes_left_)) return false;
    ++share.records;
    share.bytes += bytes;
    return true;
  });
  return share;
}

ReadResult ReadAssembler::take(bool reached_end) && {
  result_.next = cursor_;
  result_.reached_end = reached_end;
  return std::move(result_);
}

}  // namespace weir::journal
