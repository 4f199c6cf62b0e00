// FrontEndCensus: how many front ends there are, by fleet, as far as they were heard of lately. The leader of the
// directory fleet tells each, so that it knows its share of a rate when no directory can be asked.
//
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/time.h"

namespace weir::directory {

// How often a front end lets itself be heard of at least.
inline constexpr Duration front_end_hello_interval = seconds(2);

class FrontEndCensus {
 public:
  explicit FrontEndCensus(MonotonicTime began) noexcept : began_(began), swept_(began) {}

  // Beyond `front_ends_max` others are not counted.
  static constexpr std::size_t front_ends_max = 16'384;
  void note(MonotonicTime now, const std::string& process, const std::string& fleet);
  // Those of the fleet, or all of them; 0 until every front end had the time to be heard of.
  [[nodiscard]] std::uint32_t count(MonotonicTime now, const std::string& fleet) const;
  [[nodiscard]] std::uint32_t count_all(MonotonicTime now) const;

 private:
  struct FrontEnd {
    std::string fleet;
    MonotonicTime heard;
  };
  [[nodiscard]] bool is_known(MonotonicTime now) const noexcept;
  void leave(const std::string& fleet);
  void sweep(MonotonicTime now);

  MonotonicTime began_;
  MonotonicTime swept_;
  absl::flat_hash_map<std::string, FrontEnd> front_ends_;     // by process
  absl::flat_hash_map<std::string, std::uint32_t> by_fleet_;  // none is 0
};

}  // namespace weir::directory
