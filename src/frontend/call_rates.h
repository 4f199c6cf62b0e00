// CallRates: how often an account may call each control operation (API reference, section 3.1).
//
// Threading: belongs to the directory's core, so that a rate holds for the whole process.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "base/time.h"
#include "model/rate_window.h"

namespace weir::frontend {

class CallRates {
 public:
  // `subjects_max`: windows kept at once. Beyond it the idle ones are dropped; if none is idle the call is refused, so
  // that memory stays bounded whoever calls.
  explicit CallRates(std::size_t subjects_max = 65'536) noexcept : subjects_max_(subjects_max) {}

  // Counts one call of `subject` ("account/region/operation" or a stream's) and says whether it is within
  // `calls_per_second`.
  [[nodiscard]] bool try_admit(MonotonicTime now, const std::string& subject, std::uint64_t calls_per_second);
  [[nodiscard]] std::size_t subjects() const noexcept { return windows_.size(); }

 private:
  void drop_idle(MonotonicTime now);
  absl::flat_hash_map<std::string, model::CallRate> windows_;
  std::size_t subjects_max_;
};

}  // namespace weir::frontend
