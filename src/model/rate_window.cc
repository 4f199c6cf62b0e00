#include "model/rate_window.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::model {
namespace {

constexpr Duration window_length = seconds(1);
constexpr Duration shared_entry_length = milliseconds(1);
constexpr std::uint32_t first_capacity = 4;

}  // namespace

Duration time_for(std::uint64_t cost, std::uint64_t per_second) noexcept {
  constexpr Duration longest = hours(24);
  const auto exact = (static_cast<unsigned __int128>(cost) * 1'000'000'000 + per_second - 1) / per_second;
  return exact > static_cast<unsigned __int128>(longest.count()) ? longest : Duration(static_cast<std::int64_t>(exact));
}

Admit RateWindow::try_admit(MonotonicTime now, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes) {
  WEIR_ASSERT(limit.records > 0 && limit.bytes > 0);
  expire(now);
  if (now < blocked_until_) return blocked_by_;
  if (records > limit.records || bytes > limit.bytes) {
    if (size_ != 0) return bytes > limit.bytes ? Admit::over_bytes : Admit::over_records;
    push(now, records, bytes);
    block(now, limit, records, bytes);
    return Admit::yes;
  }
  // Written as subtractions so that no sum can wrap.
  if (records_ > limit.records || records > limit.records - records_) return Admit::over_records;
  if (bytes_ > limit.bytes || bytes > limit.bytes - bytes_) return Admit::over_bytes;
  push(now, records, bytes);
  return Admit::yes;
}

Admit RateWindow::has_room(MonotonicTime now, const RateLimit& limit) {
  WEIR_ASSERT(limit.records > 0 && limit.bytes > 0);
  expire(now);
  if (now < blocked_until_) return blocked_by_;
  if (records_ >= limit.records) return Admit::over_records;
  return bytes_ >= limit.bytes ? Admit::over_bytes : Admit::yes;
}

void RateWindow::charge(MonotonicTime now, const RateLimit& limit, std::uint64_t records, std::uint64_t bytes) {
  WEIR_ASSERT(limit.records > 0 && limit.bytes > 0);
  expire(now);
  push(now, records, bytes);
  paid_ = std::max<MonotonicTime>(paid_, now - window_length) +
          std::max(time_for(records, limit.records), time_for(bytes, limit.bytes));
  if (now < blocked_until_) {
    block(blocked_until_, limit, records, bytes);
  } else if (records_ > limit.records || bytes_ > limit.bytes) {
    block(entry(0).last, limit, records_, bytes_);
    blocked_until_ = std::max(blocked_until_, paid_);
  }
}

MonotonicTime RateWindow::next_change(MonotonicTime now) {
  expire(now);
  if (now < blocked_until_) return blocked_until_;
  return size_ == 0 ? now : entry(0).last + window_length;
}

std::vector<Room> RateWindow::rooms(MonotonicTime now, const RateLimit& limit) {
  expire(now);
  const bool is_blocked = now < blocked_until_;
  const std::uint64_t tolerance = limit.bytes / room_steps;
  std::uint64_t records = records_;
  std::uint64_t bytes = bytes_;
  const auto room_left = [&] { return records >= limit.records || bytes >= limit.bytes ? 0 : limit.bytes - bytes; };
  std::uint64_t told = is_blocked ? 0 : room_left();
  std::vector<Room> rooms;
  if (size_ == 0 && is_blocked) rooms.push_back({.until = blocked_until_, .bytes = told});
  for (std::uint32_t i = 0; i < size_; ++i) {
    records -= entry(i).records;
    bytes -= entry(i).bytes;
    const std::uint64_t left = i + 1 == size_ ? unlimited : room_left();
    if (left <= told) continue;
    rooms.push_back({.until = std::max(entry(i).last + window_length, blocked_until_), .bytes = told});
    told = std::min(left, unlimited - tolerance) + tolerance;
  }
  return rooms;
}

bool RateWindow::release_if_idle(MonotonicTime now) {
  expire(now);
  if (size_ != 0 || now < blocked_until_) return false;
  entries_.reset();
  capacity_ = 0;
  return true;
}

void RateWindow::expire(MonotonicTime now) noexcept {
  while (size_ != 0 && entry(0).last + window_length <= now) {
    records_ -= entry(0).records;
    bytes_ -= entry(0).bytes;
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
  }
}

void RateWindow::block(MonotonicTime from, const RateLimit& limit, std::uint64_t records,
                       std::uint64_t bytes) noexcept {
  const Duration for_records = time_for(records, limit.records);
  const Duration for_bytes = time_for(bytes, limit.bytes);
  blocked_until_ = std::max(blocked_until_, from + std::max(for_records, for_bytes));
  blocked_by_ = for_bytes >= for_records ? Admit::over_bytes : Admit::over_records;
}

void RateWindow::push(MonotonicTime now, std::uint64_t records, std::uint64_t bytes) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  WEIR_ASSERT(records <= most && bytes <= most);
  if (size_ == entries_max || (size_ >= exact_entries && now - newest_started_ < shared_entry_length)) {
    // What would not fit into the entry's 32 bits is not counted at all, so that the sums stay those of the entries.
    Entry& newest = entry(size_ - 1);
    records = std::min(records, most - newest.records);
    bytes = std::min(bytes, most - newest.bytes);
    newest = {now, static_cast<std::uint32_t>(newest.records + records),
              static_cast<std::uint32_t>(newest.bytes + bytes)};
  } else {
    if (size_ == capacity_) grow();
    newest_started_ = now;
    ++size_;
    entry(size_ - 1) = {now, static_cast<std::uint32_t>(records), static_cast<std::uint32_t>(bytes)};
  }
  records_ += records;
  bytes_ += bytes;
}

void RateWindow::grow() {
  const std::uint32_t larger = std::max(first_capacity, capacity_ * 2);
  auto entries = std::make_unique_for_overwrite<Entry[]>(larger);
  for (std::uint32_t i = 0; i < size_; ++i) entries[i] = entry(i);
  entries_ = std::move(entries);
  capacity_ = larger;
  first_ = 0;
}

}  // namespace weir::model
