// Builds segments byte by byte, as the journal would write them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "journal/batch.h"
#include "journal/fragment.h"
#include "journal/recovery.h"
#include "journal/segment_header.h"
#include "tests/journal/memory_segment_store.h"

namespace weir::journal {

class SegmentBuilder {
 public:
  explicit SegmentBuilder(const SegmentHeader& header) : header_(header), next_batch_(header.previous_batch + 1) {
    const SegmentHeaderBlock block = encode_segment_header(header);
    bytes_.assign(block.begin(), block.end());
  }

  // A batch of one fragment with one record for each of `shards`, of number `index`. Returns where it begins.
  std::uint64_t add_batch(const std::vector<std::uint32_t>& shards, std::uint64_t index, std::size_t data_bytes = 40) {
    std::vector<Fragment> fragments;
    for (const std::uint32_t shard : shards) {
      FragmentBuilder builder({StreamId{1}, ShardIndex{shard}}, 1, 0);
      builder.add("key", {}, as_bytes(std::string(data_bytes, static_cast<char>('a' + index % 26))));
      fragments.push_back(std::move(builder).finish());
      fragments.back().stamp({index}, wall_time_ms(static_cast<std::int64_t>(1000 + index)));
    }
    BatchHeader header = *plan_batch(fragments);
    header.lane = header_.lane;
    header.epoch = header_.epoch;
    header.number = next_batch_++;
    header.salt = header_.salt;
    header.committed_at = wall_time_ms(static_cast<std::int64_t>(1000 + index));
    const std::uint64_t start = bytes_.size();
    std::vector<std::byte> encoded;
    encode_batch_header(header, encoded);
    bytes_.insert(bytes_.end(), encoded.begin(), encoded.end());
    for (const Fragment& fragment : fragments) {
      bytes_.insert(bytes_.end(), fragment.bytes().begin(), fragment.bytes().end());
    }
    bytes_.resize(start + header.total_bytes);
    return start;
  }

  // The zeros that a segment is made of before it is used.
  void add_zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }

  // Seals it, as recovery does.
  void seal() {
    MemorySegmentStore::Segments segments{{header_.number, std::move(bytes_)}};
    MemorySegmentStore store(segments);
    JournalOptions options{.lane = header_.lane, .epoch = {header_.epoch.value + 1}};
    Recovery recovery(store, options);
    WEIR_ASSERT(run_now(recovery.run()).has_value());
    bytes_ = std::move(segments.begin()->second);
  }

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  SegmentHeader header_;
  std::uint64_t next_batch_;
  std::vector<std::byte> bytes_;
};

}  // namespace weir::journal
