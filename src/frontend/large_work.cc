#include "frontend/large_work.h"

namespace weir::frontend {

void LargeWork::note_over_rate(const std::string& account) {
  const MonotonicTime now = core_.now();
  if (give_way_until_.size() >= accounts_max && !give_way_until_.contains(account)) {
    absl::erase_if(give_way_until_, [now](const auto& entry) { return entry.second <= now; });
    if (give_way_until_.size() >= accounts_max) return;
  }
  give_way_until_.insert_or_assign(account, now + gives_way_time);
}

bool LargeWork::gives_way(const std::string& account) const {
  const auto found = give_way_until_.find(account);
  return found != give_way_until_.end() && core_.now() < found->second;
}

}  // namespace weir::frontend
