#include "frontend/authentication/secret_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/base64.h"
#include "frontend/authentication/digest.h"

namespace weir::frontend {
namespace {

// Form of what is sealed: its version, the key's id, the nonce, the encrypted text, the tag.
constexpr char sealed_version = 1;
constexpr std::size_t id_bytes = 8;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t head_bytes = 1 + id_bytes;
constexpr std::size_t overhead_bytes = head_bytes + nonce_bytes + tag_bytes;
constexpr std::uint64_t file_bytes_max = 16'384;
constexpr std::string_view id_label = "weir secrets key";

struct CipherDeleter {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter>;

// Fetched once for the process and never freed.
const EVP_CIPHER* algorithm() {
  static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  WEIR_ASSERT_NOTE(fetched != nullptr, "OpenSSL has no AES-256-GCM");
  return fetched;
}

const unsigned char* octets(const char* text) { return reinterpret_cast<const unsigned char*>(text); }
unsigned char* octets(char* text) { return reinterpret_cast<unsigned char*>(text); }
template <class Bytes>
const unsigned char* octets(const Bytes& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

void append_sized(std::string& out, std::string_view text) {
  std::array<std::byte, 4> size;
  store_le<std::uint32_t>(size.data(), static_cast<std::uint32_t>(text.size()));
  out.append(as_text(size)).append(text);
}

// Every part has its length before it, so that no two owners look alike.
std::string authenticated_data(std::string_view head, const SecretOwner& owner) {
  std::string data(head);
  append_sized(data, owner.access_key_id);
  append_sized(data, owner.account);
  append_sized(data, owner.expires ? std::to_string(unix_milliseconds(*owner.expires)) : std::string());
  return data;
}

std::string encode(const Secret& secret) {
  std::string text;
  append_sized(text, secret.secret_access_key);
  append_sized(text, secret.session_token);
  return text;
}

std::optional<std::string> take_sized(std::string_view& text) {
  if (text.size() < 4) return std::nullopt;
  const auto size = load_le<std::uint32_t>(as_bytes(text).data());
  text.remove_prefix(4);
  if (size > text.size()) return std::nullopt;
  std::string part(text.substr(0, size));
  text.remove_prefix(size);
  return part;
}

std::optional<Secret> decode(std::string_view text) {
  auto secret_access_key = take_sized(text);
  if (!secret_access_key) return std::nullopt;
  auto session_token = take_sized(text);
  if (!session_token || !text.empty()) return std::nullopt;
  return Secret{.secret_access_key = std::move(*secret_access_key), .session_token = std::move(*session_token)};
}

}  // namespace

Result<SecretKeys> SecretKeys::parse(std::string_view text, std::string_view file_name) {
  SecretKeys keys;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const auto fail_here = [&](std::string_view what) {
      return fail(ErrorCode::invalid_argument, fmt::format("{}:{}: {}", file_name, line_number, what));
    };
    if (line.size() != base64_encoded_size(secret_key_bytes)) return fail_here("not 32 bytes in base64");
    std::array<std::byte, base64_encoded_size(secret_key_bytes)> decoded;
    const Base64Decoded result = base64_decode(line, decoded.data());
    if (result.fault != Base64Fault::none || result.size != secret_key_bytes)
      return fail_here("not 32 bytes in base64");
    Key key;
    std::copy_n(decoded.begin(), secret_key_bytes, key.bytes.begin());
    const Sha256Digest digest = Sha256().digest(as_bytes(std::string(id_label).append(as_text(key.bytes))));
    std::copy_n(digest.begin(), id_bytes, key.id.begin());
    if (std::ranges::find(keys.keys_, key.id, &Key::id) != keys.keys_.end())
      return fail_here("this key is there twice");
    keys.keys_.push_back(key);
  }
  if (keys.keys_.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: no key; `weir cert secrets-key --out FILE` makes one", file_name));
  }
  if (keys.keys_.size() > secret_keys_max) {
    return fail(ErrorCode::limit_exceeded,
                fmt::format("{}: {} keys, at most {} are allowed", file_name, keys.keys_.size(), secret_keys_max));
  }
  return keys;
}

Result<std::string> SecretKeys::seal(env::Core& core, const SecretOwner& owner, const Secret& secret) const {
  if (secret.secret_access_key.empty() || secret.secret_access_key.size() > secret_bytes_max) {
    return fail(ErrorCode::invalid_argument, fmt::format("a secret access key has 1 to {} bytes", secret_bytes_max));
  }
  if (secret.session_token.size() > session_token_bytes_max) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a session token has up to {} bytes", session_token_bytes_max));
  }
  const Key& key = keys_.front();
  std::array<std::byte, nonce_bytes> nonce;
  core.random_bytes(nonce);
  const std::string text = encode(secret);
  std::string sealed(1, sealed_version);
  sealed.append(as_text(key.id));
  const std::string data = authenticated_data(sealed, owner);
  sealed.append(as_text(nonce)).append(text.size() + tag_bytes, '\0');
  char* const encrypted = sealed.data() + head_bytes + nonce_bytes;
  const CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool done =
      context != nullptr &&
      EVP_EncryptInit_ex2(context.get(), algorithm(), octets(key.bytes), octets(nonce), nullptr) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &length, octets(data), static_cast<int>(data.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), octets(encrypted), &length, octets(text), static_cast<int>(text.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), octets(encrypted + text.size()), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, encrypted + text.size()) == 1;
  WEIR_ASSERT_NOTE(done, "OpenSSL cannot encrypt");
  return sealed;
}

