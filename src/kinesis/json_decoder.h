// Reads JSON for decode_members.h. Private to kinesis.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "kinesis/decode_members.h"

namespace weir::kinesis::detail {

// Whether `token` is a number as RFC 8259 writes one.
[[nodiscard]] bool is_json_number(std::string_view token);
// The number's value without its fraction, clamped. `token` is a JSON number.
[[nodiscard]] std::int64_t json_integer(std::string_view token, std::int64_t least, std::int64_t most);
// Seconds with a fraction, to the nearest millisecond. `token` is a JSON number.
[[nodiscard]] WallTime json_timestamp(std::string_view token);
// Resolves the escapes of a JSON string's inside in place and returns what is left; nothing when an escape is wrong.
[[nodiscard]] std::optional<Text> unescape_in_place(Text text);

// Times beyond this many milliseconds from 1970 are clamped: further arithmetic on them cannot overflow, and a double
// of seconds still tells every millisecond from the next.
inline constexpr std::int64_t time_ms_max = std::int64_t{1} << 51;
// Seconds since 1970 as a time, to the nearest millisecond, clamped.
[[nodiscard]] WallTime time_from_seconds(double seconds);
// A number cut to an integer and clamped; NaN is 0.
[[nodiscard]] std::int64_t integer_from_double(double value, std::int64_t least, std::int64_t most);

[[nodiscard]] std::expected<void, ApiError> decode_json(MutableBytes body, const Structure& structure, void* object);
[[nodiscard]] bool is_json_map(MutableBytes body);

}  // namespace weir::kinesis::detail
