// What the disk itself can do: the floor under every durable write.
#pragma once

#include <cstdint>
#include <string>

#include "load/histogram.h"

namespace weir::bench {

struct DiskProbe {
  Histogram latency;
  std::uint64_t bytes_each = 0;
};

// For so long, appends of `bytes` with pwrite and fdatasync, one after the other, to a zeroed, preallocated file in the
// directory. The file is removed afterwards.
[[nodiscard]] DiskProbe probe_disk(const std::string& directory, std::uint64_t bytes, double seconds);

}  // namespace weir::bench
