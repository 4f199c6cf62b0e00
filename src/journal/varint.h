// Variable-length integers (LEB128: seven bits a byte, low bits first), for extent lists.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace weir::journal {

inline void put_varint(std::vector<std::byte>& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

// Signed numbers near zero stay short: 0, -1, 1, -2, … become 0, 1, 2, 3, …
inline void put_signed_varint(std::vector<std::byte>& out, std::int64_t value) {
  put_varint(out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

// Takes numbers off the front of some bytes. After the first one that does not fit, ok() is false and all are 0.
class VarintReader {
 public:
  explicit VarintReader(BytesView bytes) noexcept : bytes_(bytes) {}

  std::uint64_t next() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<std::uint64_t>(bytes_.front());
      bytes_ = bytes_.subspan(1);
      if (shift == 63 && byte > 1) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    bytes_ = {};
    return 0;
  }
  std::int64_t next_signed() noexcept {
    const std::uint64_t value = next();
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return bytes_.empty(); }

 private:
  BytesView bytes_;
  bool ok_ = true;
};

}  // namespace weir::journal
