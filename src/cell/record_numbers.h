// Record indexes: the rule by which a lane numbers the records of a shard.
//
// An owner with epoch e gives numbers from [e * 2^42, (e + 1) * 2^42). Epochs rise at every claim, so that the numbers
// of a shard rise across restarts even when nothing of the shard is left to tell where they stood: the records may all
// have been trimmed, or have been in a batch whose outcome was never known. 2^42 records are 139 years of one shard at
// its limit, 2^21 epochs are 239 restarts a day for 24 years.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>

#include "base/ids.h"

namespace weir::cell {

inline constexpr std::uint64_t numbers_per_epoch = std::uint64_t{1} << 42;
// Keeps every index below model::ending_record_index, 2^63 - 1.
inline constexpr Epoch epoch_max{(std::uint64_t{1} << 21) - 2};

[[nodiscard]] constexpr RecordIndex first_number_of(Epoch epoch) noexcept {
  return {epoch.value * numbers_per_epoch};
}
// Not given any more.
[[nodiscard]] constexpr RecordIndex end_of_numbers_of(Epoch epoch) noexcept {
  return {(epoch.value + 1) * numbers_per_epoch};
}

enum class NumberingError : std::uint8_t { above_out_of_range, exhausted };

// The first of `count` consecutive numbers for new records. `next`: the lowest that was not yet used. `above`: the
// caller wants greater ones than this; it may name another shard's record, and so make this shard skip ahead, but by
// no more than half of the epoch's numbers, so that nobody can use a shard up with one request.
[[nodiscard]] constexpr std::expected<RecordIndex, NumberingError> number_records(Epoch epoch, RecordIndex next,
                                                                                  std::optional<RecordIndex> above,
                                                                                  std::uint32_t count) noexcept {
  RecordIndex first = std::max(next, first_number_of(epoch));
  if (above.has_value() && *above >= first) {
    if (above->value >= first_number_of(epoch).value + numbers_per_epoch / 2) {
      return std::unexpected(NumberingError::above_out_of_range);
    }
    first = {above->value + 1};
  }
  const std::uint64_t end = end_of_numbers_of(epoch).value;
  if (first.value >= end || count > end - first.value) return std::unexpected(NumberingError::exhausted);
  return first;
}

}  // namespace weir::cell
