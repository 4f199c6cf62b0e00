#include "journal/segment_source.h"

#include <algorithm>

namespace weir::journal {
namespace {

constexpr std::uint64_t window_bytes = 4 * mebibyte;

bool all_zero(BytesView bytes) noexcept {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

env::Task<Result<std::size_t>> SegmentBytes::read(std::uint64_t offset, MutableBytes out) {
  if (out.empty() || offset >= bytes_.size()) co_return std::size_t{0};
  const std::size_t length = std::min(out.size(), bytes_.size() - offset);
  std::memcpy(out.data(), bytes_.data() + offset, length);
  co_return length;
}

bool SegmentWindow::covers(std::uint64_t offset, std::uint64_t length) const noexcept {
  return offset >= start_ && offset + length <= start_ + buffer_.size();
}

env::Task<Result<BytesView>> SegmentWindow::view(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t size = source_.size();
  if (offset >= size) co_return BytesView{};
  length = std::min(length, size - offset);
  if (!covers(offset, length)) {
    buffer_.resize(std::min(std::max(length, window_bytes), size - offset));
    start_ = offset;
    auto got = co_await source_.read(offset, buffer_);
    if (!got) {
      buffer_.clear();
      co_return std::unexpected(std::move(got.error()));
    }
    buffer_.resize(*got);
    length = std::min<std::uint64_t>(length, *got);
  }
  co_return BytesView(buffer_).subspan(offset - start_, length);
}

env::Task<Result<bool>> is_zero_from(SegmentWindow& window, std::uint64_t offset) {
  while (offset < window.size()) {
    WEIR_CO_TRY(const BytesView bytes, co_await window.view(offset, std::min(window_bytes, window.size() - offset)));
    if (bytes.empty()) break;
    if (!all_zero(bytes)) co_return false;
    offset += bytes.size();
  }
  co_return true;
}

}  // namespace weir::journal
