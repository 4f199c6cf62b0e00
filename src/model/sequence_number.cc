#include "model/sequence_number.h"

#include <cstring>

#include "base/assert.h"

namespace weir::model {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t ten_to_19 = 10'000'000'000'000'000'000U;
constexpr std::uint64_t second_mask = (std::uint64_t{1} << 36) - 1;
constexpr std::size_t hex_digits_v2 = 47;

std::uint64_t checked_seconds(std::int64_t seconds) noexcept {
  WEIR_ASSERT(seconds >= 0 && static_cast<std::uint64_t>(seconds) <= second_mask);
  return static_cast<std::uint64_t>(seconds);
}

// Divides in place and returns the remainder.
std::uint64_t divide(SequenceValue& value, std::uint64_t divisor) noexcept {
  Wide remainder = value.high % divisor;
  value.high /= divisor;
  const Wide middle = (remainder << 64) | value.middle;
  value.middle = static_cast<std::uint64_t>(middle / divisor);
  remainder = middle % divisor;
  const Wide low = (remainder << 64) | value.low;
  value.low = static_cast<std::uint64_t>(low / divisor);
  return static_cast<std::uint64_t>(low % divisor);
}

// Multiplies by ten and adds; false when the result needs more than 192 bits.
bool push_digit(SequenceValue& value, std::uint64_t digit) noexcept {
  const Wide low = Wide{value.low} * 10 + digit;
  const Wide middle = Wide{value.middle} * 10 + static_cast<std::uint64_t>(low >> 64);
  const Wide high = Wide{value.high} * 10 + static_cast<std::uint64_t>(middle >> 64);
  value = {static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(middle), static_cast<std::uint64_t>(high)};
  return (high >> 64) == 0;
}

constexpr auto digit_pairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// Writes exactly `width` digits that end before `end`.
void write_digits(char* end, std::uint64_t value, std::size_t width) noexcept {
  for (; width >= 2; width -= 2, value /= 100) std::memcpy(end -= 2, &digit_pairs[2 * (value % 100)], 2);
  if (width == 1) *--end = static_cast<char>('0' + value % 10);
}

std::size_t hex_length(const SequenceValue& value) noexcept {
  const auto bits_of = [](std::uint64_t word) { return static_cast<std::size_t>(64 - __builtin_clzll(word)); };
  std::size_t bits = 0;
  if (value.high != 0) {
    bits = 128 + bits_of(value.high);
  } else if (value.middle != 0) {
    bits = 64 + bits_of(value.middle);
  } else if (value.low != 0) {
    bits = bits_of(value.low);
  }
  return (bits + 3) / 4;
}

// Hexadecimal digits of a number, counted from the left as the reference's table does.
class HexDigits {
 public:
  explicit HexDigits(const SequenceValue& value) noexcept : value_(value), length_(hex_length(value)) {}
  [[nodiscard]] std::size_t length() const noexcept { return length_; }
  // Digits [first, first + count), count <= 16.
  [[nodiscard]] std::uint64_t at(std::size_t first, std::size_t count) const noexcept {
    const std::size_t shift = 4 * (length_ - first - count);
    const std::uint64_t words[] = {value_.low, value_.middle, value_.high, 0};
    const std::size_t word = shift / 64;
    const std::size_t offset = shift % 64;
    Wide both = (Wide{words[word + 1]} << 64) | words[word];
    both >>= offset;
    const std::uint64_t mask = count == 16 ? ~std::uint64_t{0} : (std::uint64_t{1} << (4 * count)) - 1;
    return static_cast<std::uint64_t>(both) & mask;
  }

 private:
  SequenceValue value_;
  std::size_t length_;
};

std::optional<SequenceNumber> unpack(const HexDigits& digits, std::uint8_t version) noexcept {
  SequenceNumber number;
  number.version = version;
  const auto created = static_cast<std::int64_t>(digits.at(1, 9));
  if (created >= sequence_created_seconds_limit) return std::nullopt;
  number.shard_created = WallTime(seconds(created));
  if (version == 0) {
    number.shard = static_cast<std::int32_t>(digits.at(28, 4));
    return number;
  }
  number.shard = static_cast<std::int32_t>(static_cast<std::uint32_t>(digits.at(38, 8)));
  if (version == 1) {
    number.record_seconds = static_cast<std::int64_t>(digits.at(13, 9));
    number.index = RecordIndex{digits.at(36, 2)};
    return number;
  }
  number.index = RecordIndex{digits.at(11, 16)};
  if (number.index > ending_record_index) return std::nullopt;
  number.record_seconds = static_cast<std::int64_t>(digits.at(29, 9));
  return number;
}

}  // namespace

SequenceNumber record_sequence_number(WallTime created, ShardIndex shard, RecordIndex index,
                                      WallTime arrival) noexcept {
  return {.shard_created = std::chrono::floor<seconds>(created),
          .shard = static_cast<std::int32_t>(shard.value),
          .index = index,
          .record_seconds = unix_seconds(arrival)};
}

SequenceNumber starting_sequence_number(WallTime created, ShardIndex shard) noexcept {
  return record_sequence_number(created, shard, RecordIndex{0}, created);
}

SequenceNumber ending_sequence_number(WallTime created, ShardIndex shard, WallTime closed) noexcept {
  return record_sequence_number(created, shard, ending_record_index, closed);
}

SequenceValue value_of(const SequenceNumber& number) noexcept {
  WEIR_ASSERT(number.version == 2);
  WEIR_ASSERT(number.index <= ending_record_index);
  const std::uint64_t created = checked_seconds(unix_seconds(number.shard_created));
  const std::uint64_t record = checked_seconds(number.record_seconds);
  const auto shard = static_cast<std::uint32_t>(number.shard);
  SequenceValue value;
  value.low = 2 | (std::uint64_t{shard} << 4) | (record << 36);
  value.middle = (record >> 28) | (number.index.value << 16);
  value.high =
      (number.index.value >> 48) | (std::uint64_t{shard & 0xf} << 16) | (created << 20) | (std::uint64_t{2} << 56);
  return value;
}

void format(const SequenceNumber& number, std::span<char, sequence_number_digits> out) noexcept {
  SequenceValue value = value_of(number);
  char* end = out.data() + out.size();
  write_digits(end, divide(value, ten_to_19), 19);
  write_digits(end - 19, divide(value, ten_to_19), 19);
  write_digits(end - 38, value.low, 18);
}

std::string to_string(const SequenceNumber& number) {
  std::array<char, sequence_number_digits> text;
  format(number, text);
  return {text.data(), text.size()};
}

std::optional<SequenceNumber> parse_sequence_number(std::string_view text) noexcept {
  if (text.empty() || text.size() > sequence_number_digits_max) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  SequenceValue value;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (!push_digit(value, static_cast<std::uint64_t>(c - '0'))) return std::nullopt;
  }
  constexpr SequenceValue two_to_124{0, std::uint64_t{1} << 60, 0};
  constexpr SequenceValue two_to_129{0, 0, 2};
  if (value < two_to_124) value.middle |= two_to_124.middle;
  const HexDigits digits(value);
  if (value < two_to_129) return unpack(digits, 0);
  if (digits.length() != hex_digits_v2 || digits.at(0, 1) != 2) return std::nullopt;
  const std::uint64_t version = digits.at(46, 1);
  if (version != 1 && version != 2) return std::nullopt;
  return unpack(digits, static_cast<std::uint8_t>(version));
}

}  // namespace weir::model
