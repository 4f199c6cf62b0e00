// Fragment: the records that one request puts into one shard, in the form in which they are stored.
//
// The front end decodes a record once, into a fragment; the lane stamps it (numbers, arrival time, checksum); the
// journal writes it as it is; readers get views into it. docs/format.md describes the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash_key.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace weir::journal {

// One stored record as a reader sees it. The views live as long as the fragment's buffer.
struct RecordView {
  RecordIndex index;
  WallTime arrival;
  std::string_view partition_key;
  std::optional<HashKey> explicit_hash_key;
  BytesView data;
};

class FragmentView;

// An encoded fragment that owns its bytes. Move-only. Any one thread at a time.
class Fragment {
 public:
  Fragment(Fragment&&) noexcept = default;
  Fragment& operator=(Fragment&&) noexcept = default;

  // A copy of the fragment at the start of `bytes`, which was stamped by who sent it and may be stamped anew. Errors:
  // as FragmentView::parse; corrupt when it is larger than fragment_bytes_max.
  [[nodiscard]] static Result<Fragment> copy_of(BytesView bytes);

  [[nodiscard]] ShardKey shard() const noexcept;
  [[nodiscard]] std::uint32_t record_count() const noexcept;
  // Data plus partition key bytes of all records: what the API's limits count (API reference, PutRecords).
  [[nodiscard]] std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }
  // The whole stored form, header included; a multiple of 8.
  [[nodiscard]] BytesView bytes() const noexcept { return buffer_; }

  // Drops all records but the first `count` (1 to record_count()). Before stamp().
  void keep_first(std::uint32_t count);

  // Gives the records the numbers first, first+1, … and their arrival time, and computes the checksum. Called by the
  // lane, before commit; and before that by who sends the fragment to the lane's process, for the checksum's sake.
  void stamp(RecordIndex first, WallTime arrival) noexcept;
  [[nodiscard]] RecordIndex first_index() const noexcept;  // after stamp()
  [[nodiscard]] WallTime arrival() const noexcept;         // after stamp()
  // What a reader sees, without checking the bytes again. After stamp(); lives as long as this fragment's bytes.
  [[nodiscard]] FragmentView view() const noexcept;

 private:
  friend class FragmentBuilder;
  explicit Fragment(std::vector<std::byte> buffer, std::uint64_t payload_bytes) noexcept
      : buffer_(std::move(buffer)), payload_bytes_(payload_bytes) {}
  std::vector<std::byte> buffer_;
  std::uint64_t payload_bytes_ = 0;
};

class FragmentBuilder {
 public:
  // `bytes_expected`: data and partition keys to come, so that the buffer is allocated once.
  FragmentBuilder(ShardKey shard, std::uint32_t records_expected, std::uint64_t bytes_expected);

  // Appends one record. The caller has checked the API's limits (partition key 1 to 1,024 bytes, data at most 10 MiB).
  void add(std::string_view partition_key, std::optional<HashKey> explicit_hash_key, BytesView data);
  [[nodiscard]] std::uint32_t record_count() const noexcept { return record_count_; }
  // At least one record has been added.
  [[nodiscard]] Fragment finish() &&;

 private:
  std::vector<std::byte> buffer_;
  std::uint32_t record_count_ = 0;
  std::uint64_t payload_bytes_ = 0;
};

// A checked view of an encoded, stamped fragment.
class FragmentView {
 public:
  // Checks length, grammar and checksum of the fragment at the start of `bytes` (which may go on behind it). Never
  // reads outside `bytes`. Errors: corrupt, unsupported.
  [[nodiscard]] static Result<FragmentView> parse(BytesView bytes);

  [[nodiscard]] ShardKey shard() const noexcept { return shard_; }
  [[nodiscard]] RecordIndex first_index() const noexcept { return first_index_; }
  [[nodiscard]] RecordIndex last_index() const noexcept { return {first_index_.value + record_count_ - 1}; }
  [[nodiscard]] std::uint32_t record_count() const noexcept { return record_count_; }
  [[nodiscard]] WallTime arrival() const noexcept { return arrival_; }
  [[nodiscard]] std::size_t stored_bytes() const noexcept { return stored_bytes_; }
  [[nodiscard]] BytesView bytes() const noexcept;  // the whole stored form, as parse() took it
  // Data plus partition key bytes of all records.
  [[nodiscard]] std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }

  // Calls visit(const RecordView&) for each record in order until it returns false.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    RecordView record;
    std::size_t position = 0;
    for (std::uint32_t i = 0; i < record_count_; ++i) {
      decode_next(position, i, record);
      if (!visit(static_cast<const RecordView&>(record))) return;
    }
  }

 private:
  friend class Fragment;
  [[nodiscard]] static FragmentView from_header(BytesView bytes) noexcept;
  [[nodiscard]] bool records_fit() const noexcept;
  void decode_next(std::size_t& position, std::uint32_t ordinal, RecordView& record) const noexcept;
  ShardKey shard_;
  RecordIndex first_index_;
  std::uint32_t record_count_ = 0;
  WallTime arrival_;
  std::uint32_t payload_bytes_ = 0;
  std::size_t stored_bytes_ = 0;
  BytesView records_;
};

}  // namespace weir::journal
