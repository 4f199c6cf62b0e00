#include "model/shard_iterator.h"

#include <array>

namespace weir::model {
namespace {

// stream 8, shard 4, from 8, issued 8, type 1, format 1
constexpr std::size_t body_bytes = 30;
constexpr std::byte format_version{1};

}  // namespace

std::string seal_iterator(TokenSealer& sealer, const ShardIterator& iterator) {
  std::array<std::byte, body_bytes> body;
  store_le(body.data(), iterator.shard.stream.value);
  store_le(body.data() + 8, iterator.shard.shard.value);
  store_le(body.data() + 12, iterator.from.value);
  store_le(body.data() + 20, static_cast<std::uint64_t>(unix_milliseconds(iterator.issued)));
  body[28] = static_cast<std::byte>(iterator.type);
  body[29] = format_version;
  return sealer.seal(TokenKind::shard_iterator, body);
}

std::optional<ShardIterator> unseal_iterator(TokenSealer& sealer, std::string_view text) {
  if (text.size() > shard_iterator_characters_max) return std::nullopt;
  const auto body = sealer.unseal(TokenKind::shard_iterator, text);
  if (!body || body->size() != body_bytes || (*body)[29] != format_version) return std::nullopt;
  if ((*body)[28] > static_cast<std::byte>(ShardIteratorType::at_timestamp)) return std::nullopt;
  const std::byte* bytes = body->data();
  return ShardIterator{
      .shard = {StreamId{load_le<std::uint64_t>(bytes)}, ShardIndex{load_le<std::uint32_t>(bytes + 8)}},
      .from = RecordIndex{load_le<std::uint64_t>(bytes + 12)},
      .type = static_cast<ShardIteratorType>((*body)[28]),
      .issued = wall_time_ms(static_cast<std::int64_t>(load_le<std::uint64_t>(bytes + 20))),
  };
}

}  // namespace weir::model
