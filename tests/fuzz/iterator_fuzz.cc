// Shard iterators and other tokens: text from outside must never crash, and never unseal to what was not sealed here.
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/shard_iterator.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  static constexpr std::array<std::byte, model::token_key_bytes> key{std::byte{0x5C}, std::byte{0x11}};
  static model::TokenSealer sealer{key};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The only iterator that was ever sealed under this key; texts that spell the same bytes otherwise may pass too.
  static const model::ShardIterator own{
      .shard = {{1}, {2}}, .from = {3}, .type = model::ShardIteratorType::latest, .issued = wall_time_ms(4)};
  static const std::string own_text = model::seal_iterator(sealer, own);
  if (model::unseal_iterator(sealer, own_text) != own) std::abort();
  const auto iterator = model::unseal_iterator(sealer, text);
  if (iterator.has_value() && *iterator != own) std::abort();

  const auto sealed = sealer.seal(model::TokenKind::list_shards, as_bytes(text));
  const auto unsealed = sealer.unseal(model::TokenKind::list_shards, sealed);
  if (!unsealed.has_value() || as_text(*unsealed) != text) std::abort();
  if (sealer.unseal(model::TokenKind::list_streams, sealed).has_value()) std::abort();
  return 0;
}
