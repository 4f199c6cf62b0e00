#include "net/http1/http1_response_head.h"

#include <array>
#include <charconv>

namespace weir::net {

namespace {

std::string_view reason_phrase(std::uint16_t status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "";
  }
}

void append_number(std::string& text, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

}  // namespace

bool status_has_body(std::uint16_t status) noexcept { return status >= 200 && status != 204 && status != 304; }

bool is_safe_header_value(std::string_view value) noexcept {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void write_http1_response_head(const HttpResponse& response, std::string_view date, std::string_view connection,
                               std::string& head) {
  head.assign("HTTP/1.1 ");
  append_number(head, response.status);
  head.append(" ").append(reason_phrase(response.status));
  head.append("\r\nDate: ").append(date).append("\r\n");
  if (status_has_body(response.status)) {
    head.append("Content-Length: ");
    append_number(head, response.body_bytes());
    head.append("\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    if (is_safe_header_value(value)) head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!connection.empty()) head.append("Connection: ").append(connection).append("\r\n");
  head.append("\r\n");
}

}  // namespace weir::net
