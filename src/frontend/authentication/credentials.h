// Credentials: the access keys that may call the API, and the accounts they belong to.
//
// A set is read whole from a file, or made whole from a shard map (map_credentials.h), and never changes; a reload
// makes a new one, which each core's Authenticator takes in place of the old. The file:
//
//   [[credential]]
//   access_key_id = "AKIAEXAMPLE"
//   secret_access_key = "..."
//   account = "123456789012"
//   session_token = "..."               # optional: requests must carry it
//   expires = 2026-12-31T00:00:00Z      # optional
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/file.h"
#include "env/task.h"

namespace weir::frontend {

struct Credential {
  std::string access_key_id;
  std::string secret_access_key;
  std::string account;        // 12 digits
  std::string session_token;  // empty: none is asked for, and one that is sent is ignored
  std::optional<WallTime> expires;
};

inline constexpr std::string_view well_known_access_key_id = "test";
inline constexpr std::string_view default_account = "000000000000";
inline constexpr std::size_t credentials_max = 10'000;
inline constexpr std::uint64_t credentials_file_bytes_max = 4'194'304;

// Any thread.
class CredentialSet {
 public:
  // The one credential of a fresh installation: key `test`, secret `test`, account 000000000000.
  [[nodiscard]] static CredentialSet well_known();
  // Of two with one access key id, the first.
  [[nodiscard]] static CredentialSet of(std::vector<Credential> credentials);
  // Errors: invalid_argument with file, line and column, for syntax, unknown keys, missing or malformed values, an
  // access key given twice, and no credential at all; limit_exceeded for more than credentials_max.
  [[nodiscard]] static Result<CredentialSet> parse(std::string_view toml, std::string_view file_name);

  // Null when the key is unknown. The credential lives as long as the set.
  [[nodiscard]] const Credential* find(std::string_view access_key_id) const;
  // Whether the key that everybody knows is in it: then the server must not listen beyond loopback.
  [[nodiscard]] bool has_well_known_key() const { return find(well_known_access_key_id) != nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, Credential, TextHash, std::equal_to<>> by_key_;
};

using CredentialsPointer = std::shared_ptr<const CredentialSet>;

// Whether a file with these low nine mode bits keeps its secrets: only its owner may touch it. Errors:
// invalid_argument, naming the file, its mode and the command that mends it.
[[nodiscard]] Result<void> check_credentials_permissions(std::string_view path, std::uint32_t permissions);

// Checks the permissions of the file at `path`, reads and parses it. Errors: as those two, and as reading a file.
[[nodiscard]] env::Task<Result<CredentialsPointer>> load_credentials(env::FileSystem& files, std::string path);

}  // namespace weir::frontend
