// What a process of the fleet says of itself when it follows the map, for `weir admin status`. Of bounded size. Any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::directory {

// Something that the process has a bounded amount of.
struct ResourceLevel {
  std::string name;
  std::uint64_t used = 0;
  std::uint64_t limit = 0;  // the largest number there is: none
  friend bool operator==(const ResourceLevel&, const ResourceLevel&) = default;
};

struct ProcessReport {
  std::string version;         // of its program; empty: it does not say
  std::uint32_t protocol = 0;  // that it speaks, the newest; 0: it does not say
  bool ready = false;
  std::string readiness;  // the reason, as on /readyz; empty: all is well
  std::vector<ResourceLevel> resources;
  friend bool operator==(const ProcessReport&, const ProcessReport&) = default;
};

inline constexpr std::size_t report_bytes_max = 2'048;

// What does not fit is cut off.
[[nodiscard]] std::string encode(const ProcessReport& report);
// Errors: corrupt.
[[nodiscard]] Result<ProcessReport> decode_process_report(std::string_view bytes);

}  // namespace weir::directory
