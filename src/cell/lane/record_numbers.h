// Record indexes: the rule by which a lane numbers the records of a shard.
//
// An owner with epoch e gives numbers from [e * 2^42, (e + 1) * 2^42). Epochs rise at every claim, so that the numbers
// of a shard rise across restarts even when nothing of the shard is left to tell where they stood: the records may all
// have been trimmed, or have been in a batch whose outcome was never known. 2^42 records are 139 years of one shard at
// its limit, 2^21 epochs are 239 restarts a day for 24 years.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/ids.h"

namespace weir::cell {

inline constexpr std::uint64_t numbers_per_epoch = std::uint64_t{1} << 42;
// Keeps every index below model::ending_record_index, 2^63 - 1.
inline constexpr Epoch epoch_max{(std::uint64_t{1} << 21) - 2};

[[nodiscard]] constexpr RecordIndex first_number_of(Epoch epoch) noexcept { return {epoch.value * numbers_per_epoch}; }
// Not given any more.
[[nodiscard]] constexpr RecordIndex end_of_numbers_of(Epoch epoch) noexcept {
  return {(epoch.value + 1) * numbers_per_epoch};
}

// The first of `count` consecutive numbers for new records of a shard, of which `next` is the lowest that no record was
// given. Empty when the epoch's numbers are used up.
[[nodiscard]] constexpr std::optional<RecordIndex> number_records(Epoch epoch, RecordIndex next,
                                                                  std::uint32_t count) noexcept {
  const RecordIndex first = std::max(next, first_number_of(epoch));
  const std::uint64_t end = end_of_numbers_of(epoch).value;
  if (first.value >= end || count > end - first.value) return std::nullopt;
  return first;
}

}  // namespace weir::cell
