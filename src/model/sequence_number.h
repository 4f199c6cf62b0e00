// Sequence numbers: the 56-digit decimal numbers that name records and the ends of shards (API reference, section 4.2).
//
// A version 2 number packs, from its most significant bits down: the shard's creation second, the shard index modulo
// 16, the record index, the record's second, and the shard index. Within one shard the order of numbers is therefore
// the order of record indexes. Everything here is pure: any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace weir::model {

// Every version 2 number has exactly this many decimal digits.
inline constexpr std::size_t sequence_number_digits = 56;
// The longest text that the API's pattern 0|([1-9]\d{0,128}) lets through.
inline constexpr std::size_t sequence_number_digits_max = 129;
// Creation seconds at or above this make a number invalid.
inline constexpr std::int64_t sequence_created_seconds_limit = 16'025'175'000;
// The record index in the ending number of a closed shard: above every record's.
inline constexpr RecordIndex ending_record_index{0x7fff'ffff'ffff'ffff};

// The number itself, for comparing: bits 0-63, 64-127, 128-191.
struct SequenceValue {
  std::uint64_t low = 0;
  std::uint64_t middle = 0;
  std::uint64_t high = 0;
  friend constexpr bool operator==(const SequenceValue&, const SequenceValue&) = default;
  friend constexpr std::strong_ordering operator<=>(const SequenceValue& a, const SequenceValue& b) noexcept {
    if (auto order = a.high <=> b.high; order != 0) return order;
    if (auto order = a.middle <=> b.middle; order != 0) return order;
    return a.low <=> b.low;
  }
};

struct SequenceNumber {
  WallTime shard_created;           // whole seconds
  std::int32_t shard = 0;           // negative only in numbers that this server never issued
  RecordIndex index;                // < 2^63; version 0 has none (0)
  std::int64_t record_seconds = 0;  // Unix seconds, 0 <= x < 2^36; version 0 has none (0)
  std::uint8_t version = 2;         // 0, 1 or 2. Weir issues version 2 only

  // The shard index, when there can be such a shard.
  [[nodiscard]] std::optional<ShardIndex> shard_index() const noexcept {
    if (shard < 0) return std::nullopt;
    return ShardIndex{static_cast<std::uint32_t>(shard)};
  }
  friend bool operator==(const SequenceNumber&, const SequenceNumber&) = default;
};

// The number of a record: `created` is the shard's creation time (its fraction of a second is dropped), `arrival` the
// record's. Both lie in [1970, 2^36 seconds).
[[nodiscard]] SequenceNumber record_sequence_number(WallTime created, ShardIndex shard, RecordIndex index,
                                                    WallTime arrival) noexcept;
// SequenceNumberRange.StartingSequenceNumber: below every record of the shard.
[[nodiscard]] SequenceNumber starting_sequence_number(WallTime created, ShardIndex shard) noexcept;
// SequenceNumberRange.EndingSequenceNumber of a shard closed at `closed`: above every record of the shard.
[[nodiscard]] SequenceNumber ending_sequence_number(WallTime created, ShardIndex shard, WallTime closed) noexcept;

// The 188-bit value of a version 2 number.
[[nodiscard]] SequenceValue value_of(const SequenceNumber& number) noexcept;

// Decimal text of a version 2 number, exactly 56 digits. About 0.1 us; allocates nothing.
void format(const SequenceNumber& number, std::span<char, sequence_number_digits> out) noexcept;
[[nodiscard]] std::string to_string(const SequenceNumber& number);

// Parses a decimal number of any version. Empty when the text is not of the API's form, or the number breaks a rule of
// its layout: unknown version, record index of 2^63 or more, creation second of 16025175000 or more.
[[nodiscard]] std::optional<SequenceNumber> parse_sequence_number(std::string_view text) noexcept;

}  // namespace weir::model
