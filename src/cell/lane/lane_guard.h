// Counts an operation of a lane for as long as it is under way, so that stop() can wait for it.
#pragma once

#include "cell/lane/lane.h"

namespace weir::cell {

class Lane::OperationGuard {
 public:
  explicit OperationGuard(Lane& lane) noexcept : lane_(lane) { ++lane_.operations_; }
  OperationGuard(const OperationGuard&) = delete;
  OperationGuard& operator=(const OperationGuard&) = delete;
  ~OperationGuard() {
    if (--lane_.operations_ == 0) lane_.idle_.notify_all();
  }

 private:
  Lane& lane_;
};

}  // namespace weir::cell
