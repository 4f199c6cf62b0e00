#include "kinesis/json_writer.h"

#include <immintrin.h>

#include <charconv>

#include "base/base64.h"

namespace weir::kinesis {
namespace {

constexpr std::size_t integer_characters_max = 20;
constexpr std::size_t sse_bytes = 16;

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

// Where the first character that needs an escape lies, from `position` on; text.size() when there is none.
std::size_t find_escape(std::string_view text, std::size_t position) {
  for (; position + sse_bytes <= text.size(); position += sse_bytes) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + position));
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    const int found = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    if (found != 0) return position + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(found)));
  }
  while (position < text.size() && !needs_escape(text[position])) ++position;
  return position;
}

void append_escape(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

void JsonWriter::text(std::string_view value) {
  std::size_t escape = find_escape(value, 0);
  if (escape == value.size()) {
    char* to = grow(value.size() + 3);
    *to = '"';
    value.copy(to + 1, value.size());
    to[value.size() + 1] = '"';
    to[value.size() + 2] = ',';
    return;
  }
  out_ += '"';
  std::size_t written = 0;
  for (; escape < value.size(); escape = find_escape(value, written)) {
    out_ += value.substr(written, escape - written);
    append_escape(out_, value[escape]);
    written = escape + 1;
  }
  out_ += value.substr(written);
  out_ += "\",";
}

void JsonWriter::integer(std::int64_t value) {
  char digits[integer_characters_max];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out_.append(digits, end);
  out_ += ',';
}

void JsonWriter::timestamp(WallTime value) {
  constexpr std::int64_t per_second = 1000;
  std::int64_t milliseconds = unix_milliseconds(value);
  if (milliseconds < 0) {
    out_ += '-';
    milliseconds = -milliseconds;
  }
  integer(milliseconds / per_second);
  const std::int64_t fraction = milliseconds % per_second;
  char* to = grow(4);
  to[-1] = '.';
  to[0] = static_cast<char>('0' + fraction / 100);
  to[1] = static_cast<char>('0' + fraction / 10 % 10);
  to[2] = static_cast<char>('0' + fraction % 10);
  to[3] = ',';
}

void JsonWriter::blob(BytesView value) {
  const std::size_t size = base64_encoded_size(value.size());
  char* to = grow(size + 3);
  *to = '"';
  base64_encode(value, to + 1);
  to[size + 1] = '"';
  to[size + 2] = ',';
}

}  // namespace weir::kinesis
