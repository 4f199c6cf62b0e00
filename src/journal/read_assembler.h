// ReadAssembler: turns stored fragments, one after the other, into the answer to one read.
#pragma once

#include <cstdint>
#include <memory>

#include "journal/fragment.h"
#include "journal/journal.h"

namespace weir::journal {

class ReadAssembler {
 public:
  explicit ReadAssembler(const ReadRequest& request) noexcept;

  // Takes what was asked for of the next fragment. `buffer` keeps its bytes alive.
  void add(const FragmentView& fragment, const std::shared_ptr<const void>& buffer);
  // Records before `index` will not come.
  void skip_to(RecordIndex index) noexcept {
    if (index > cursor_) cursor_ = index;
  }

  [[nodiscard]] RecordIndex cursor() const noexcept { return cursor_; }  // the next record wanted
  [[nodiscard]] bool is_full() const noexcept { return is_full_; }
  [[nodiscard]] bool is_empty() const noexcept { return result_.slices.empty(); }
  [[nodiscard]] std::uint32_t records_left() const noexcept { return records_left_; }
  [[nodiscard]] std::uint64_t bytes_left() const noexcept { return bytes_left_; }
  [[nodiscard]] WallTime not_before() const noexcept { return not_before_; }
  [[nodiscard]] ReadResult take(bool reached_end) &&;

 private:
  struct Share {
    std::uint32_t records = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Share share_of(const FragmentView& fragment, std::uint32_t skip) const;

  WallTime not_before_;
  RecordIndex cursor_;
  std::uint32_t records_left_;
  std::uint64_t bytes_left_;
  bool is_full_ = false;
  ReadResult result_;
};

}  // namespace weir::journal
