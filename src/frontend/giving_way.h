// GivingWay: which accounts have so much refused on a core that they give way to everybody else there.
//
// To refuse a request costs nearly what it costs to serve one: it is received, its signature is verified, and it is
// decoded before it is known to be over a rate. A client that tries again now and then is nobody's burden. One that has
// many requests refused, or large ones, takes the processor from the others in vain: its connections go on on the
// background core of the process, whose thread gives way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/time.h"
#include "env/core.h"

namespace weir::frontend {

// Belongs to one core.
class GivingWay {
 public:
  // What may be refused of an account within a second before it gives way, counted in small requests. That is some two
  // thousandths of a core; below it nothing is to be gained.
  static constexpr std::uint64_t refused_per_second_max = 32;
  // What costs as much as one small request: to receive, hash and decode so much of a body.
  static constexpr std::size_t bytes_of_one_request = 16 * kibibyte;
  // How long an account gives way after it was last over that.
  static constexpr Duration gives_way_time = seconds(5);
  // Accounts remembered at most; one more is not, and goes on as everybody does.
  static constexpr std::size_t accounts_max = 1'024;

  explicit GivingWay(env::Core& core) noexcept : core_(core) {}

  // A request of `account` with a body of `body_bytes` was over a rate, wholly or in part.
  void note_refused(const std::string& account, std::size_t body_bytes);
  // It does so on another core: from now on for gives_way_time here, too.
  void begin(const std::string& account);
  [[nodiscard]] bool gives_way(const std::string& account) const;

 private:
  struct Refused {
    MonotonicTime since;      // the second in which was refused
    std::uint64_t count = 0;  // so much, in small requests
    MonotonicTime gives_way_until{};
  };
  [[nodiscard]] bool has_room_for(const std::string& account, MonotonicTime now);

  env::Core& core_;
  absl::flat_hash_map<std::string, Refused> accounts_;
};

}  // namespace weir::frontend
