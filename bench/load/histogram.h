// A histogram of durations from 1 ns to about 18 minutes with at most 1 % error: linear buckets within powers of two.
#pragma once

#include <array>
#include <cstdint>

namespace weir::bench {

class Histogram {
 public:
  void record(std::int64_t nanoseconds) noexcept;
  void add(const Histogram& other) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::int64_t maximum_ns() const noexcept { return maximum_; }
  // The least duration that `fraction` (0 to 1) of all did not exceed, within the error. 0 when empty.
  [[nodiscard]] std::int64_t percentile_ns(double fraction) const noexcept;

 private:
  static constexpr unsigned linear_bits = 7;  // 128 buckets for each power of two
  static constexpr unsigned powers = 34;
  static constexpr std::size_t bucket_count = std::size_t{powers} << linear_bits;
  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t upper_bound(std::size_t bucket) noexcept;

  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t maximum_ = 0;
};

}  // namespace weir::bench
