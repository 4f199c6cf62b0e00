// The signature that a request carries, taken apart: steps 1 to 7 of API reference §2.5, all that can be judged without
// the credentials. Any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/time.h"
#include "kinesis/errors.h"
#include "net/http.h"

namespace weir::frontend {

inline constexpr seconds clock_skew_max{300};
inline constexpr seconds presigned_expiry_max{604'800};

struct SignatureParts {
  std::string access_key_id;
  std::string scope_date;  // as the credential has it
  std::string region;
  std::string service;
  std::string terminator;
  std::string signed_headers;  // "a;b;c"
  std::string signature;
  std::string date_header;  // as sent: X-Amz-Date, or Date
  WallTime time;            // the same, parsed
  std::string iso_time;     // the same in ISO basic form; its first eight characters are the date
  bool is_presigned = false;
  seconds valid_for = clock_skew_max;  // after `time`
};

// Steps 1 to 4. Errors: InvalidSignature, MissingAuthenticationToken, IncompleteSignature.
[[nodiscard]] std::expected<SignatureParts, kinesis::ApiError> parse_signature(const net::HttpRequest& request);
// Steps 5 to 7. Errors: InvalidSignature.
[[nodiscard]] std::expected<void, kinesis::ApiError> check_scope_and_time(const SignatureParts& parts, WallTime now);

}  // namespace weir::frontend
