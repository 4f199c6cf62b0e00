#include "frontend/authentication/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/assert.h"

namespace weir::frontend {
namespace {

// Fetched once for the process and never freed: fetching takes locks.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  WEIR_ASSERT_NOTE(algorithm != nullptr, "OpenSSL has no SHA-256");
  return algorithm;
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  WEIR_ASSERT_NOTE(algorithm != nullptr, "OpenSSL has no HMAC");
  return algorithm;
}

unsigned char* octets(Sha256Digest& digest) { return reinterpret_cast<unsigned char*>(digest.data()); }
const unsigned char* octets(BytesView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

void append_hex(std::string& out, const Sha256Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<char, sha256_hex_characters> text;
  char* to = text.data();
  for (const std::byte byte : digest) {
    *to++ = digits[std::to_integer<unsigned>(byte) >> 4];
    *to++ = digits[std::to_integer<unsigned>(byte) & 15];
  }
  out.append(text.data(), text.size());
}

std::string to_hex(const Sha256Digest& digest) {
  std::string out;
  out.reserve(sha256_hex_characters);
  append_hex(out, digest);
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Sha256::Deleter::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  WEIR_ASSERT(context_ != nullptr && EVP_DigestInit_ex2(context_.get(), sha256_algorithm(), nullptr) == 1);
}

Sha256Digest Sha256::digest(BytesView message) const {
  Sha256Digest out;
  // No algorithm: the context starts again with the one it has.
  const bool done = EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1 &&
                    EVP_DigestUpdate(context_.get(), message.data(), message.size()) == 1 &&
                    EVP_DigestFinal_ex(context_.get(), octets(out), nullptr) == 1;
  WEIR_ASSERT(done);
  return out;
}

void Sha256::add(BytesView piece) {
  const bool done = EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1;
  WEIR_ASSERT(done);
}

Sha256Digest Sha256::finish() {
  Sha256Digest out;
  const bool done = EVP_DigestFinal_ex(context_.get(), octets(out), nullptr) == 1 &&
                    EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1;
  WEIR_ASSERT(done);
  return out;
}

void HmacKey::Deleter::operator()(evp_mac_ctx_st* context) const noexcept { EVP_MAC_CTX_free(context); }

HmacKey::HmacKey(BytesView key) : context_(EVP_MAC_CTX_new(hmac_algorithm())) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
  WEIR_ASSERT(context_ != nullptr && EVP_MAC_init(context_.get(), octets(key), key.size(), parameters) == 1);
}

Sha256Digest HmacKey::authenticate(BytesView message) const {
  Sha256Digest out;
  std::size_t length = 0;
  // No key: the context starts again with the one it has.
  const bool done = EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
                    EVP_MAC_update(context_.get(), octets(message), message.size()) == 1 &&
                    EVP_MAC_final(context_.get(), octets(out), &length, out.size()) == 1;
  WEIR_ASSERT(done && length == out.size());
  return out;
}

}  // namespace weir::frontend
