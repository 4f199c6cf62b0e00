// The method `rates`: what a front end asks the directory's leader about call rates, and what it is answered, apart
// from its bytes (rates.proto).
//
// Any thread. Decoding takes whatever bytes come; errors: corrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "directory/rates/rate_ledger.h"
#include "env/network.h"

namespace weir::directory {

inline constexpr std::size_t rate_subjects_per_ask_max = 256;
inline constexpr std::size_t rate_subject_bytes_max = 512;
inline constexpr std::size_t rate_name_bytes_max = 256;  // of a process or a fleet
inline constexpr std::size_t rate_ask_bytes_max = std::size_t{192} * 1024;

struct RatesAsk {
  std::string process;  // the front end that asks
  std::string fleet;    // its fleet
  std::vector<RateAsk> subjects;
  friend bool operator==(const RatesAsk&, const RatesAsk&) = default;
};

struct RatesAnswer {
  bool is_leader = true;
  std::optional<env::Endpoint> leader;  // when the one that was asked is not: as far as it knows
  std::uint32_t front_ends = 0;         // that serve the asker's accounts, itself included; 0: not known yet
  bool began_lately = false;            // the ledger is too young to grant anything: ask again soon
  std::vector<RateGrant> grants;        // of the subjects in the order of the ask
  friend bool operator==(const RatesAnswer&, const RatesAnswer&) = default;
};

[[nodiscard]] std::string encode(const RatesAsk& ask);
[[nodiscard]] std::string encode(const RatesAnswer& answer);
[[nodiscard]] Result<RatesAsk> decode_rates_ask(std::string_view body);
// `subjects`: of the ask; an answer of the leader has as many grants, and none above what was wanted.
[[nodiscard]] Result<RatesAnswer> decode_rates_answer(std::string_view body, const std::vector<RateAsk>& subjects);

}  // namespace weir::directory
