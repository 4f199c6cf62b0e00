// RateLedger: counts the calls of the whole fleet against their rates. The leader of the directory fleet has one; front
// ends ask it for calls that wait to be admitted.
//
// The promise: over any second what all front ends admit of a subject is at most its rate. A front end uses a grant
// within grant_life of asking for it, or not at all; so the ledger counts a grant for a second and grant_life, and no
// second can see more than the ledger counted. What that costs is grant_life in a second: a subject that is asked for
// without end gets its rate / (1 + grant_life) on average.
//
// What a front end admitted by itself (`spent`), when it could not ask, is counted when it is told, over the rate if
// need be; less is granted then.
//
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/time.h"

namespace weir::directory {

inline constexpr milliseconds grant_life{50};
inline constexpr milliseconds rate_window = seconds(1) + grant_life;

struct RateAsk {
  std::string subject;
  std::uint32_t calls_per_second = 1;  // at least 1
  std::uint32_t wanted = 0;
  std::uint32_t spent = 0;  // admitted by the front end itself since it last said so; of the last second only
  friend bool operator==(const RateAsk&, const RateAsk&) = default;
};

struct RateGrant {
  std::uint32_t granted = 0;  // at most what was wanted
  // When less was granted than wanted: for how long from now on nothing will be granted to anyone; at most rate_window.
  microseconds refuse_for{};
  bool by_share = false;  // the ledger has no room for the subject: the front end goes by its share of the rate
  friend bool operator==(const RateGrant&, const RateGrant&) = default;
};

struct RateLedgerOptions {
  std::size_t subjects_max = 65'536;
};

class RateLedger {
 public:
  // A ledger is silent about what was granted before it: for the first rate_window it only counts, see is_settled().
  explicit RateLedger(MonotonicTime began, const RateLedgerOptions& options = {})
      : began_(began), swept_(began), options_(options) {}

  // Whether it has counted for long enough to know what the last second saw.
  [[nodiscard]] bool is_settled(MonotonicTime now) const noexcept { return now - began_ >= rate_window; }
  // Counts what was spent and grants as much of what is wanted as the rate has room for; nothing before is_settled().
  // `now` never falls.
  [[nodiscard]] RateGrant ask(MonotonicTime now, const RateAsk& ask);
  // Subjects kept, those included of which nothing counts any more but that were not forgotten yet.
  [[nodiscard]] std::size_t subjects() const noexcept { return subjects_.size(); }

 private:
  struct Entry {
    MonotonicTime last;
    std::uint64_t calls;
  };
  // Calls of the last rate_window, oldest first. Those of one millisecond share an entry that counts as long as its
  // last one; so there are never more entries than milliseconds.
  struct Window {
    std::vector<Entry> entries;
    std::size_t first = 0;  // those before it count no more
    MonotonicTime newest_began;
    std::uint64_t calls = 0;
  };

  static void expire(Window& window, MonotonicTime now);
  static void count(Window& window, MonotonicTime now, std::uint64_t calls);
  [[nodiscard]] Window* find_or_make(MonotonicTime now, const std::string& subject);
  void sweep(MonotonicTime now);

  MonotonicTime began_;
  MonotonicTime swept_;
  RateLedgerOptions options_;
  absl::flat_hash_map<std::string, Window> subjects_;
};

}  // namespace weir::directory
