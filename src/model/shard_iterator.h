// Shard iterators: where a reader of one shard goes on, sealed (API reference, section 4.4). Stateless: everything is
// in the token.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "model/token.h"

namespace weir::model {

// As asked for in GetShardIterator; iterators that GetRecords hands out keep it. Values are part of issued tokens.
enum class ShardIteratorType : std::uint8_t {
  trim_horizon = 0,
  latest = 1,
  at_sequence_number = 2,
  after_sequence_number = 3,
  at_timestamp = 4,
};

inline constexpr std::int64_t shard_iterator_age_ms_max = 300'000;
// The API's bound on the text; ours always has shard_iterator_characters.
inline constexpr std::size_t shard_iterator_characters_max = 512;
inline constexpr std::size_t shard_iterator_characters = 64;

struct ShardIterator {
  ShardKey shard;
  RecordIndex from;  // the first record wanted
  ShardIteratorType type = ShardIteratorType::trim_horizon;
  WallTime issued;  // the caller judges the age, against shard_iterator_age_ms_max

  friend bool operator==(const ShardIterator&, const ShardIterator&) = default;
};

// Under 1 us. Thread: the sealer's.
[[nodiscard]] std::string seal_iterator(TokenSealer& sealer, const ShardIterator& iterator);
// Empty when the text is no iterator of ours ("Invalid ShardIterator."). Surrounding double quotes are accepted.
[[nodiscard]] std::optional<ShardIterator> unseal_iterator(TokenSealer& sealer, std::string_view text);

}  // namespace weir::model
