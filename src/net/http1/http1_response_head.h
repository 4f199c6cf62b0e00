// The head of an HTTP/1.1 response as bytes.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"

namespace weir::net {

// Replaces `head` by the status line and header of `response`: Date, Content-Length (the body's size; left out for
// statuses that have no body), what the handler gave, and Connection where it differs from the version's habit.
void write_http1_response_head(const HttpResponse& response, std::string_view date, std::string_view connection,
                               std::string& head);

// Whether `status` ever comes with a body.
[[nodiscard]] bool status_has_body(std::uint16_t status) noexcept;

// Whether `value` may stand in a header: a line break in it would begin a header of its own.
[[nodiscard]] bool is_safe_header_value(std::string_view value) noexcept;

}  // namespace weir::net
