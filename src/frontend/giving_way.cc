#include "frontend/giving_way.h"

namespace weir::frontend {

void GivingWay::note_refused(const std::string& account, std::size_t body_bytes) {
  const MonotonicTime now = core_.now();
  if (!has_room_for(account, now)) return;
  Refused& refused = accounts_.try_emplace(account, Refused{.since = now}).first->second;
  if (now - refused.since >= seconds(1)) {
    refused.since = now;
    refused.count = 0;
  }
  refused.count += 1 + body_bytes / bytes_of_one_request;
  if (refused.count > refused_per_second_max) refused.gives_way_until = now + gives_way_time;
}

void GivingWay::begin(const std::string& account) {
  const MonotonicTime now = core_.now();
  if (!has_room_for(account, now)) return;
  accounts_.try_emplace(account, Refused{.since = now}).first->second.gives_way_until = now + gives_way_time;
}

bool GivingWay::has_room_for(const std::string& account, MonotonicTime now) {
  if (accounts_.size() < accounts_max || accounts_.contains(account)) return true;
  absl::erase_if(accounts_, [now](const auto& entry) {
    return entry.second.gives_way_until <= now && now - entry.second.since >= seconds(1);
  });
  return accounts_.size() < accounts_max;
}

bool GivingWay::gives_way(const std::string& account) const {
  const auto found = accounts_.find(account);
  return found != accounts_.end() && core_.now() < found->second.gives_way_until;
}

}  // namespace weir::frontend
