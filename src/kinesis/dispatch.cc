#include "kinesis/dispatch.h"

#include <algorithm>

#include "kinesis/decode.h"

namespace weir::kinesis {
namespace {

constexpr std::string_view plain_json = "application/json";

// The media type without parameters and blanks, in lower case.
std::string media_type(std::optional<std::string_view> header) {
  std::string_view value = header.value_or("");
  value = value.substr(0, value.find(';'));
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  std::string out(value);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::optional<Encoding> encoding_of(std::string_view type) {
  if (type == content_type(Encoding::json)) return Encoding::json;
  if (type == content_type(Encoding::cbor)) return Encoding::cbor;
  return std::nullopt;
}

// The old form, which answers `application/json`.
Answer coral_answer(std::uint16_t status, std::string_view code) {
  std::string body = R"({"Output":{"__type":"com.amazon.coral.service#)";
  body += code;
  body += R"("},"Version":"1.0"})";
  return {.status = status, .content_type = plain_json, .body = std::move(body)};
}

Answer no_operation() { return error_answer(errors::cannot_determine_operation(), ErrorForm::xml); }

// Step 6: no content type of the protocol.
Decision without_encoding(const RequestHead& head) {
  Decision decision{.error_form = ErrorForm::xml};
  if (head.target.has_value() && names_an_operation(*head.target)) {
    decision.answer = Answer{.status = 404, .content_type = {}, .body = "<UnknownOperationException/>\n"};
  } else {
    decision.answer_when_authenticated = no_operation();
  }
  return decision;
}

Answer preflight_answer() { return {.status = 200, .content_type = {}, .body = {}, .is_preflight = true}; }

}  // namespace

Answer error_answer(const ApiError& error, ErrorForm form) {
  Answer answer{.status = error_status(error, form), .content_type = {}, .body = error_body(error, form)};
  if (form == ErrorForm::json) answer.content_type = content_type(Encoding::json);
  if (form == ErrorForm::cbor) answer.content_type = content_type(Encoding::cbor);
  return answer;
}

Answer success_answer(std::string body, Encoding encoding) {
  return {.status = 200, .content_type = content_type(encoding), .body = std::move(body)};
}

Decision dispatch(const RequestHead& head, MutableBytes body) {
  if (head.origin.has_value() && head.method == "OPTIONS") return {.answer = preflight_answer()};
  if (head.method != "POST") {
    return {.answer_when_authenticated = no_operation(), .error_form = ErrorForm::xml};
  }
  const std::optional<Operation> operation = parse_target(head.target.value_or(""));
  const std::string type = media_type(head.content_type);
  const std::optional<Encoding> encoding = encoding_of(type);
  if (body.empty()) {
    const ApiError error = operation.has_value() ? errors::malformed_body() : errors::unknown_operation();
    return {.answer = error_answer(error, error_form(encoding.value_or(Encoding::cbor)))};
  }
  if (type == plain_json) {
    return {.answer = is_well_formed(Encoding::json, body) ? coral_answer(404, "UnknownOperationException")
                                                           : coral_answer(400, "SerializationException")};
  }
  if (!encoding.has_value()) return without_encoding(head);
  if (!operation.has_value()) {
    const bool readable = is_well_formed(*encoding, body);
    const ApiError error = readable ? errors::unknown_operation() : errors::malformed_body();
    return {.answer = error_answer(error, error_form(*encoding))};
  }
  return {.error_form = error_form(*encoding), .encoding = *encoding, .operation = *operation};
}

Answer refusal(const Decision& decision, MutableBytes body, const ApiError& error) {
  const bool has_form = decision.error_form != ErrorForm::xml;
  if (has_form && !is_well_formed(decision.encoding, body)) {
    return error_answer(errors::malformed_body(), decision.error_form);
  }
  return error_answer(error, decision.error_form);
}

std::vector<std::pair<std::string_view, std::string>> cors_headers(const RequestHead& head) {
  std::vector<std::pair<std::string_view, std::string>> headers;
  if (!head.origin.has_value()) return headers;
  headers.emplace_back("Access-Control-Allow-Origin", "*");
  if (head.method != "OPTIONS") {
    headers.emplace_back("Access-Control-Expose-Headers",
                         "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date");
    return headers;
  }
  if (head.request_headers) headers.emplace_back("Access-Control-Allow-Headers", *head.request_headers);
  if (head.request_method) headers.emplace_back("Access-Control-Allow-Methods", *head.request_method);
  headers.emplace_back("Access-Control-Max-Age", "172800");
  return headers;
}

}  // namespace weir::kinesis
