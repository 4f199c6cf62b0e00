// Reading a segment's bytes, wherever they are: in a store (recovery, trim), in a file (inspect) or in memory (tests).
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "env/file.h"
#include "env/task.h"
#include "journal/segment_store.h"

namespace weir::journal {

class SegmentSource {
 public:
  SegmentSource() = default;
  SegmentSource(const SegmentSource&) = delete;
  SegmentSource& operator=(const SegmentSource&) = delete;
  virtual ~SegmentSource() = default;
  // As SegmentStore::read.
  [[nodiscard]] virtual env::Task<Result<std::size_t>> read(std::uint64_t offset, MutableBytes out) = 0;
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
};

class StoredSegment final : public SegmentSource {
 public:
  StoredSegment(SegmentStore& store, SegmentStatus status) noexcept : store_(store), status_(status) {}
  [[nodiscard]] env::Task<Result<std::size_t>> read(std::uint64_t offset, MutableBytes out) override {
    return store_.read(status_.number, offset, out);
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return status_.allocated_bytes; }

 private:
  SegmentStore& store_;
  SegmentStatus status_;
};

class SegmentFile final : public SegmentSource {
 public:
  SegmentFile(env::File& file, std::uint64_t size) noexcept : file_(file), size_(size) {}
  [[nodiscard]] env::Task<Result<std::size_t>> read(std::uint64_t offset, MutableBytes out) override {
    return file_.read_at(offset, out);
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }

 private:
  env::File& file_;
  std::uint64_t size_;
};

class SegmentBytes final : public SegmentSource {
 public:
  explicit SegmentBytes(BytesView bytes) noexcept : bytes_(bytes) {}
  [[nodiscard]] env::Task<Result<std::size_t>> read(std::uint64_t offset, MutableBytes out) override;
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }

 private:
  BytesView bytes_;
};

// A moving window over a segment: few large reads, memory bounded by the largest batch.
class SegmentWindow {
 public:
  explicit SegmentWindow(SegmentSource& source) noexcept : source_(source) {}

  // The bytes from `offset` on: `length` of them, fewer only at the end of the segment. Valid until the next call.
  // Errors: io, not_found.
  [[nodiscard]] env::Task<Result<BytesView>> view(std::uint64_t offset, std::uint64_t length);
  [[nodiscard]] std::uint64_t size() const noexcept { return source_.size(); }

 private:
  [[nodiscard]] bool covers(std::uint64_t offset, std::uint64_t length) const noexcept;

  SegmentSource& source_;
  std::uint64_t start_ = 0;
  std::vector<std::byte> buffer_;
};

// Whether everything from `offset` to the end of the segment is zero. Errors: io.
[[nodiscard]] env::Task<Result<bool>> is_zero_from(SegmentWindow& window, std::uint64_t offset);

}  // namespace weir::journal
