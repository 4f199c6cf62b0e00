// A segment store in memory, for tests that build or break segments byte by byte. Everything completes at once.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "env/task.h"
#include "journal/segment_store.h"

namespace weir::journal {

class MemorySegmentStore : public SegmentStore {
 public:
  using Segments = std::map<SegmentNumber, std::vector<std::byte>>;
  explicit MemorySegmentStore(Segments& segments) : segments_(segments) {}

  env::Task<Result<std::vector<SegmentStatus>>> list() override {
    std::vector<SegmentStatus> all;
    for (const auto& [number, bytes] : segments_) all.push_back({number, bytes.size()});
    co_return all;
  }
  env::Task<Result<void>> create(SegmentNumber number, std::uint64_t capacity_bytes) override {
    if (segments_.contains(number)) co_return fail(ErrorCode::already_exists, "segment exists");
    segments_[number].resize(capacity_bytes);
    co_return Result<void>{};
  }
  env::Task<Result<void>> prepare(SegmentNumber /*number*/, std::uint64_t /*offset*/,
                                  std::uint64_t /*bytes*/) override {
    co_return Result<void>{};
  }
  env::Task<Result<void>> append(SegmentNumber number, std::uint64_t offset,
                                 std::span<const BytesView> parts) override {
    std::vector<std::byte>& bytes = segments_[number];
    for (const BytesView part : parts) {
      bytes.resize(std::max<std::uint64_t>(bytes.size(), offset + part.size()));
      std::memcpy(bytes.data() + offset, part.data(), part.size());
      offset += part.size();
    }
    co_return Result<void>{};
  }
  env::Task<Result<std::size_t>> read(SegmentNumber number, std::uint64_t offset, MutableBytes out) override {
    const auto at = segments_.find(number);
    if (at == segments_.end()) co_return fail(ErrorCode::not_found, "no such segment");
    if (out.empty() || offset >= at->second.size()) co_return std::size_t{0};
    const std::size_t length = std::min<std::size_t>(out.size(), at->second.size() - offset);
    std::memcpy(out.data(), at->second.data() + offset, length);
    co_return length;
  }
  env::Task<Result<void>> truncate(SegmentNumber number, std::uint64_t length_bytes) override {
    segments_[number].resize(length_bytes);
    co_return Result<void>{};
  }
  env::Task<Result<void>> replace(SegmentNumber number, std::span<const BytesView> parts) override {
    std::vector<std::byte> bytes;
    for (const BytesView part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    segments_[number] = std::move(bytes);
    co_return Result<void>{};
  }
  env::Task<Result<void>> remove(SegmentNumber number) override {
    segments_.erase(number);
    co_return Result<void>{};
  }
  env::Task<Result<env::DiskSpace>> space() override { co_return env::DiskSpace{gibibyte, gibibyte}; }

 private:
  Segments& segments_;
};

// The result of a task that never waits for anything.
template <class T>
T run_now(env::Task<T> task) {
  std::optional<T> result;
  env::spawn([](env::Task<T> owned, std::optional<T>& out) -> env::Task<void> {
    out.emplace(co_await std::move(owned));
  }(std::move(task), result));
  WEIR_ASSERT_NOTE(result.has_value(), "the task had to wait");
  return std::move(*result);
}

}  // namespace weir::journal
