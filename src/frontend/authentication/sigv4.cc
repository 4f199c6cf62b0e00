#include "frontend/authentication/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

namespace weir::frontend {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr std::array<bool, 256> unreserved = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

void append_encoded(std::string& out, std::string_view text, bool keep_slashes) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (unreserved[byte] || (keep_slashes && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Calls visit(segment) for each part of `text` between `separator`s.
template <class Visit>
void for_each_part(std::string_view text, char separator, Visit&& visit) {
  for (;;) {
    const std::size_t end = text.find(separator);
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// Resolves "." and "..", and takes repeated slashes as one.
std::string normalized_path(std::string_view path) {
  std::vector<std::string_view> segments;
  for_each_part(path, '/', [&](std::string_view segment) {
    if (segment.empty() || segment == ".") return;
    if (segment != "..")
      segments.push_back(segment);
    else if (!segments.empty())
      segments.pop_back();
  });
  if (segments.empty()) return "/";
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  if (path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..")) out += '/';
  return out;
}

// All values of the header, joined.
void append_header_values(std::string& out, const net::HttpRequest& request, std::string_view name) {
  bool first = true;
  for (const net::HeaderField& field : request.headers) {
    if (field.name != name) continue;
    if (!first) out += ',';
    first = false;
    append_canonical_value(out, field.value);
  }
}

}  // namespace

std::string iso_basic_time(WallTime time) {
  using namespace std::chrono;
  const sys_seconds point{seconds(unix_seconds(time))};
  const sys_days day = floor<days>(point);
  const year_month_day date{day};
  const hh_mm_ss clock{point - day};
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

void append_canonical_path(std::string& out, std::string_view path) {
  if (path.empty() || path == "/") {
    out += '/';
    return;
  }
  append_encoded(out, normalized_path(path), true);
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (is_escape) {
      out += static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void append_canonical_query(std::string& out, std::string_view query) {
  if (query.empty()) return;
  std::vector<std::pair<std::string, std::string>> parameters;
  for_each_part(query, '&', [&](std::string_view part) {
    if (part.empty()) return;
    const std::size_t equals = part.find('=');
    const std::string name = percent_decoded(part.substr(0, equals));
    if (name == "X-Amz-Signature") return;
    const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
    auto& parameter = parameters.emplace_back();
    append_encoded(parameter.first, name, false);
    append_encoded(parameter.second, percent_decoded(value), false);
  });
  std::ranges::sort(parameters);
  const char* separator = "";
  for (const auto& [name, value] : parameters) {
    out.append(separator).append(name).append("=").append(value);
    separator = "&";
  }
}

void append_canonical_value(std::string& out, std::string_view value) {
  bool gap = false;
  bool started = false;
  for (const char c : value) {
    if (is_blank(c)) {
      gap = started;
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    started = true;
    out += c;
  }
}

void append_canonical_request(std::string& out, const net::HttpRequest& request, std::string_view signed_headers,
                              std::string_view body_hash) {
  out.append(request.method).append("\n");
  append_canonical_path(out, request.path);
  out += '\n';
  append_canonical_query(out, request.query);
  out += '\n';
  for_each_part(signed_headers, ';', [&](std::string_view name) {
    out.append(name).append(":");
    append_header_values(out, request, name == ":authority" ? "host" : name);
    out += '\n';
  });
  out.append("\n").append(signed_headers).append("\n").append(body_hash);
}

void append_string_to_sign(std::string& out, std::string_view time, std::string_view date, std::string_view region,
                           const Sha256Digest& canonical_request) {
  out.append(signing_algorithm).append("\n").append(time).append("\n");
  out.append(date).append("/").append(region).append("/").append(signing_service).append("/");
  out.append(signing_terminator).append("\n");
  append_hex(out, canonical_request);
}

HmacKey derive_signing_key(std::string_view secret_access_key, std::string_view date, std::string_view region) {
  const std::string secret = "AWS4" + std::string(secret_access_key);
  const Sha256Digest date_key = HmacKey(as_bytes(secret)).authenticate(as_bytes(date));
  const Sha256Digest region_key = HmacKey(date_key).authenticate(as_bytes(region));
  const Sha256Digest service_key = HmacKey(region_key).authenticate(as_bytes(signing_service));
  return HmacKey(HmacKey(service_key).authenticate(as_bytes(signing_terminator)));
}

std::vector<std::pair<std::string, std::string>> sign_request(const net::HttpRequest& request,
                                                              const Credential& credential, std::string_view region,
                                                              WallTime now) {
  std::vector<std::pair<std::string, std::string>> added;
  const std::string time = iso_basic_time(now);
  const std::string_view date = std::string_view(time).substr(0, 8);
  added.emplace_back("x-amz-date", time);
  if (!credential.session_token.empty()) added.emplace_back("x-amz-security-token", credential.session_token);

  net::HttpRequest signed_request;
  signed_request.method = request.method;
  signed_request.path = request.path;
  signed_request.query = request.query;
  signed_request.headers = request.headers;
  for (const auto& [name, value] : added) signed_request.headers.push_back({name, value});
  std::vector<std::string_view> names;
  names.reserve(signed_request.headers.size());
  for (const net::HeaderField& field : signed_request.headers) names.push_back(field.name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  const std::string signed_headers = fmt::format("{}", fmt::join(names, ";"));

  const Sha256 sha256;
  std::string canonical;
  append_canonical_request(canonical, signed_request, signed_headers, to_hex(sha256.digest(request.body)));
  std::string to_sign;
  append_string_to_sign(to_sign, time, date, region, sha256.digest(as_bytes(canonical)));
  const HmacKey key = derive_signing_key(credential.secret_access_key, date, region);
  added.emplace_back("authorization",
                     fmt::format("{} Credential={}/{}/{}/{}/{}, SignedHeaders={}, Signature={}", signing_algorithm,
                                 credential.access_key_id, date, region, signing_service, signing_terminator,
                                 signed_headers, to_hex(key.authenticate(as_bytes(to_sign)))));
  return added;
}

}  // namespace weir::frontend