Result<Secret> SecretKeys::open(const SecretOwner& owner, std::string_view sealed) const {
  if (sealed.empty()) return fail(ErrorCode::corrupt, "an encrypted secret is empty");
  if (sealed.front() != sealed_version) {
    return fail(ErrorCode::unsupported, fmt::format("an encrypted secret is of form {}",
                                                    static_cast<int>(static_cast<unsigned char>(sealed[0]))));
  }
  if (sealed.size() <= overhead_bytes ||
      sealed.size() > overhead_bytes + secret_bytes_max + session_token_bytes_max + 8) {
    return fail(ErrorCode::corrupt, "an encrypted secret has a wrong length");
  }
  const auto key = std::ranges::find_if(
      keys_, [&](const Key& candidate) { return as_text(candidate.id) == sealed.substr(1, id_bytes); });
  if (key == keys_.end()) return fail(ErrorCode::not_found, "none of the secrets keys encrypted it");
  const std::string data = authenticated_data(sealed.substr(0, head_bytes), owner);
  const char* const nonce = sealed.data() + head_bytes;
  std::string tag(sealed.substr(sealed.size() - tag_bytes));
  std::string text(sealed.size() - overhead_bytes, '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool started = context != nullptr &&
                       EVP_DecryptInit_ex2(context.get(), algorithm(), octets(key->bytes), octets(nonce), nullptr) == 1;
  WEIR_ASSERT_NOTE(started, "OpenSSL cannot decrypt");
  const bool done =
      EVP_DecryptUpdate(context.get(), nullptr, &length, octets(data), static_cast<int>(data.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), octets(text.data()), &length, octets(nonce + nonce_bytes),
                        static_cast<int>(text.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), octets(text.data()), &length) == 1;
  auto secret = done ? decode(text) : std::nullopt;
  OPENSSL_cleanse(text.data(), text.size());
  if (!secret) return fail(ErrorCode::corrupt, "an encrypted secret was changed, or is another access key's");
  return std::move(*secret);
}

bool SecretKeys::is_current(std::string_view sealed) const noexcept {
  return sealed.size() > overhead_bytes && sealed.substr(1, id_bytes) == as_text(keys_.front().id);
}

std::string secret_key_name(std::string_view sealed) {
  if (sealed.size() <= overhead_bytes || sealed.front() != sealed_version) return "unknown";
  std::string name;
  for (const char byte : sealed.substr(1, id_bytes)) name += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return name;
}

std::string make_secret_key_file(env::Core& core) {
  std::array<std::byte, secret_key_bytes> key;
  core.random_bytes(key);
  std::string text(base64_encoded_size(key.size()), '\0');
  base64_encode(key, text.data());
  return "# Encrypts the secrets of access keys. The first key encrypts, all decrypt.\n" + text + "\n";
}

env::Task<Result<SecretKeys>> load_secret_keys(env::FileSystem& files, std::string path) {
  auto status = co_await files.status(path);
  if (!status) co_return fail_while("secrets key file " + path, std::move(status.error()));
  WEIR_CO_CHECK(check_credentials_permissions(path, status->permissions));
  auto text = co_await env::read_whole_file(files, path, file_bytes_max);
  if (!text) co_return fail_while("secrets key file " + path, std::move(text.error()));
  co_return SecretKeys::parse(*text, path);
}

}  // namespace weir::frontend
