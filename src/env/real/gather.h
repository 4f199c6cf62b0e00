// Gather: walks the bytes of several parts for calls that take an array of pieces and may stop half way.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/bytes.h"

namespace weir::env::real {

class Gather {
 public:
  static constexpr std::size_t pieces_max = 64;
  using Pieces = std::array<iovec, pieces_max>;

  explicit Gather(std::span<const BytesView> parts) noexcept : parts_(parts) { advance(0); }

  [[nodiscard]] bool done() const noexcept { return parts_.empty(); }

  // Fills `pieces` with what comes next, at most `bytes_max` (not 0) of it, and returns how many it filled.
  std::size_t next(Pieces& pieces, std::size_t bytes_max = std::numeric_limits<std::size_t>::max()) const noexcept {
    std::size_t count = 0;
    std::size_t skip = consumed_;
    for (const BytesView part : parts_) {
      if (count == pieces_max || bytes_max == 0) break;
      BytesView rest = part.subspan(skip);
      skip = 0;
      rest = rest.first(std::min(rest.size(), bytes_max));
      bytes_max -= rest.size();
      // The system calls that take the pieces only read them; the type lacks the const.
      if (!rest.empty()) pieces[count++] = iovec{const_cast<std::byte*>(rest.data()), rest.size()};
    }
    return count;
  }

  // `bytes` of what next() gave are done with.
  void advance(std::size_t bytes) noexcept {
    consumed_ += bytes;
    while (!parts_.empty() && consumed_ >= parts_.front().size()) {
      consumed_ -= parts_.front().size();
      parts_ = parts_.subspan(1);
    }
  }

 private:
  std::span<const BytesView> parts_;
  std::size_t consumed_ = 0;  // of the first part
};

}  // namespace weir::env::real
