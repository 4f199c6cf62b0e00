#include "model/pace.h"

#include <algorithm>
#include <bit>

namespace weir::model {
namespace {

constexpr Duration kept_for = seconds(1);

std::int64_t slot_of(MonotonicTime now) noexcept { return now.time_since_epoch() / Demand::slot_length; }

// A part, and what time has made since `paid`.
std::uint64_t share(MonotonicTime now, MonotonicTime paid, std::uint64_t per_second) noexcept {
  if (per_second == unlimited) return unlimited;
  const Duration earned = std::clamp<Duration>(now - paid + Pace::part_length, Duration::zero(), kept_for);
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(per_second) *
                                    static_cast<std::uint64_t>(earned.count()) / 1'000'000'000);
}

MonotonicTime pay(MonotonicTime now, MonotonicTime paid, std::uint64_t per_second, std::uint64_t cost) noexcept {
  if (per_second == unlimited) return paid;
  return std::max<MonotonicTime>(paid, now + Pace::part_length - kept_for) + time_for(cost, per_second);
}

}  // namespace

void Demand::mark(MonotonicTime now, Slots slots) noexcept {
  slots_ = static_cast<Slots>(marked(now) | slots);
  newest_ = slot_of(now);
}

Demand::Slots Demand::marked(MonotonicTime now) const noexcept {
  const std::int64_t passed = slot_of(now) - newest_;
  return passed < slot_count ? static_cast<Slots>(slots_ << passed) : Slots{0};
}

bool Demand::is_steady(MonotonicTime now) const noexcept { return std::popcount(marked(now)) >= steady_slots; }

void Pace::asked_in_vain(MonotonicTime now, Demand::Slots slots) noexcept {
  const bool was_on = is_on(now);
  demand_.mark(now, slots);
  if (was_on) return;
  records_paid_ = bytes_paid_ = now;
  is_spent_ = false;
}

void Pace::refused(MonotonicTime now) noexcept {
  asked_in_vain(now, 1);
  if (is_closed(now)) return;
  records_paid_ = std::max(records_paid_, now);
  bytes_paid_ = std::max(bytes_paid_, now);
  is_spent_ = true;
}

Pace::Part Pace::part(MonotonicTime now, const RateLimit& limit) const noexcept {
  if (is_closed(now)) return {};
  return {.records = share(now, records_paid_, limit.records), .bytes = share(now, bytes_paid_, limit.bytes)};
}

MonotonicTime Pace::opens() const noexcept { return std::max(records_paid_, bytes_paid_); }

void Pace::admitted(MonotonicTime now, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes) noexcept {
  records_paid_ = pay(now, records_paid_, limit.records, records);
  bytes_paid_ = pay(now, bytes_paid_, limit.bytes, bytes);
  is_spent_ = share(now, records_paid_, limit.records) == 0 || share(now, bytes_paid_, limit.bytes) == 0;
}

}  // namespace weir::model
