// Bytes: views of memory, and the little-endian loads and stores that every stored format uses.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace weir {

using BytesView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

[[nodiscard]] inline BytesView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(BytesView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads an unsigned integer stored little-endian. The caller guarantees sizeof(T) readable bytes at `from`.
template <class T>
  requires std::is_unsigned_v<T>
[[nodiscard]] inline T load_le(const std::byte* from) noexcept {
  static_assert(std::endian::native == std::endian::little, "Weir runs on little-endian machines");
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// Writes `value` little-endian. The caller guarantees sizeof(T) writable bytes at `to`.
template <class T>
  requires std::is_unsigned_v<T>
inline void store_le(std::byte* to, T value) noexcept {
  std::memcpy(to, &value, sizeof(T));
}

// The smallest multiple of `alignment` (a power of two) that is not below `value`.
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

inline constexpr std::uint64_t kibibyte = 1024;
inline constexpr std::uint64_t mebibyte = 1024 * kibibyte;
inline constexpr std::uint64_t gibibyte = 1024 * mebibyte;

}  // namespace weir
