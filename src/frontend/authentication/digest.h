// SHA-256 and HMAC-SHA-256 with contexts that are kept, since making one costs more than digesting a small request.
// Each object belongs to one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

struct evp_md_ctx_st;
struct evp_mac_ctx_st;

namespace weir::frontend {

inline constexpr std::size_t sha256_bytes = 32;
inline constexpr std::size_t sha256_hex_characters = 64;
using Sha256Digest = std::array<std::byte, sha256_bytes>;

[[nodiscard]] std::string to_hex(const Sha256Digest& digest);  // lower case
void append_hex(std::string& out, const Sha256Digest& digest);

// Whether two texts are equal, in a time that depends only on their lengths.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

class Sha256 {
 public:
  Sha256();
  [[nodiscard]] Sha256Digest digest(BytesView message) const;

  // A message in pieces: add each, then finish. No digest() between them; after finish the object is as new.
  void add(BytesView piece);
  [[nodiscard]] Sha256Digest finish();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;
};

// A key that is ready to authenticate any number of messages.
class HmacKey {
 public:
  explicit HmacKey(BytesView key);
  [[nodiscard]] Sha256Digest authenticate(BytesView message) const;

 private:
  struct Deleter {
    void operator()(evp_mac_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_mac_ctx_st, Deleter> context_;
};

}  // namespace weir::frontend
