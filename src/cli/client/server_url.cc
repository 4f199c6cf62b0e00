#include "cli/client/server_url.h"

#include <charconv>
#include <cstdint>
#include <optional>

namespace weir::cli {
namespace {

struct Authority {
  std::string_view host;  // of an IPv6 address without its brackets
  std::optional<std::string_view> port;
};

std::optional<Authority> split_authority(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    return Authority{text.substr(1, end - 1), rest.empty() ? std::nullopt : std::optional(rest.substr(1))};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Authority{text, std::nullopt};
  return Authority{text.substr(0, colon), text.substr(colon + 1)};
}

bool is_numeric(std::string_view host, bool in_brackets) {
  const std::string_view allowed = in_brackets ? "0123456789abcdefABCDEF:." : "0123456789.";
  return !host.empty() && host.find_first_not_of(allowed) == std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

Result<ServerUrl> parse_server_url(std::string_view url) {
  const auto refuse = [&](std::string_view what) {
    return fail(ErrorCode::invalid_argument, "\"" + std::string(url) + "\" is no endpoint URL: " + std::string(what));
  };
  ServerUrl parsed;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    parsed.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return refuse("it must begin with http:// or https://");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos) return refuse("nothing may follow the host and port");

  const bool in_brackets = rest.starts_with('[');
  const auto authority = split_authority(rest);
  if (!authority) return refuse("the brackets of its address do not close");
  if (authority->host == "localhost") {
    parsed.endpoint.address = "127.0.0.1";
  } else if (is_numeric(authority->host, in_brackets)) {
    parsed.endpoint.address = authority->host;
  } else {
    return refuse("the host must be a numeric address or localhost");
  }
  parsed.endpoint.port = parsed.tls ? 443 : 80;
  if (authority->port) {
    const auto port = parse_port(*authority->port);
    if (!port) return refuse("the port must be a number from 1 to 65535");
    parsed.endpoint.port = *port;
  }
  parsed.host = rest;
  return parsed;
}

}  // namespace weir::cli
