#include "frontend/request_id.h"

#include <cstdint>

namespace weir::frontend {
namespace {

constexpr std::string_view hexadecimal = "0123456789abcdef";
constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string make_request_id(env::Core& core) {
  std::uint64_t high = core.random_u64();
  std::uint64_t low = core.random_u64();
  high = (high & ~std::uint64_t{0xf000}) | 0x4000;              // version 4
  low = (low & 0x3fff'ffff'ffff'ffff) | 0x8000'0000'0000'0000;  // variant of RFC 4122
  std::string text(36, '-');
  std::size_t at = 0;
  for (std::size_t digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) ++at;
    const std::uint64_t half = digit < 16 ? high : low;
    text[at++] = hexadecimal[(half >> (60 - 4 * (digit % 16))) & 0xf];
  }
  return text;
}

std::string make_extended_request_id(env::Core& core) {
  // 72 bytes are 96 characters of 6 random bits each; a 64-bit number gives ten of them.
  std::string text(96, 'A');
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 10 == 0) bits = core.random_u64();
    text[i] = base64_alphabet[bits & 0x3f];
    bits >>= 6;
  }
  return text;
}

}  // namespace weir::frontend
