#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "kinesis/json_decoder.h"

namespace weir::kinesis::detail {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view token, std::size_t position) {
  while (position < token.size() && is_digit(token[position])) ++position;
  return position;
}

double json_double(std::string_view token) {
  double value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error == std::errc::result_out_of_range) {
    // Too large or too small to tell apart by the value: a negative exponent means almost zero.
    const std::size_t exponent = token.find_first_of("eE");
    if (exponent != std::string_view::npos && token[exponent + 1] == '-') return 0;
    return token[0] == '-' ? -HUGE_VAL : HUGE_VAL;
  }
  return value;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The UTF-16 unit written as four hexadecimal digits at `from`; -1 when they are not there.
int utf16_unit(const char* from, const char* end) {
  if (end - from < 4) return -1;
  int unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(from[i]);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

char* put_utf8(char* to, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return to;
}

// Reads the unit or pair behind `\u` at `from` and writes its UTF-8 to `to`, which lies before. False when it is no
// character; a lone surrogate is none.
bool unescape_unicode(const char*& from, const char* end, char*& to) {
  constexpr int high_first = 0xD800;
  constexpr int low_first = 0xDC00;
  constexpr int low_last = 0xDFFF;
  const int unit = utf16_unit(from, end);
  if (unit < 0 || (unit >= low_first && unit <= low_last)) return false;
  from += 4;
  auto code = static_cast<std::uint32_t>(unit);
  if (unit >= high_first && unit < low_first) {
    if (end - from < 6 || from[0] != '\\' || from[1] != 'u') return false;
    const int low = utf16_unit(from + 2, end);
    if (low < low_first || low > low_last) return false;
    from += 6;
    code =
        0x10000 + (static_cast<std::uint32_t>(unit - high_first) << 10 | static_cast<std::uint32_t>(low - low_first));
  }
  to = put_utf8(to, code);
  return true;
}

// The character that `\c` stands for; 0 when there is none.
char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

}  // namespace

bool is_json_number(std::string_view token) {
  std::size_t position = token.starts_with('-') ? 1 : 0;
  const std::size_t whole = position;
  position = skip_digits(token, position);
  if (position == whole || (token[whole] == '0' && position > whole + 1)) return false;
  if (position < token.size() && token[position] == '.') {
    const std::size_t fraction = ++position;
    position = skip_digits(token, position);
    if (position == fraction) return false;
  }
  if (position < token.size() && (token[position] == 'e' || token[position] == 'E')) {
    ++position;
    if (position < token.size() && (token[position] == '+' || token[position] == '-')) ++position;
    const std::size_t exponent = position;
    position = skip_digits(token, position);
    if (position == exponent) return false;
  }
  return position == token.size();
}

std::int64_t integer_from_double(double value, std::int64_t least, std::int64_t most) {
  if (std::isnan(value)) return 0;
  if (value >= static_cast<double>(most)) return most;
  if (value <= static_cast<double>(least)) return least;
  return std::clamp(static_cast<std::int64_t>(value), least, most);
}

std::int64_t json_integer(std::string_view token, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error == std::errc{} && end == token.data() + token.size()) return std::clamp(value, least, most);
  return integer_from_double(json_double(token), least, most);
}

WallTime time_from_seconds(double seconds) {
  if (std::isnan(seconds)) return {};
  return wall_time_ms(static_cast<std::int64_t>(
      std::round(std::clamp(seconds * 1000, -static_cast<double>(time_ms_max), static_cast<double>(time_ms_max)))));
}

WallTime json_timestamp(std::string_view token) { return time_from_seconds(json_double(token)); }

std::optional<Text> unescape_in_place(Text text) {
  const char* from = text.data();
  const char* const end = from + text.size();
  char* to = text.data();
  while (from < end) {
    const auto* escape = static_cast<const char*>(std::memchr(from, '\\', static_cast<std::size_t>(end - from)));
    const char* const plain_end = escape == nullptr ? end : escape;
    const auto plain = static_cast<std::size_t>(plain_end - from);
    std::memmove(to, from, plain);
    to += plain;
    if (escape == nullptr) break;
    from = escape + 2;
    if (from > end) return std::nullopt;
    if (escape[1] == 'u') {
      if (!unescape_unicode(from, end, to)) return std::nullopt;
    } else {
      *to = simple_escape(escape[1]);
      if (*to++ == 0) return std::nullopt;
    }
  }
  return Text(text.data(), static_cast<std::size_t>(to - text.data()));
}

}  // namespace weir::kinesis::detail
