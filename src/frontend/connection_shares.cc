#include "frontend/connection_shares.h"

#include <utility>

namespace weir::frontend {

ConnectionShares::Held::Held(std::shared_ptr<Counts> in, std::string of)
    : counts(std::move(in)), account(std::move(of)) {
  ++(*counts)[account];
}

ConnectionShares::Held::~Held() {
  const auto found = counts->find(account);
  if (--found->second == 0) counts->erase(found);
}

bool ConnectionShares::note(std::shared_ptr<void>& label, const std::string& account) {
  // Every label on a front end's connections is from here.
  const auto* const held = static_cast<const Held*>(label.get());
  if (held == nullptr || held->account != account) label = std::make_shared<Held>(counts_, account);
  return connections_of(account) <= max_;
}

std::uint64_t ConnectionShares::connections_of(const std::string& account) const {
  const auto found = counts_->find(account);
  return found == counts_->end() ? 0 : found->second;
}

}  // namespace weir::frontend
