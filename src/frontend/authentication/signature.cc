#include "frontend/authentication/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "frontend/authentication/sigv4.h"

namespace weir::frontend {
namespace {

namespace errors = kinesis::errors;
using kinesis::ApiError;
template <class T>
using Parsed = std::expected<T, ApiError>;

constexpr std::size_t region_characters_max = 64;

// The parameters of a signature as the request has them, whichever form it uses.
struct RawSignature {
  std::optional<std::string> algorithm;
  std::string credential;
  std::string signed_headers;
  std::string signature;
  std::string date;
  std::string expires;
};

std::unexpected<ApiError> incomplete(std::string message) {
  return std::unexpected(errors::incomplete_signature(std::move(message)));
}

// The member that a parameter's name stands for; null for names of no interest.
std::string* header_parameter(RawSignature& raw, std::string_view name) {
  if (name == "Credential") return &raw.credential;
  if (name == "SignedHeaders") return &raw.signed_headers;
  if (name == "Signature") return &raw.signature;
  return nullptr;
}

std::string* query_parameter(RawSignature& raw, std::string_view name) {
  if (name == "X-Amz-Algorithm") return &raw.algorithm.emplace();
  if (name == "X-Amz-Credential") return &raw.credential;
  if (name == "X-Amz-SignedHeaders") return &raw.signed_headers;
  if (name == "X-Amz-Signature") return &raw.signature;
  if (name == "X-Amz-Date") return &raw.date;
  if (name == "X-Amz-Expires") return &raw.expires;
  return nullptr;
}

// The front of `text` up to one of `separators`, which is taken away with it.
std::string_view take_until(std::string_view& text, std::string_view separators) {
  const std::size_t end = text.find_first_of(separators);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

RawSignature read_query(std::string_view query) {
  RawSignature raw;
  while (!query.empty()) {
    const std::string_view part = take_until(query, "&");
    const std::size_t equals = part.find('=');
    std::string* member = query_parameter(raw, percent_decoded(part.substr(0, equals)));
    if (member == nullptr) continue;
    *member = equals == std::string_view::npos ? "" : percent_decoded(part.substr(equals + 1));
  }
  return raw;
}

RawSignature read_header(const net::HttpRequest& request, std::string_view authorization) {
  RawSignature raw;
  raw.algorithm = std::string(take_until(authorization, " \t"));
  while (!authorization.empty()) {
    const std::string_view part = take_until(authorization, ", \t");
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    if (std::string* member = header_parameter(raw, part.substr(0, equals))) *member = part.substr(equals + 1);
  }
  if (const auto date = request.header("x-amz-date"); date && !date->empty())
    raw.date = *date;
  else if (const auto plain_date = request.header("date"))
    raw.date = *plain_date;
  return raw;
}

// Step 3.
std::optional<ApiError> missing_from_query(const RawSignature& raw) {
  std::string message;
  const auto require = [&](std::string_view name, std::string_view value) {
    if (value.empty()) message += fmt::format("AWS query-string parameters must include '{}'. ", name);
  };
  require("X-Amz-Algorithm", *raw.algorithm);
  require("X-Amz-Credential", raw.credential);
  require("X-Amz-Signature", raw.signature);
  require("X-Amz-SignedHeaders", raw.signed_headers);
  require("X-Amz-Date", raw.date);
  if (message.empty()) return std::nullopt;
  return errors::incomplete_signature(message + "Re-examine the query-string parameters.");
}

std::optional<ApiError> missing_from_header(const RawSignature& raw, std::string_view authorization) {
  std::string message;
  const auto require = [&](std::string_view name, std::string_view value) {
    if (value.empty()) message += fmt::format("Authorization header requires '{}' parameter. ", name);
  };
  require("Credential", raw.credential);
  require("Signature", raw.signature);
  require("SignedHeaders", raw.signed_headers);
  if (raw.date.empty()) {
    message += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
  }
  if (message.empty()) return std::nullopt;
  return errors::incomplete_signature(fmt::format("{}Authorization={}", message, authorization));
}

// The number that all of `digits` make; nothing when there is anything else.
std::optional<int> number(std::string_view digits) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || digits[0] == '-' || error != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

std::optional<WallTime> make_time(std::optional<int> year, std::optional<int> month, std::optional<int> day,
                                  std::string_view hour, std::string_view minute, std::string_view second) {
  using namespace std::chrono;
  const auto h = number(hour);
  const auto m = number(minute);
  const auto s = number(second);
  if (!year || !month || !day || !h || !m || !s || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
  const year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                            std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return WallTime(sys_days(date).time_since_epoch() + hours(*h) + minutes(*m) + seconds(*s));
}

bool is_iso_form(std::string_view text) {
  constexpr std::size_t iso_characters = 16;
  return text.size() == iso_characters && text[8] == 'T' && text[15] == 'Z';
}

// "20260102T030405Z" or "Fri, 02 Jan 2026 03:04:05 GMT".
std::optional<WallTime> parse_time(std::string_view text) {
  constexpr std::size_t rfc_characters = 29;
  if (is_iso_form(text)) {
    return make_time(number(text.substr(0, 4)), number(text.substr(4, 2)), number(text.substr(6, 2)), text.substr(9, 2),
                     text.substr(11, 2), text.substr(13, 2));
  }
  if (text.size() == rfc_characters && text.substr(3, 2) == ", " && text.ends_with(" GMT")) {
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto month = std::ranges::find(months, text.substr(8, 3));
    if (month == months.end()) return std::nullopt;
    return make_time(number(text.substr(12, 4)), static_cast<int>(month - months.begin()) + 1,
                     number(text.substr(5, 2)), text.substr(17, 2), text.substr(20, 2), text.substr(23, 2));
  }
  return std::nullopt;
}

// Step 4: what the parameters say.
Parsed<SignatureParts> interpret(RawSignature raw, bool is_presigned) {
  SignatureParts parts{.is_presigned = is_presigned};
  std::array<std::string*, 5> elements{&parts.access_key_id, &parts.scope_date, &parts.region, &parts.service,
                                       &parts.terminator};
  if (std::ranges::count(raw.credential, '/') != elements.size() - 1) {
    return incomplete(
        fmt::format("Credential must have exactly 5 slash-delimited elements, e.g. "
                    "keyid/date/region/service/term, got '{}'",
                    raw.credential));
  }
  std::string_view rest = raw.credential;
  for (std::string* element : elements) *element = take_until(rest, "/");
  if (*raw.algorithm != signing_algorithm) {
    return incomplete(fmt::format("Unsupported AWS 'algorithm': '{}'.", *raw.algorithm));
  }
  const std::optional<WallTime> time = parse_time(raw.date);
  if (!time) {
    return incomplete(
        fmt::format("Date must be in ISO-8601 'basic format'. Got '{}'. See "
                    "http://en.wikipedia.org/wiki/ISO_8601",
                    raw.date));
  }
  if (is_presigned && !raw.expires.empty()) {
    const std::optional<int> expires = number(raw.expires);
    if (!expires || *expires < 1 || *expires > presigned_expiry_max.count()) {
      return incomplete(fmt::format("X-Amz-Expires must be a number of seconds between 1 and {}, got '{}'.",
                                    presigned_expiry_max.count(), raw.expires));
    }
    parts.valid_for = seconds(*expires);
  }
  parts.signed_headers = std::move(raw.signed_headers);
  parts.signature = std::move(raw.signature);
  parts.time = *time;
  parts.iso_time = is_iso_form(raw.date) ? raw.date : iso_basic_time(*time);
  parts.date_header = std::move(raw.date);
  return parts;
}

bool signs_host(std::string_view signed_headers) {
  while (!signed_headers.empty()) {
    const std::string_view name = take_until(signed_headers, ";");
    if (name == "host" || name == ":authority") return true;
  }
  return false;
}

std::optional<std::string> time_problem(const SignatureParts& parts, WallTime now) {
  if (now > parts.time + parts.valid_for) {
    const std::int64_t valid = parts.valid_for.count();
    const std::string span = valid % 60 == 0 ? fmt::format("{} min.", valid / 60) : fmt::format("{} sec.", valid);
    return fmt::format("Signature expired: {} is now earlier than {} ({} - {})", parts.iso_time,
                       iso_basic_time(now - parts.valid_for), iso_basic_time(now), span);
  }
  if (parts.time > now + clock_skew_max) {
    return fmt::format("Signature not yet current: {} is still later than {} ({} + 5 min.)", parts.iso_time,
                       iso_basic_time(now + clock_skew_max), iso_basic_time(now));
  }
  return std::nullopt;
}

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= region_characters_max &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

// Each failing part of the scope has its sentence.
std::string scope_problems(const SignatureParts& parts) {
  std::string message;
  const auto add = [&](const std::string& sentence) {
    if (!message.empty()) message += ' ';
    message += sentence;
  };
  if (!is_region(parts.region)) {
    add(fmt::format("Credential should be scoped to a valid region, not '{}'.", parts.region));
  }
  if (parts.service != signing_service) {
    add(fmt::format("Credential should be scoped to correct service: '{}'.", signing_service));
  }
  if (parts.terminator != signing_terminator) {
    add(fmt::format("Credential should be scoped with a valid terminator: '{}', not '{}'.", signing_terminator,
                    parts.terminator));
  }
  const std::string_view request_date = std::string_view(parts.iso_time).substr(0, 8);
  if (parts.scope_date != request_date) {
    add(
        fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != "
                    "'{}', from '{}'.",
                    parts.scope_date, request_date, parts.date_header));
  }
  return message;
}

}  // namespace

std::expected<SignatureParts, ApiError> parse_signature(const net::HttpRequest& request) {
  const std::string_view authorization = request.header("authorization").value_or("");
  RawSignature from_query = read_query(request.query);
  if (!authorization.empty() && from_query.algorithm.has_value()) {
    return std::unexpected(errors::invalid_signature(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."));
  }
  if (from_query.algorithm.has_value()) {
    if (auto error = missing_from_query(from_query)) return std::unexpected(std::move(*error));
    return interpret(std::move(from_query), true);
  }
  // Other schemes of HTTP are no signature at all.
  if (!authorization.starts_with("AWS4-")) return std::unexpected(errors::missing_authentication_token());
  RawSignature from_header = read_header(request, authorization);
  if (auto error = missing_from_header(from_header, authorization)) return std::unexpected(std::move(*error));
  return interpret(std::move(from_header), false);
}

std::expected<void, ApiError> check_scope_and_time(const SignatureParts& parts, WallTime now) {
  if (!signs_host(parts.signed_headers)) {
    return std::unexpected(
        errors::invalid_signature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
  }
  if (auto problem = time_problem(parts, now)) return std::unexpected(errors::invalid_signature(std::move(*problem)));
  if (std::string problems = scope_problems(parts); !problems.empty()) {
    return std::unexpected(errors::invalid_signature(std::move(problems)));
  }
  return {};
}

}  // namespace weir::frontend
