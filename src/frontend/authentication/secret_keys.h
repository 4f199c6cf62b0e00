// SecretKeys: encrypt the secrets of access keys on their way through the directory and the metadata store, which never
// see them in clear. AES-256-GCM under a key of the fleet; the access key id, its account and its expiry are
// authenticated with it, so that nobody can put one key's secret under another's name or prolong it.
//
// The keys are a text file of mode 0600, one key to a line: 32 bytes in base64. Blank lines and lines that begin with #
// mean nothing. The first key encrypts; all of them decrypt, so that keys can be changed one process after the other. A
// key is told from others by eight bytes of its SHA-256 (its id), which stand before what it encrypted.
//
// Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "env/file.h"
#include "frontend/authentication/credentials.h"

namespace weir::frontend {

inline constexpr std::size_t secret_key_bytes = 32;
inline constexpr std::size_t secret_keys_max = 16;
inline constexpr std::size_t secret_bytes_max = 1'024;
inline constexpr std::size_t session_token_bytes_max = 4'096;

// Whose secret it is; in clear, and authenticated.
struct SecretOwner {
  std::string_view access_key_id;
  std::string_view account;
  std::optional<WallTime> expires;
};

// What is encrypted.
struct Secret {
  std::string secret_access_key;  // 1 to secret_bytes_max bytes
  std::string session_token;      // up to session_token_bytes_max; empty: none
  friend bool operator==(const Secret&, const Secret&) = default;
};

class SecretKeys {
 public:
  // Errors: invalid_argument with file and line for a line that is no key, a key that is there twice, and no key at
  // all; limit_exceeded for more than secret_keys_max.
  [[nodiscard]] static Result<SecretKeys> parse(std::string_view text, std::string_view file_name);

  // Under the first key. Errors: invalid_argument for a secret that is empty or too long.
  [[nodiscard]] Result<std::string> seal(env::Core& core, const SecretOwner& owner, const Secret& secret) const;
  // Errors: not_found when none of the keys encrypted it; unsupported for a newer form; corrupt for anything that is
  // not what seal() made for this owner.
  [[nodiscard]] Result<Secret> open(const SecretOwner& owner, std::string_view sealed) const;
  // Whether the first key encrypted it.
  [[nodiscard]] bool is_current(std::string_view sealed) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }

 private:
  struct Key {
    std::array<std::byte, secret_key_bytes> bytes;
    std::array<std::byte, 8> id;
  };

  std::vector<Key> keys_;
};

// Which key encrypted it, as 16 hexadecimal digits; "unknown" for what seal() did not make.
[[nodiscard]] std::string secret_key_name(std::string_view sealed);
// The content of a new file with one random key.
[[nodiscard]] std::string make_secret_key_file(env::Core& core);
// Checks the permissions of the file, reads and parses it. Errors: as parse, check_credentials_permissions, and as
// reading a file.
[[nodiscard]] env::Task<Result<SecretKeys>> load_secret_keys(env::FileSystem& files, std::string path);

}  // namespace weir::frontend
