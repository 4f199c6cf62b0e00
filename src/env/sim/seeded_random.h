// SeededRandom: the only source of chance in a simulation. Not for keys.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/assert.h"

namespace weir::env {

// The next output of SplitMix64 (Steele, Lea, Flood 2014); moves `state` on. Good at turning any seed into a mixed one.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}

// xoshiro256** (Blackman, Vigna 2018). Equal seeds and purposes give equal sequences on every machine. One thread.
class SeededRandom {
 public:
  // `purpose` separates sequences that share a seed, so that drawing from one never shifts another.
  explicit constexpr SeededRandom(std::uint64_t seed, std::uint64_t purpose = 0) noexcept {
    std::uint64_t state = seed;
    state = splitmix64(state) ^ purpose;
    for (std::uint64_t& word : state_) word = splitmix64(state);
  }

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); bound at least 1.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    WEIR_ASSERT(bound != 0);
    const std::uint64_t biased = (std::uint64_t{0} - bound) % bound;  // outputs below this would favour small results
    for (;;) {
      const std::uint64_t drawn = next();
      if (drawn >= biased) return drawn % bound;
    }
  }
  // Uniform in [least, most].
  [[nodiscard]] constexpr std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept {
    WEIR_ASSERT(least <= most);
    return most - least == ~std::uint64_t{0} ? next() : least + below(most - least + 1);
  }
  // True with `probability` in [0, 1].
  [[nodiscard]] constexpr bool chance(double probability) noexcept {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }
  [[nodiscard]] constexpr bool coin() noexcept { return (next() >> 63) != 0; }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace weir::env
