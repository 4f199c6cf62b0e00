#include "directory/rates/rate_ledger.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::directory {
namespace {

constexpr Duration shared_entry_length = milliseconds(1);
// Looking for subjects to forget costs time: not more often than this, also when the ledger is full.
constexpr Duration sweep_interval = seconds(10);
constexpr Duration sweep_interval_when_full = milliseconds(200);

}  // namespace

RateGrant RateLedger::ask(MonotonicTime now, const RateAsk& ask) {
  WEIR_ASSERT(ask.calls_per_second > 0);
  Window* const window = find_or_make(now, ask.subject);
  if (window == nullptr) return {.by_share = true};
  expire(*window, now);
  if (ask.spent != 0) count(*window, now, ask.spent);
  if (!is_settled(now)) return {};
  const std::uint64_t room = ask.calls_per_second - std::min<std::uint64_t>(window->calls, ask.calls_per_second);
  const auto granted = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, ask.wanted));
  if (granted != 0) count(*window, now, granted);
  if (granted == ask.wanted) return {.granted = granted};
  // Nothing until enough has stopped counting that one more fits.
  std::uint64_t over = window->calls - ask.calls_per_second;
  auto entry = window->entries.begin() + static_cast<std::ptrdiff_t>(window->first);
  while (entry->calls <= over) over -= (entry++)->calls;
  return {.granted = granted, .refuse_for = std::chrono::ceil<microseconds>(entry->last + rate_window - now)};
}

void RateLedger::expire(Window& window, MonotonicTime now) {
  std::vector<Entry>& entries = window.entries;
  while (window.first < entries.size() && entries[window.first].last + rate_window <= now) {
    window.calls -= entries[window.first++].calls;
  }
  if (2 * window.first < entries.size()) return;
  entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(window.first));
  window.first = 0;
}

void RateLedger::count(Window& window, MonotonicTime now, std::uint64_t calls) {
  if (window.first < window.entries.size() && now - window.newest_began < shared_entry_length) {
    window.entries.back().last = now;
    window.entries.back().calls += calls;
  } else {
    window.entries.push_back({now, calls});
    window.newest_began = now;
  }
  window.calls += calls;
}

RateLedger::Window* RateLedger::find_or_make(MonotonicTime now, const std::string& subject) {
  const Duration interval = subjects_.size() < options_.subjects_max ? sweep_interval : sweep_interval_when_full;
  if (now - swept_ >= interval) sweep(now);
  if (const auto found = subjects_.find(subject); found != subjects_.end()) return &found->second;
  if (subjects_.size() >= options_.subjects_max) return nullptr;
  return &subjects_[subject];
}

void RateLedger::sweep(MonotonicTime now) {
  swept_ = now;
  absl::erase_if(subjects_, [now](auto& entry) {
    expire(entry.second, now);
    return entry.second.entries.empty();
  });
}

}  // namespace weir::directory
