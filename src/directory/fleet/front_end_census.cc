#include "directory/fleet/front_end_census.h"

namespace weir::directory {
namespace {

constexpr Duration known_after = front_end_hello_interval * 5 / 2;
constexpr Duration forgotten_after = front_end_hello_interval * 5;
constexpr Duration sweep_interval = seconds(1);

}  // namespace

bool FrontEndCensus::is_known(MonotonicTime now) const noexcept { return now - began_ >= known_after; }

void FrontEndCensus::note(MonotonicTime now, const std::string& process, const std::string& fleet) {
  if (now - swept_ >= sweep_interval) sweep(now);
  const auto found = front_ends_.find(process);
  if (found == front_ends_.end()) {
    if (front_ends_.size() >= front_ends_max) return;
    front_ends_.emplace(process, FrontEnd{fleet, now});
    ++by_fleet_[fleet];
    return;
  }
  found->second.heard = now;
  if (found->second.fleet == fleet) return;
  leave(found->second.fleet);
  found->second.fleet = fleet;
  ++by_fleet_[fleet];
}

std::uint32_t FrontEndCensus::count(MonotonicTime now, const std::string& fleet) const {
  const auto found = by_fleet_.find(fleet);
  return is_known(now) && found != by_fleet_.end() ? found->second : 0;
}

std::uint32_t FrontEndCensus::count_all(MonotonicTime now) const {
  return is_known(now) ? static_cast<std::uint32_t>(front_ends_.size()) : 0;
}

void FrontEndCensus::leave(const std::string& fleet) {
  const auto found = by_fleet_.find(fleet);
  if (--found->second == 0) by_fleet_.erase(found);
}

void FrontEndCensus::sweep(MonotonicTime now) {
  swept_ = now;
  absl::erase_if(front_ends_, [&](const auto& entry) {
    if (now - entry.second.heard <= forgotten_after) return false;
    leave(entry.second.fleet);
    return true;
  });
}

}  // namespace weir::directory
