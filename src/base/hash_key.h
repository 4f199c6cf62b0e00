// 128-bit hash keys: where a record lands among the shards of a stream (API reference, CreateStream and PutRecord).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

// An unsigned 128-bit integer, printed in decimal on the wire.
struct HashKey {
  unsigned __int128 value = 0;
  friend constexpr auto operator<=>(HashKey, HashKey) = default;

  [[nodiscard]] static constexpr HashKey max() noexcept { return HashKey{~static_cast<unsigned __int128>(0)}; }
};

// Parses plain decimal digits without sign or leading zeros ("0" itself is fine). Empty when `text` is not of that
// form or exceeds 2^128-1. Any thread.
[[nodiscard]] std::optional<HashKey> parse_hash_key(std::string_view text) noexcept;

// Decimal form, 1 to 39 digits. Any thread.
[[nodiscard]] std::string to_string(HashKey key);

// MD5 of the partition key's UTF-8 bytes, read as an unsigned big-endian integer. Any thread; uses a digest context
// kept per thread.
[[nodiscard]] HashKey hash_partition_key(std::string_view partition_key) noexcept;

}  // namespace weir
