#include "cell/remote/bytes_field.h"

#include <cstdint>
#include <optional>

namespace weir::cell {
namespace {

constexpr unsigned length_delimited = 2;
constexpr unsigned varint_bytes_max = 10;

[[nodiscard]] constexpr char tag_of(int field) noexcept {
  return static_cast<char>(static_cast<unsigned>(field) << 3 | length_delimited);
}

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

// Takes a number off the front; empty when there is none.
std::optional<std::uint64_t> take_varint(BytesView& rest) noexcept {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < varint_bytes_max && i < rest.size(); ++i) {
    const auto byte = static_cast<std::uint64_t>(rest[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      rest = rest.subspan(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

// One field at the front of a message; of those that are not length-delimited only that they are there.
struct WireField {
  std::uint64_t number = 0;
  std::optional<BytesView> bytes;
};
std::optional<WireField> take_field(BytesView& rest) noexcept {
  const auto tag = take_varint(rest);
  if (!tag || *tag >> 3 == 0 || *tag > 0xffff'ffff) return std::nullopt;
  WireField field{.number = *tag >> 3, .bytes = std::nullopt};
  std::uint64_t length = 0;
  switch (*tag & 7) {
    case 0: return take_varint(rest) ? std::optional(field) : std::nullopt;
    case 1: length = 8; break;
    case 5: length = 4; break;
    case length_delimited:
      if (const auto given = take_varint(rest)) {
        length = *given;
        break;
      }
      return std::nullopt;
    default: return std::nullopt;
  }
  if (length > rest.size()) return std::nullopt;
  if ((*tag & 7) == length_delimited) field.bytes = rest.first(length);
  rest = rest.subspan(length);
  return field;
}

}  // namespace

Result<WithoutBytes> split_off(std::string_view message, int number) {
  WithoutBytes parts;
  BytesView left = as_bytes(message);
  while (!left.empty()) {
    const BytesView from_here = left;
    const auto field = take_field(left);
    if (!field) return fail(ErrorCode::corrupt, "not a message of the cell's RPC");
    if (field->bytes && field->number == static_cast<std::uint64_t>(number)) {
      parts.bytes = *field->bytes;
    } else {
      parts.rest.append(as_text(from_here.first(from_here.size() - left.size())));
    }
  }
  return parts;
}

void begin_bytes(std::string& message, int number, std::size_t bytes, std::size_t room) {
  message.reserve(message.size() + 1 + varint_bytes_max + room);
  message.push_back(tag_of(number));
  append_varint(message, bytes);
}

}  // namespace weir::cell
