// Shard ids on the wire: shardId-000000000003 (API reference, sections 4.3 and GetShardIterator). Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace weir::model {

inline constexpr std::size_t shard_id_characters = 20;
// Shard indexes are 31 bits wide on the wire.
inline constexpr std::uint32_t shard_index_max = 2'147'483'647;

// Writes "shardId-" and twelve digits. shard.value <= shard_index_max.
void format_shard_id(ShardIndex shard, std::span<char, shard_id_characters> out) noexcept;
[[nodiscard]] std::string shard_id(ShardIndex shard);
// The same for the shard inside a foreign sequence number, which may be negative (shardId--02147483648).
[[nodiscard]] std::string shard_id_of_sequence(std::int32_t shard);

// Reads an id as leniently as AWS does: the piece after the first '-' up to a second '-', or the whole text when it has
// none, must be decimal digits of at most shard_index_max. Empty otherwise.
[[nodiscard]] std::optional<ShardIndex> parse_shard_id(std::string_view text) noexcept;

}  // namespace weir::model
