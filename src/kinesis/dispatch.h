// Dispatch: what to do with an HTTP request before anything of it is served, as a value (API reference §1.3, steps 3
// to 9). Pure: the front end executes the decision. Any thread.
//
//   Decision decision = dispatch(head, body);
//   1. decision.answer set: send it.
//   2. authenticate. On failure send refusal(decision, body, error).
//   3. decision.answer_when_authenticated set: send it.
//   4. decode_request<...>(decision.encoding, body), serve decision.operation, encode in decision.encoding.
// The CORS headers of every answer come from cors_headers(head).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "kinesis/encoding.h"
#include "kinesis/errors.h"
#include "kinesis/operations.h"

namespace weir::kinesis {

// What dispatch needs of the request's head. Views live as long as the request; absent headers are empty optionals.
struct RequestHead {
  std::string_view method;
  std::optional<std::string_view> target;  // x-amz-target
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> origin;
  std::optional<std::string_view> request_headers;  // access-control-request-headers
  std::optional<std::string_view> request_method;   // access-control-request-method
};

struct Answer {
  std::uint16_t status = 200;
  std::optional<std::string_view> content_type;  // absent: the header is not sent
  std::string body;
  bool is_preflight = false;  // has no x-amz-id-2
};

struct Decision {
  std::optional<Answer> answer;
  std::optional<Answer> answer_when_authenticated;
  ErrorForm error_form = ErrorForm::json;
  Encoding encoding = Encoding::json;           // when there is no answer yet
  Operation operation = Operation::put_record;  // likewise
};

// Reads `body` only where the answer depends on it; then its bytes may be overwritten.
[[nodiscard]] Decision dispatch(const RequestHead& head, MutableBytes body);

// The answer to a request that failed authentication: a malformed body comes first. May overwrite the body.
[[nodiscard]] Answer refusal(const Decision& decision, MutableBytes body, const ApiError& error);

// An error in the given form, and a success with a body in `encoding`.
[[nodiscard]] Answer error_answer(const ApiError& error, ErrorForm form);
[[nodiscard]] Answer success_answer(std::string body, Encoding encoding);
[[nodiscard]] constexpr ErrorForm error_form(Encoding encoding) noexcept {
  return encoding == Encoding::json ? ErrorForm::json : ErrorForm::cbor;
}

// Empty without an Origin header.
[[nodiscard]] std::vector<std::pair<std::string_view, std::string>> cors_headers(const RequestHead& head);

}  // namespace weir::kinesis
