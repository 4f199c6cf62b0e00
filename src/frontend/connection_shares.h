// ConnectionShares: which account each connection of a core works for, so that no account holds all of them.
//
// A connection belongs to the account of the last request on it whose signature was right. While an account has more
// than its share, every connection on which it asks something ends with the answer: its load goes on, over fewer
// connections, and there is room for others.
//
// Threading: one core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace weir::frontend {

class ConnectionShares {
 public:
  // `connections_max`: of one account, on this core; at least 1.
  explicit ConnectionShares(std::uint64_t connections_max)
      : counts_(std::make_shared<Counts>()), max_(connections_max) {}

  // Notes in `label`, a connection's, that it works for `account`. False when the account has more than its share now.
  [[nodiscard]] bool note(std::shared_ptr<void>& label, const std::string& account);
  [[nodiscard]] std::uint64_t connections_of(const std::string& account) const;

 private:
  using Counts = absl::flat_hash_map<std::string, std::uint64_t>;  // none is 0
  // What a connection keeps. It may outlive the front end.
  struct Held {
    Held(std::shared_ptr<Counts> in, std::string of);
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held();
    std::shared_ptr<Counts> counts;
    std::string account;
  };

  std::shared_ptr<Counts> counts_;
  std::uint64_t max_;
};

}  // namespace weir::frontend
