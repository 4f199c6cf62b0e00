// A process that does nothing, and takes as much of the processor for it as it is told: what the work of another costs
// those who share the processor with it, and nothing else of it.
#pragma once

namespace weir::bench {

struct BusyPlan {
  double cores = 0;       // processor time for each second, the kernel's on its behalf included
  double per_second = 0;  // in so many pieces
  double seconds = 0;
};

void run_busy(const BusyPlan& plan);

}  // namespace weir::bench
