#include "base/base64.h"

#include <immintrin.h>

#include <algorithm>
#include <array>

namespace weir {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t not_in_alphabet = 0xFF;
constexpr std::size_t block_characters = 16;
constexpr std::size_t block_bytes = 12;

constexpr std::array<std::uint8_t, 256> value_of = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(not_in_alphabet);
  for (std::size_t i = 0; i < alphabet.size(); ++i) table[static_cast<unsigned char>(alphabet[i])] = std::uint8_t(i);
  return table;
}();

__m128i in_range(__m128i characters, char first, char last) {
  return _mm_and_si128(_mm_cmpgt_epi8(characters, _mm_set1_epi8(static_cast<char>(first - 1))),
                       _mm_cmplt_epi8(characters, _mm_set1_epi8(static_cast<char>(last + 1))));
}

// 16 characters at `from` become 12 bytes at `to` (16 are written). False, and nothing is written, when one of them is
// not in the alphabet.
bool decode_block(const char* from, std::byte* to) {
  const __m128i in = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  // Each class of characters is an interval with its own distance to the 6-bit value. Bytes from 128 on are negative
  // here and fall into no interval.
  const __m128i upper = in_range(in, 'A', 'Z');
  const __m128i lower = in_range(in, 'a', 'z');
  const __m128i digit = in_range(in, '0', '9');
  const __m128i plus = _mm_cmpeq_epi8(in, _mm_set1_epi8('+'));
  const __m128i slash = _mm_cmpeq_epi8(in, _mm_set1_epi8('/'));
  const __m128i known = _mm_or_si128(_mm_or_si128(upper, lower), _mm_or_si128(digit, _mm_or_si128(plus, slash)));
  if (_mm_movemask_epi8(known) != 0xFFFF) return false;
  const __m128i letter_distance =
      _mm_or_si128(_mm_and_si128(upper, _mm_set1_epi8(-'A')), _mm_and_si128(lower, _mm_set1_epi8(26 - 'a')));
  const __m128i other_distance = _mm_or_si128(
      _mm_and_si128(digit, _mm_set1_epi8(52 - '0')),
      _mm_or_si128(_mm_and_si128(plus, _mm_set1_epi8(62 - '+')), _mm_and_si128(slash, _mm_set1_epi8(63 - '/'))));
  const __m128i values = _mm_add_epi8(in, _mm_or_si128(letter_distance, other_distance));
  // Two 6-bit values make 12 bits, two of those 24; the shuffle drops each fourth byte and turns the order round.
  const __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140));
  const __m128i triples = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
  const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_shuffle_epi8(triples, order));
  return true;
}

// The 12 bytes at `from` (16 are read) become 16 characters at `to`.
void encode_block(const std::byte* from, char* to) {
  const __m128i in = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  // Each 32-bit lane takes three bytes a b c as b a c b, so that two multiplications can move its four 6-bit fields to
  // the bottom of one byte each.
  const __m128i lanes = _mm_shuffle_epi8(in, _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
  const __m128i odd = _mm_mulhi_epu16(_mm_and_si128(lanes, _mm_set1_epi32(0x0FC0FC00)), _mm_set1_epi32(0x04000040));
  const __m128i even = _mm_mullo_epi16(_mm_and_si128(lanes, _mm_set1_epi32(0x003F03F0)), _mm_set1_epi32(0x01000010));
  const __m128i values = _mm_or_si128(odd, even);
  // From 'A' on, and at each class border a step to where the next class lies.
  const auto step = [&](char above, int distance) {
    return _mm_and_si128(_mm_cmpgt_epi8(values, _mm_set1_epi8(above)), _mm_set1_epi8(static_cast<char>(distance)));
  };
  __m128i text = _mm_add_epi8(values, _mm_set1_epi8('A'));
  text = _mm_add_epi8(text, step(25, 'a' - 26 - 'A'));
  text = _mm_add_epi8(text, step(51, ('0' - 52) - ('a' - 26)));
  text = _mm_add_epi8(text, step(61, ('+' - 62) - ('0' - 52)));
  text = _mm_add_epi8(text, step(62, ('/' - 63) - ('+' - 62)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), text);
}

void encode_triple(std::uint32_t bits, char* to) {
  to[0] = alphabet[bits >> 18 & 63];
  to[1] = alphabet[bits >> 12 & 63];
  to[2] = alphabet[bits >> 6 & 63];
  to[3] = alphabet[bits & 63];
}

std::uint32_t byte_at(BytesView data, std::size_t position) {
  return position < data.size() ? std::to_integer<std::uint32_t>(data[position]) : 0;
}

// Where the padding starts: at most the last two characters, further ones are a fault found by the caller.
std::size_t padding_start(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && text[end - 1] == '=') --end;
  return end;
}

Base64Decoded character_fault(std::string_view text, std::size_t from, std::size_t decoded) {
  while (value_of[static_cast<unsigned char>(text[from])] != not_in_alphabet) ++from;
  return {.fault = Base64Fault::character, .size = decoded, .position = from};
}

}  // namespace

void base64_encode(BytesView data, char* out) noexcept {
  std::size_t position = 0;
  for (; position + block_characters <= data.size(); position += block_bytes, out += block_characters) {
    encode_block(data.data() + position, out);
  }
  for (; position < data.size(); position += 3, out += 4) {
    encode_triple(byte_at(data, position) << 16 | byte_at(data, position + 1) << 8 | byte_at(data, position + 2), out);
    if (data.size() - position < 3) out[3] = '=';
    if (data.size() - position < 2) out[2] = '=';
  }
}

Base64Decoded base64_decode(std::string_view text, std::byte* out) noexcept {
  if (text.size() % 4 != 0) return {.fault = Base64Fault::length};
  const std::size_t end = padding_start(text);
  std::size_t read = 0;
  std::size_t written = 0;
  // A block's store reaches no further than the block's own characters, so that in place nothing unread is lost.
  while (end - read >= block_characters) {
    if (!decode_block(text.data() + read, out + written)) return character_fault(text, read, written);
    read += block_characters;
    written += block_bytes;
  }
  std::array<std::byte, block_bytes> tail;
  std::size_t tail_bytes = 0;
  std::uint32_t bits = 0;
  std::uint32_t bit_count = 0;
  for (; read < end; ++read) {
    const std::uint8_t value = value_of[static_cast<unsigned char>(text[read])];
    if (value == not_in_alphabet) return character_fault(text, read, written);
    bits = (bits << 6 | value) & 0xFFF;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      tail[tail_bytes++] = static_cast<std::byte>(bits >> bit_count);
    }
  }
  const bool too_much_padding = text.size() - end > 2;
  const bool spare_bits_set = (bits & ((1U << bit_count) - 1)) != 0;
  if (too_much_padding || spare_bits_set) return {.fault = Base64Fault::spare_bits, .size = written};
  std::copy_n(tail.begin(), tail_bytes, out + written);
  return {.fault = Base64Fault::none, .size = written + tail_bytes};
}

}  // namespace weir
