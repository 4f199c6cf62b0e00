#include "frontend/call_rates.h"

namespace weir::frontend {

bool CallRates::try_admit(MonotonicTime now, const std::string& subject, std::uint64_t calls_per_second) {
  auto found = windows_.find(subject);
  if (found == windows_.end()) {
    if (windows_.size() >= subjects_max_) drop_idle(now);
    if (windows_.size() >= subjects_max_) return false;
    found = windows_.try_emplace(subject).first;
  }
  return found->second.try_admit(now, calls_per_second);
}

void CallRates::drop_idle(MonotonicTime now) {
  absl::erase_if(windows_, [now](auto& entry) { return entry.second.release_if_idle(now); });
}

}  // namespace weir::frontend
