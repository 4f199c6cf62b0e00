// MemoryBudget: how many bytes of one kind the whole process may hold at once.
//
// A quarter is kept for what is small: whoever sends many large requests, or sends them slowly, cannot keep out those
// who send small ones. Alone, something large may take all.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/metrics.h"

namespace weir::net {

// Any thread.
class MemoryBudget {
 public:
  MemoryBudget(std::uint64_t bytes_max, Gauge& level) noexcept : bytes_max_(bytes_max), level_(level) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // What one holder may take of the quarter that is kept.
  static constexpr std::uint64_t small_bytes = 262'144;

  // `bytes` more for a holder that has `held` of them. False, and nothing taken, when that would pass the maximum, or
  // three quarters of it for what is not small.
  [[nodiscard]] bool try_take(std::uint64_t bytes, std::uint64_t held = 0) noexcept {
    const bool is_small = held + bytes <= small_bytes;
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      const std::uint64_t kept = is_small || used <= held ? 0 : bytes_max_ / 4;
      if (used + kept > bytes_max_ || bytes > bytes_max_ - used - kept) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    level_.add(static_cast<std::int64_t>(bytes));
    return true;
  }
  void give_back(std::uint64_t bytes) noexcept {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    level_.add(-static_cast<std::int64_t>(bytes));
  }
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t bytes_max_;
  Gauge& level_;
  alignas(cache_line_bytes) std::atomic<std::uint64_t> used_{0};
};

// A share of a budget that goes back by itself.
class MemoryReservation {
 public:
  MemoryReservation() = default;
  MemoryReservation(MemoryReservation&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryReservation& operator=(MemoryReservation&& other) noexcept {
    if (this != &other) {
      release();
      budget_ = std::exchange(other.budget_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~MemoryReservation() { release(); }

  // Makes the share `bytes` large, from `budget` (always the same one). False, and nothing changed, when it does not
  // fit.
  [[nodiscard]] bool resize(MemoryBudget& budget, std::uint64_t bytes) noexcept {
    if (bytes > bytes_ && !budget.try_take(bytes - bytes_, bytes_)) return false;
    if (bytes < bytes_) budget.give_back(bytes_ - bytes);
    budget_ = &budget;
    bytes_ = bytes;
    return true;
  }
  void release() noexcept {
    if (bytes_ != 0) budget_->give_back(std::exchange(bytes_, 0));
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  MemoryBudget* budget_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace weir::net
