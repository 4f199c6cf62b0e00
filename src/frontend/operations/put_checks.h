// What PutRecord and PutRecords do alike with one record.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/hash_key.h"
#include "frontend/operations/common.h"

namespace weir::frontend {

// Where a record goes.
struct RecordPlace {
  HashKey hash;
  std::optional<HashKey> explicit_hash_key;  // stored with the record
};

// Error: InvalidArgument for an explicit hash key above 2^128-1.
[[nodiscard]] ApiResult<RecordPlace> place_record(std::string_view partition_key,
                                                  const std::optional<std::string_view>& explicit_hash_key);

// What the API's size limits count: data and partition key (API reference, section 4.1).
[[nodiscard]] inline std::uint64_t record_bytes(std::string_view partition_key, BytesView data) noexcept {
  return partition_key.size() + data.size();
}

// Whether SequenceNumberForOrdering can be a number that was given out by now. Numbers of one shard rise anyway, so a
// possible one asks for nothing more.
[[nodiscard]] bool is_possible_ordering_number(std::string_view number, WallTime now) noexcept;

// Whether the record belongs on another shard now: wait_to_reroute() and try again.
[[nodiscard]] inline bool is_rerouted(cell::Refusal refusal) noexcept {
  return refusal == cell::Refusal::shard_closed || refusal == cell::Refusal::not_mine;
}

// Waits for a map newer than `version`, but not for long at a time: a split or merge that could not be stored opens its
// shards again, and no map tells of that. False once `deadline` has passed without one.
[[nodiscard]] env::Task<bool> wait_to_reroute(OperationCall& call, std::uint64_t version, MonotonicTime deadline);

// Counts a record that was refused.
void note_refused(OperationCall& call, cell::Refusal refusal);
// The API's error for it.
[[nodiscard]] kinesis::ApiError put_error(cell::Refusal refusal, const directory::Stream& stream, ShardIndex shard);

}  // namespace weir::frontend
