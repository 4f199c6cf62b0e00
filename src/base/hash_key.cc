#include "base/hash_key.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/assert.h"

namespace weir {
namespace {

constexpr std::size_t decimal_digits_max = 39;
constexpr std::size_t md5_bytes = 16;

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct FreeDigest {
  void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
};

// Fetching the algorithm and making the context cost more than digesting a short key, so each thread keeps its own.
struct Md5 {
  std::unique_ptr<EVP_MD, FreeDigest> digest{EVP_MD_fetch(nullptr, "MD5", nullptr)};
  std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context{EVP_MD_CTX_new()};
};

}  // namespace

std::optional<HashKey> parse_hash_key(std::string_view text) noexcept {
  if (text.empty() || text.size() > decimal_digits_max) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  unsigned __int128 value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, static_cast<unsigned __int128>(10), &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<unsigned __int128>(c - '0'), &value)) return std::nullopt;
  }
  return HashKey{value};
}

std::string to_string(HashKey key) {
  std::array<char, decimal_digits_max> digits{};
  std::size_t first = digits.size();
  do {
    digits[--first] = static_cast<char>('0' + static_cast<int>(key.value % 10));
    key.value /= 10;
  } while (key.value != 0);
  return {digits.data() + first, digits.size() - first};
}

HashKey hash_partition_key(std::string_view partition_key) noexcept {
  static thread_local const Md5 md5;
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  const bool digested = EVP_DigestInit_ex2(md5.context.get(), md5.digest.get(), nullptr) == 1 &&
                        EVP_DigestUpdate(md5.context.get(), partition_key.data(), partition_key.size()) == 1 &&
                        EVP_DigestFinal_ex(md5.context.get(), out.data(), &length) == 1;
  WEIR_ASSERT_NOTE(digested && length == md5_bytes, "this OpenSSL offers no MD5, which Kinesis routing needs");
  HashKey key;
  for (std::size_t i = 0; i < md5_bytes; ++i) key.value = (key.value << 8) | out[i];
  return key;
}

}  // namespace weir
