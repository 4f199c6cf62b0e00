// Values as people at a terminal like to read them. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir::cli {

// "2026-01-02 03:04:05 UTC"; what is not within the years 1970 to 9999 is shown as the nearest that is.
[[nodiscard]] std::string utc_text(WallTime time);
// "512 B", "1.5 KiB", "64.0 MiB".
[[nodiscard]] std::string size_text(std::uint64_t bytes);
// "1 record", "2 records".
[[nodiscard]] std::string count_text(std::uint64_t count, const std::string& noun);

}  // namespace weir::cli
