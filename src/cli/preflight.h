// Preflight: compares the worst case of the configuration with the limits that the system gives, before anything is
// opened. The outage of 2020 began with a limit that nobody had looked at.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "cli/all_settings.h"
#include "env/process.h"

namespace weir::cli {

// What the process needs when every bound of its configuration is reached.
struct WorstCase {
  std::uint64_t threads = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t memory_bytes = 0;
};

// `loops`: cores, a background core among them.
[[nodiscard]] WorstCase worst_case(const AllSettings& settings, std::uint32_t loops, std::uint32_t lanes) noexcept;

// Errors: limit_exceeded, naming the limit, its value, what is needed, and the setting to lower.
[[nodiscard]] Result<void> preflight(const WorstCase& need, const env::SystemLimits& limits,
                                     const env::ProcessUsage& usage);

}  // namespace weir::cli
