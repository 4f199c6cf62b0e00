#include "kinesis/constraints.h"

#include <algorithm>
#include <cstddef>

namespace weir::kinesis {
namespace {

constexpr std::string_view kinesis_part = ":kinesis:";
constexpr std::string_view stream_part = ":stream/";
constexpr std::size_t account_digits = 12;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_decimal_of_at_most(std::string_view value, std::size_t digits_max) {
  if (value == "0") return true;
  return !value.empty() && value.size() <= digits_max && value[0] != '0' && std::ranges::all_of(value, is_digit);
}

// What `\S` refuses.
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Where the first line terminator starts, which `.` does not match: LF, CR, NEL, LS and PS.
std::size_t find_line_end(std::string_view text) {
  constexpr std::string_view others[] = {"\n", "\r", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
  std::size_t found = text.size();
  for (const auto other : others) found = std::min(found, text.find(other));
  return found;
}

}  // namespace

bool is_name(std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
  });
}

bool is_hash_key(std::string_view value) { return is_decimal_of_at_most(value, 39); }

bool is_sequence_number(std::string_view value) { return is_decimal_of_at_most(value, 129); }

// Looks for any `:<12 digits>:stream/` that lies behind `:kinesis:`, before the first line end, and after which no
// blank comes: exactly the strings that the expression with its two free parts matches.
bool is_stream_arn(std::string_view value) {
  constexpr std::string_view prefix = "arn:aws";
  if (!value.starts_with(prefix)) return false;
  const std::size_t kinesis = value.find(kinesis_part, prefix.size());
  if (kinesis == std::string_view::npos) return false;
  const std::size_t line_end = find_line_end(value);
  const auto last_blank = std::find_if(value.rbegin(), value.rend(), is_blank);
  const std::size_t resource_least = static_cast<std::size_t>(value.rend() - last_blank);

  std::size_t stream = value.find(stream_part, kinesis + kinesis_part.size());
  for (; stream != std::string_view::npos; stream = value.find(stream_part, stream + 1)) {
    const std::size_t resource = stream + stream_part.size();
    if (stream < kinesis + kinesis_part.size() + 1 + account_digits) continue;
    const std::size_t account = stream - account_digits;
    if (value[account - 1] == ':' && account - 1 <= line_end && resource >= resource_least && resource < value.size() &&
        std::ranges::all_of(value.substr(account, account_digits), is_digit)) {
      return true;
    }
  }
  return false;
}

}  // namespace weir::kinesis
