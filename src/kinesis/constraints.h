// Constraints: what a member's value must satisfy, as the API's model states it (API reference §3.3). They are data:
// the validator reads them, and the same data bounds how much a decoder stores.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace weir::kinesis {

inline constexpr std::uint32_t unlimited_length = std::numeric_limits<std::uint32_t>::max();

// A regular expression of the model: its text for messages, and a hand-written whole-string match (linear time).
struct Pattern {
  std::string_view text;
  bool (*matches)(std::string_view value);
};

struct LengthRange {
  std::uint32_t least = 0;
  std::uint32_t most = unlimited_length;
  [[nodiscard]] constexpr bool is_set() const noexcept { return least != 0 || most != unlimited_length; }
};

struct Constraints {
  bool required = false;
  std::int64_t least = std::numeric_limits<std::int64_t>::min();  // numbers
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  LengthRange length;       // text: UTF-16 units; blob: bytes; list and map: entries
  LengthRange item_length;  // each text of a list
  LengthRange map_key_length;
  LengthRange map_value_length;
  const Pattern* pattern = nullptr;
};

// Whole-string matches. Any thread.
[[nodiscard]] bool is_name(std::string_view value);             // [a-zA-Z0-9_.-]+
[[nodiscard]] bool is_hash_key(std::string_view value);         // 0|([1-9]\d{0,38})
[[nodiscard]] bool is_sequence_number(std::string_view value);  // 0|([1-9]\d{0,128})
[[nodiscard]] bool is_stream_arn(std::string_view value);       // arn:aws.*:kinesis:.*:\d{12}:stream/\S+

// The named types of the model. `required(x)` is x for a member that must be there.
namespace constraint {

inline constexpr Pattern name_pattern{"[a-zA-Z0-9_.-]+", is_name};
inline constexpr Pattern hash_key_pattern{"0|([1-9]\\d{0,38})", is_hash_key};
inline constexpr Pattern sequence_number_pattern{"0|([1-9]\\d{0,128})", is_sequence_number};
inline constexpr Pattern stream_arn_pattern{"arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+", is_stream_arn};

[[nodiscard]] constexpr Constraints required(Constraints constraints) {
  constraints.required = true;
  return constraints;
}
[[nodiscard]] constexpr Constraints range(std::int64_t least, std::int64_t most) {
  return {.least = least, .most = most};
}

inline constexpr Constraints none{};
inline constexpr Constraints stream_name{.length = {1, 128}, .pattern = &name_pattern};
inline constexpr Constraints shard_id{.length = {1, 128}, .pattern = &name_pattern};
inline constexpr Constraints stream_arn{.length = {1, 2048}, .pattern = &stream_arn_pattern};
inline constexpr Constraints hash_key{.pattern = &hash_key_pattern};
inline constexpr Constraints sequence_number{.pattern = &sequence_number_pattern};
inline constexpr Constraints partition_key{.length = {1, 256}};
inline constexpr Constraints record_data{.length = {0, 10485760}};
inline constexpr Constraints record_entries{.length = {1, 500}};
inline constexpr Constraints shard_iterator{.length = {1, 512}};
inline constexpr Constraints next_token{.length = {1, 1048576}};
inline constexpr Constraints tag_key{.length = {1, 128}};
inline constexpr Constraints tag_keys{.length = {1, 50}, .item_length = {1, 128}};
inline constexpr Constraints tag_map{.length = {1, 200}, .map_key_length = {1, 128}, .map_value_length = {0, 256}};
inline constexpr Constraints page_limit = range(1, 10000);
inline constexpr Constraints tag_page_limit = range(1, 50);
inline constexpr Constraints positive{.least = 1};
inline constexpr Constraints natural{.least = 0};
inline constexpr Constraints record_size_kib = range(1024, 10240);

}  // namespace constraint
}  // namespace weir::kinesis
