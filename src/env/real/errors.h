// What the operating system reports, as the codes that callers branch on.
#pragma once

#include <string_view>

#include "base/result.h"

namespace weir::env::real {

// For calls on files and directories: no_space, not_found, already_exists, else io. The message names the call, the
// path and the system's own words.
[[nodiscard]] Error file_error(int number, std::string_view call, std::string_view path);

// For calls on sockets: closed when the peer went away, limit_exceeded when descriptors or socket memory ran out,
// unavailable when nobody listens or no way leads there, timeout, already_exists for a taken address, else io.
[[nodiscard]] Error socket_error(int number, std::string_view call);

}  // namespace weir::env::real
