// Rate limits over a sliding second.
//
// The promise (design, invariant 6): over any second at most the limit plus one request is admitted. A token bucket
// does not keep it (twice the limit fits into one second), so the window remembers what it admitted and when. It is
// exact up to 1,024 requests a second; above that, requests of the same millisecond share an entry that expires with
// its last one, which is late by at most a millisecond and therefore safe.
//
// Memory follows the load: nothing while idle, 16 bytes per request of the last second, at most 32 KiB.
// Threading: one core at a time. `now` never falls.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/time.h"

namespace weir::model {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

// Per second, each at least 1.
struct RateLimit {
  std::uint64_t records = unlimited;
  std::uint64_t bytes = unlimited;
};

// How long `cost` takes at `per_second`, rounded up; a day at most.
[[nodiscard]] Duration time_for(std::uint64_t cost, std::uint64_t per_second) noexcept;

enum class Admit : std::uint8_t { yes, over_records, over_bytes };

// What a window tells of the room it will have.
struct Room {
  MonotonicTime until;
  std::uint64_t bytes = 0;
};
inline constexpr std::size_t room_steps = 16;
inline constexpr std::size_t rooms_max = room_steps + 2;

class RateWindow {
 public:
  RateWindow() = default;
  RateWindow(RateWindow&&) noexcept = default;
  RateWindow& operator=(RateWindow&&) noexcept = default;

  // Admits a request, and counts it, when with it the last second stays within `limit`. A request that is larger than
  // the limit by itself is admitted only into an empty window, which it then blocks for cost / limit seconds. A refused
  // request costs nothing. `records` < 2^32, `bytes` < 2^32.
  [[nodiscard]] Admit try_admit(MonotonicTime now, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes);

  // For work whose cost is known only afterwards (reads): has_room() before, charge() after. charge() may take the
  // window over its limit by the one request; the window is then blocked until the average since its oldest request
  // is back at the limit (10 MiB read at 2 MiB/s: 5 s). Of what is older, it is blocked for what was never paid for:
  // over all time no more is charged than the limit, two seconds' allowance, and the largest request.
  [[nodiscard]] Admit has_room(MonotonicTime now, const RateLimit& limit);
  void charge(MonotonicTime now, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes);

  // When the oldest thing that counts will stop counting; `now` when the window is empty.
  [[nodiscard]] MonotonicTime next_change(MonotonicTime now);
  // What room time makes, should nothing more be admitted: before each `until` a request of more than `bytes` bytes is
  // refused. In order, rooms_max at most: what is told is at most limit.bytes / room_steps more than there will be.
  // Behind the last one nothing counts any more.
  [[nodiscard]] std::vector<Room> rooms(MonotonicTime now, const RateLimit& limit);
  // Whether nothing counts any more. If so, the memory is given back.
  [[nodiscard]] bool release_if_idle(MonotonicTime now);

  [[nodiscard]] std::uint64_t records_in_window() const noexcept { return records_; }  // as of the last call
  [[nodiscard]] std::uint64_t bytes_in_window() const noexcept { return bytes_; }      // as of the last call
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return capacity_ * sizeof(Entry); }

 private:
  struct Entry {
    MonotonicTime last;
    std::uint32_t records;
    std::uint32_t bytes;
  };
  static constexpr std::uint32_t exact_entries = 1024;
  static constexpr std::uint32_t entries_max = 2 * exact_entries;

  void expire(MonotonicTime now) noexcept;
  void block(MonotonicTime from, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes) noexcept;
  void push(MonotonicTime now, std::uint64_t records, std::uint64_t bytes);
  void grow();
  [[nodiscard]] Entry& entry(std::uint32_t ordinal) noexcept { return entries_[(first_ + ordinal) & (capacity_ - 1)]; }

  std::unique_ptr<Entry[]> entries_;  // a ring; capacity_ is 0 or a power of two
  std::uint32_t capacity_ = 0;
  std::uint32_t first_ = 0;
  std::uint32_t size_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  MonotonicTime newest_started_{};
  MonotonicTime blocked_until_ = MonotonicTime::min();
  MonotonicTime paid_ = MonotonicTime::min();  // when all that was charged is paid for; idle time counts for a second
  Admit blocked_by_ = Admit::yes;
};

// Calls per second, with the same promise.
class CallRate {
 public:
  [[nodiscard]] bool try_admit(MonotonicTime now, std::uint64_t calls_per_second) {
    return window_.try_admit(now, {.records = calls_per_second}, 1, 0) == Admit::yes;
  }
  // As RateWindow's.
  [[nodiscard]] MonotonicTime next_change(MonotonicTime now) { return window_.next_change(now); }
  [[nodiscard]] bool release_if_idle(MonotonicTime now) { return window_.release_if_idle(now); }

 private:
  RateWindow window_;
};

}  // namespace weir::model
