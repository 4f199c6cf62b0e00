// AWS Signature Version 4 (API reference §2.1): the canonical forms, the signing key, and a signer for clients. What
// follows is the same for both sides; who may sign what is the Authenticator's. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "frontend/authentication/credentials.h"
#include "frontend/authentication/digest.h"
#include "net/http.h"

namespace weir::frontend {

inline constexpr std::string_view signing_algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view signing_service = "kinesis";
inline constexpr std::string_view signing_terminator = "aws4_request";

// "20260102T030405Z"; its first eight characters are the date of the scope.
[[nodiscard]] std::string iso_basic_time(WallTime time);

// Dot segments and repeated slashes resolved, then each byte but unreserved ones and '/' percent-encoded.
void append_canonical_path(std::string& out, std::string_view path);
// Parameters decoded, encoded anew, sorted; without X-Amz-Signature.
void append_canonical_query(std::string& out, std::string_view query);
// A header value without blanks at its ends and with single blanks within.
void append_canonical_value(std::string& out, std::string_view value);
// The value with %XX resolved; what is no escape stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text);

// The request as it is hashed. `signed_headers` is the list as sent ("a;b;c"); each name takes every header of that
// name, ":authority" takes host.
void append_canonical_request(std::string& out, const net::HttpRequest& request, std::string_view signed_headers,
                              std::string_view body_hash);
// `date` has eight digits, `time` is an iso_basic_time.
void append_string_to_sign(std::string& out, std::string_view time, std::string_view date, std::string_view region,
                           const Sha256Digest& canonical_request);
[[nodiscard]] HmacKey derive_signing_key(std::string_view secret_access_key, std::string_view date,
                                         std::string_view region);

// The headers that make `request` a signed one: x-amz-date, x-amz-security-token when the credential has one, and
// authorization. All headers of `request` are signed; `host` must be among them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> sign_request(const net::HttpRequest& request,
                                                                            const Credential& credential,
                                                                            std::string_view region, WallTime now);

}  // namespace weir::frontend
