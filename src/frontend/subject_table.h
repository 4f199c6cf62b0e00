// SubjectTable: what a front end keeps for each subject of a call rate. Bounded, and no account can take all of it.
//
// Threading: one core.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/time.h"

namespace weir::frontend {

struct SubjectTableOptions {
  std::size_t subjects_max = 65'536;
  std::size_t account_subjects_max = 8'192;  // of them, for one account
};

// `Entry` has release_if_idle(now): whether it may be forgotten.
template <class Entry>
class SubjectTable {
 public:
  explicit SubjectTable(const SubjectTableOptions& options = {}) noexcept : options_(options) {}

  // `subject` begins with its account and a '/'. When there is no room, idle entries are dropped; null when that does
  // not help, so that memory stays bounded whoever calls. The entry stays where it is until it is idle.
  [[nodiscard]] Entry* find_or_make(MonotonicTime now, const std::string& subject) {
    if (Entry* const known = find(subject)) return known;
    const std::string account = account_of(subject);
    if (!has_room(account)) drop_idle(now);
    if (!has_room(account)) return nullptr;
    ++accounts_[account];
    return entries_.try_emplace(subject, std::make_unique<Entry>()).first->second.get();
  }
  [[nodiscard]] Entry* find(const std::string& subject) {
    const auto found = entries_.find(subject);
    return found == entries_.end() ? nullptr : found->second.get();
  }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  // Looking through everything costs time: not more often than this.
  static constexpr Duration drop_interval = milliseconds(200);

  [[nodiscard]] static std::string account_of(const std::string& subject) {
    return subject.substr(0, subject.find('/'));
  }
  [[nodiscard]] bool has_room(const std::string& account) const {
    const auto mine = accounts_.find(account);
    return entries_.size() < options_.subjects_max &&
           (mine == accounts_.end() || mine->second < options_.account_subjects_max);
  }
  void drop_idle(MonotonicTime now) {
    if (dropped_ && now - *dropped_ < drop_interval) return;
    dropped_ = now;
    absl::erase_if(entries_, [&](auto& entry) {
      if (!entry.second->release_if_idle(now)) return false;
      const auto mine = accounts_.find(account_of(entry.first));
      if (--mine->second == 0) accounts_.erase(mine);
      return true;
    });
  }

  SubjectTableOptions options_;
  absl::flat_hash_map<std::string, std::unique_ptr<Entry>> entries_;
  absl::flat_hash_map<std::string, std::size_t> accounts_;  // how many entries; none is 0
  std::optional<MonotonicTime> dropped_;                    // when idle entries were looked for last
};

}  // namespace weir::frontend
