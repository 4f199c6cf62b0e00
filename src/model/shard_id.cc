#include "model/shard_id.h"

#include <cstring>

#include "base/assert.h"

namespace weir::model {
namespace {

constexpr std::string_view prefix = "shardId-";

}  // namespace

void format_shard_id(ShardIndex shard, std::span<char, shard_id_characters> out) noexcept {
  WEIR_ASSERT(shard.value <= shard_index_max);
  std::memcpy(out.data(), prefix.data(), prefix.size());
  std::uint32_t rest = shard.value;
  for (std::size_t i = out.size(); i > prefix.size(); --i, rest /= 10) out[i - 1] = static_cast<char>('0' + rest % 10);
}

std::string shard_id(ShardIndex shard) {
  std::array<char, shard_id_characters> text;
  format_shard_id(shard, text);
  return {text.data(), text.size()};
}

std::string shard_id_of_sequence(std::int32_t shard) {
  if (shard >= 0) return shard_id(ShardIndex{static_cast<std::uint32_t>(shard)});
  const std::string digits = std::to_string(-std::int64_t{shard});
  return std::string(prefix) + "-" + std::string(11 - digits.size(), '0') + digits;
}

std::optional<ShardIndex> parse_shard_id(std::string_view text) noexcept {
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    text.remove_prefix(dash + 1);
    text = text.substr(0, text.find('-'));
  }
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > shard_index_max) return std::nullopt;
  }
  return ShardIndex{static_cast<std::uint32_t>(value)};
}

}  // namespace weir::model
