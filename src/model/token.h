// Tokens that clients hold for us: shard iterators and pagination tokens. The body is authenticated with
// HMAC-SHA256, so that a client can neither change it nor make one up; it holds nothing secret. HMAC needs no nonce,
// and iterators are made by the hundred thousand a second, which would use up the random nonces of AES-GCM in hours.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"

struct evp_mac_ctx_st;

namespace weir::model {

inline constexpr std::size_t token_key_bytes = 32;
// The API's bound on any pagination token.
inline constexpr std::size_t token_characters_max = 1'048'576;

// What a token is for. A token of one kind is never accepted as another. Values are part of issued tokens: never
// change.
enum class TokenKind : std::uint8_t { shard_iterator = 1, list_shards = 2, list_streams = 3 };

// Seals and unseals under one key. Not shared: one per core, all with the same key.
class TokenSealer {
 public:
  explicit TokenSealer(std::span<const std::byte, token_key_bytes> key);
  TokenSealer(TokenSealer&&) noexcept = default;
  TokenSealer& operator=(TokenSealer&&) noexcept = default;
  ~TokenSealer() = default;

  // Base64 text of the body and its seal: 4/3 of (body + 17) bytes, rounded up to a multiple of 4.
  [[nodiscard]] std::string seal(TokenKind kind, BytesView body);
  // The body; empty when the text is not a token of this kind sealed under this key. Text in double quotes is accepted.
  [[nodiscard]] std::optional<std::vector<std::byte>> unseal(TokenKind kind, std::string_view text);

 private:
  struct ContextDeleter {
    void operator()(evp_mac_ctx_st* context) const noexcept;
  };
  static constexpr std::size_t seal_bytes = 16;
  void authenticate(BytesView message, std::span<std::byte, seal_bytes> seal);
  std::unique_ptr<evp_mac_ctx_st, ContextDeleter> context_;
};

}  // namespace weir::model
