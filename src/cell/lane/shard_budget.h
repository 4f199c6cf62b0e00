// ShardBudget: how many shards the lanes of one node may hold in all.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::cell {

// Any thread.
class ShardBudget {
 public:
  explicit ShardBudget(std::uint64_t shards_max) noexcept : shards_max_(shards_max) {}
  ShardBudget(const ShardBudget&) = delete;
  ShardBudget& operator=(const ShardBudget&) = delete;

  // False, and nothing taken, when one more would pass the maximum.
  [[nodiscard]] bool try_take() noexcept {
    std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    do {
      if (taken >= shards_max_) return false;
    } while (!taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t shards) noexcept { taken_.fetch_sub(shards, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t shards_max() const noexcept { return shards_max_; }

 private:
  const std::uint64_t shards_max_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace weir::cell
