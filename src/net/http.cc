#include "net/http.h"

namespace weir::net {

std::optional<std::string_view> HttpRequest::header(std::string_view lower_case_name) const noexcept {
  for (const HeaderField& field : headers) {
    if (field.name == lower_case_name) return field.value;
  }
  return std::nullopt;
}

std::size_t HttpResponse::body_bytes() const noexcept {
  std::size_t bytes = body.size();
  for (const SharedBytes& part : body_rest) bytes += part.bytes.size();
  return bytes;
}

}  // namespace weir::net
