// What the RADOS cluster itself can do: the floor under every write of a lane that lies there.
#pragma once

#include <cstdint>
#include <string>

#include "load/histogram.h"

namespace weir::bench {

struct RadosProbeOptions {
  std::string configuration_file;
  std::string pool;
  unsigned lanes = 1;  // each with an object of its own and one write in flight
  std::uint64_t bytes = 1024;
  double seconds = 5;
};

struct RadosProbe {
  Histogram latency;
  double seconds = 0;
};

// For so long, appends of `bytes` at the exact length of an object, each conditional on two attributes and setting one
// of them, as the writes of a lane are. Objects start anew at 16 MiB and are removed afterwards.
[[nodiscard]] RadosProbe probe_rados(const RadosProbeOptions& options);

}  // namespace weir::bench
