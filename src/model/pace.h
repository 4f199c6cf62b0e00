// Even parts: how a shard that is asked for more than its limit all the time is given its limit.
//
// A sliding second alone admits to a tenant who floods the whole of each second's allowance at once, and the same again
// a second later: everybody else meets it as a burst on the node and the disk they share. So while demand is steady, a
// quarter of the limit is admitted at a time, and nothing more until that is paid for. That takes nothing from the
// tenant: whoever asks all the time gets the same in parts, and what is not asked for is kept for a second. Who sends a
// burst once in a second is not steady, and not paced.
//
// Threading: one core at a time. `now` never falls.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "model/rate_window.h"

namespace weir::model {

// In which eighths of the last second something was asked for in vain.
class Demand {
 public:
  static constexpr std::int64_t slot_count = 8;
  static constexpr Duration slot_length = milliseconds(125);
  // So many of the slots make it steady. Half of them: who asks for twice the limit all the time is refused half of the
  // time while it is paced.
  static constexpr int steady_slots = 4;

  // Bit i: i slots ago.
  using Slots = std::uint8_t;

  void mark(MonotonicTime now, Slots slots = 1) noexcept;
  [[nodiscard]] Slots marked(MonotonicTime now) const noexcept;
  [[nodiscard]] bool is_steady(MonotonicTime now) const noexcept;

 private:
  std::int64_t newest_ = 0;
  Slots slots_ = 0;
};

class Pace {
 public:
  // At the limit's rate so much is admitted at a time.
  static constexpr Duration part_length = milliseconds(250);

  // Something was asked for in vain in the slots that somebody else tells of.
  void asked_in_vain(MonotonicTime now, Demand::Slots slots) noexcept;
  // Something was asked for and refused, now, as a whole or in part: because it is closed, or has less left, or by the
  // window. It is closed then until what it gave is paid for, or a flood of large requests would be given what time has
  // made each time it asks. And nothing is kept of what time has made until now, or the window's bursts would come
  // through.
  void refused(MonotonicTime now) noexcept;
  // Whether it paces. If not, nothing of what follows need be asked.
  [[nodiscard]] bool is_on(MonotonicTime now) const noexcept { return demand_.is_steady(now); }
  // Whether nothing is left to remember.
  [[nodiscard]] bool is_idle(MonotonicTime now) const noexcept { return demand_.marked(now) == 0; }

  // What is left: so many records, of so many bytes together, but a first one of any size; none while it is closed. A
  // limit that is unlimited does not count.
  struct Part {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Part part(MonotonicTime now, const RateLimit& limit) const noexcept;
  // Closed, until opens(), is what has given all it had, or refused something.
  [[nodiscard]] bool is_closed(MonotonicTime now) const noexcept { return is_spent_ && now < opens(); }
  [[nodiscard]] MonotonicTime opens() const noexcept;
  void admitted(MonotonicTime now, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes) noexcept;

 private:
  Demand demand_;
  // When what was admitted is paid for, at the limit's rate.
  MonotonicTime records_paid_{};
  MonotonicTime bytes_paid_{};
  bool is_spent_ = false;
};

}  // namespace weir::model
