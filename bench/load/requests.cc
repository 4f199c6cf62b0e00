#include "load/requests.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace weir::bench {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string_view text_of(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

std::string hex(const Digest& digest) {
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

Digest sha256(std::string_view text) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

Digest hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), digest.data(), &size) ==
      nullptr) {
    std::abort();
  }
  return digest;
}

std::string utc(std::time_t now, const char* format) {
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

}  // namespace

std::string kinesis_request(std::string_view host, std::string_view operation, std::string_view body,
                            const Signing& signing, std::time_t now) {
  const std::string date = utc(now, "%Y%m%dT%H%M%SZ");
  const std::string day = utc(now, "%Y%m%d");
  const std::string target = fmt::format("Kinesis_20131202.{}", operation);
  constexpr std::string_view type = "application/x-amz-json-1.1";
  constexpr std::string_view names = "content-type;host;x-amz-date;x-amz-target";
  const std::string canonical =
      fmt::format("POST\n/\n\ncontent-type:{}\nhost:{}\nx-amz-date:{}\nx-amz-target:{}\n\n{}\n{}", type, host, date,
                  target, names, hex(sha256(body)));
  const std::string scope = fmt::format("{}/{}/kinesis/aws4_request", day, signing.region);
  const std::string to_sign = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, hex(sha256(canonical)));
  Digest key = hmac("AWS4" + signing.secret_access_key, day);
  for (const std::string_view part :
       {std::string_view(signing.region), std::string_view("kinesis"), std::string_view("aws4_request")}) {
    key = hmac(text_of(key), part);
  }
  const std::string signature = hex(hmac(text_of(key), to_sign));
  return fmt::format(
      "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nX-Amz-Date: {}\r\nX-Amz-Target: {}\r\n"
      "Authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}\r\nContent-Length: "
      "{}\r\n\r\n{}",
      host, type, date, target, signing.access_key_id, scope, names, signature, body.size(), body);
}

std::string redis_request(std::string_view words) {
  std::string arguments;
  std::size_t count = 0;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    arguments += fmt::format("${}\r\n{}\r\n", word.size(), word);
    ++count;
  }
  return fmt::format("*{}\r\n{}", count, arguments);
}

}  // namespace weir::bench
