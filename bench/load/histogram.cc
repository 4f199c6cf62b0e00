#include "load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::bench {

// Values below 128 have a bucket each. Above, the top eight bits of a value choose its bucket.
std::size_t Histogram::bucket_of(std::uint64_t value) noexcept {
  if (value < (std::uint64_t{1} << linear_bits)) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - linear_bits - 1;
  const std::uint64_t within = (value >> shift) & ((std::uint64_t{1} << linear_bits) - 1);
  return std::min(bucket_count - 1, (std::size_t{shift + 1} << linear_bits) + within);
}

std::uint64_t Histogram::upper_bound(std::size_t bucket) noexcept {
  const std::size_t power = bucket >> linear_bits;
  if (power == 0) return bucket;
  const std::uint64_t within = bucket & ((std::size_t{1} << linear_bits) - 1);
  const std::uint64_t base = (std::uint64_t{1} << linear_bits) + within;
  return ((base + 1) << (power - 1)) - 1;
}

void Histogram::record(std::int64_t nanoseconds) noexcept {
  const std::int64_t value = std::max<std::int64_t>(0, nanoseconds);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  maximum_ = std::max(maximum_, value);
}

void Histogram::add(const Histogram& other) noexcept {
  for (std::size_t bucket = 0; bucket < bucket_count; ++bucket) buckets_[bucket] += other.buckets_[bucket];
  count_ += other.count_;
  maximum_ = std::max(maximum_, other.maximum_);
}

std::int64_t Histogram::percentile_ns(double fraction) const noexcept {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < bucket_count; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted && seen > 0) return std::min(maximum_, static_cast<std::int64_t>(upper_bound(bucket)));
  }
  return maximum_;
}

}  // namespace weir::bench
