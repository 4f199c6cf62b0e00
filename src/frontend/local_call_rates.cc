#include "frontend/local_call_rates.h"

namespace weir::frontend {

env::Task<bool> LocalCallRates::admit(env::Core& caller, std::string subject, std::uint32_t calls_per_second) {
  co_await home_.enter();
  const bool admitted = try_admit(subject, calls_per_second);
  co_await caller.enter();
  co_return admitted;
}

bool LocalCallRates::try_admit(const std::string& subject, std::uint32_t calls_per_second) {
  const MonotonicTime now = home_.now();
  model::CallRate* const window = windows_.find_or_make(now, subject);
  metrics_.subjects.set(static_cast<std::int64_t>(windows_.size()));
  if (window == nullptr) {
    metrics_.without_room.add();
    return false;
  }
  const bool admitted = window->try_admit(now, calls_per_second);
  if (!admitted) metrics_.over_rate.add();
  return admitted;
}

}  // namespace weir::frontend
