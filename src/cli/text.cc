#include "cli/text.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "fmt/chrono.h"
#include "fmt/format.h"

namespace weir::cli {

std::string utc_text(WallTime time) {
  constexpr std::int64_t last = 253'402'300'799;  // of the year 9999
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::clamp<std::int64_t>(unix_seconds(time), 0, last)));
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < kibibyte) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / kibibyte;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < units.size(); ++unit) value /= kibibyte;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string count_text(std::uint64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : noun.ends_with("ch") ? "es" : "s");
}

}  // namespace weir::cli
