#include "model/token.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace weir::model {
namespace {

// Base64 text of `bytes`, with padding.
std::string encode_base64(BytesView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // one more: OpenSSL ends with a zero byte
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.size() - std::min(text.find_last_not_of('=') + 1, text.size());
  if (padding > 2) return std::nullopt;
  std::vector<std::byte> bytes(text.size() / 4 * 3);
  const int decoded =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  // Shorter than asked for: OpenSSL skipped white space, which no token has.
  if (decoded < 0 || static_cast<std::size_t>(decoded) != bytes.size()) return std::nullopt;
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace

void TokenSealer::ContextDeleter::operator()(evp_mac_ctx_st* context) const noexcept { EVP_MAC_CTX_free(context); }

TokenSealer::TokenSealer(std::span<const std::byte, token_key_bytes> key) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  WEIR_ASSERT_NOTE(mac != nullptr, "OpenSSL has no HMAC");
  context_.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);
  WEIR_ASSERT(context_ != nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
  const int keyed =
      EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(), parameters);
  WEIR_ASSERT(keyed == 1);
}

void TokenSealer::authenticate(BytesView message, std::span<std::byte, seal_bytes> seal) {
  std::array<unsigned char, 32> full;
  std::size_t length = 0;
  // Without a key the context starts over under the one it has, which saves hashing the key again.
  const bool done =
      EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
      EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1 &&
      EVP_MAC_final(context_.get(), full.data(), &length, full.size()) == 1;
  WEIR_ASSERT(done && length == full.size());
  std::memcpy(seal.data(), full.data(), seal.size());
}

std::string TokenSealer::seal(TokenKind kind, BytesView body) {
  // kind, body, seal
  std::vector<std::byte> bytes(1 + body.size() + seal_bytes);
  WEIR_ASSERT(bytes.size() <= token_characters_max / 4 * 3);
  bytes[0] = static_cast<std::byte>(kind);
  std::ranges::copy(body, bytes.begin() + 1);
  const std::size_t signed_bytes = 1 + body.size();
  authenticate(BytesView(bytes).first(signed_bytes), MutableBytes(bytes).subspan(signed_bytes).first<seal_bytes>());
  return encode_base64(bytes);
}

std::optional<std::vector<std::byte>> TokenSealer::unseal(TokenKind kind, std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  if (text.size() > token_characters_max) return std::nullopt;
  auto bytes = decode_base64(text);
  if (!bytes || bytes->size() < 1 + seal_bytes) return std::nullopt;
  const std::size_t signed_bytes = bytes->size() - seal_bytes;
  std::array<std::byte, seal_bytes> expected;
  authenticate(BytesView(*bytes).first(signed_bytes), expected);
  if (CRYPTO_memcmp(expected.data(), bytes->data() + signed_bytes, seal_bytes) != 0) return std::nullopt;
  if (bytes->front() != static_cast<std::byte>(kind)) return std::nullopt;
  bytes->resize(signed_bytes);
  bytes->erase(bytes->begin());
  return bytes;
}

}  // namespace weir::model
