#include "net/http.h"

namespace weir::net {

std::optional<std::string_view> HttpRequest::header(std::string_view lower_case_name) const noexcept {
  for (const HeaderField& field : headers) {
    if (field.name == lower_case_name) return field.value;
  }
  return std::nullopt;
}

}  // namespace weir::net
