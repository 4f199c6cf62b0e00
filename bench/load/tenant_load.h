// The load of one tenant at fixed rates, from one thread, whether the requests before were answered or not.
//
// Requests are signed beforehand and sent as they are, and of an answer only what is needed is looked at: a sender that
// costs more than what it loads would be what is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "load/tenant_plan.h"

namespace weir::bench {

struct MixResult {
  std::map<std::string, std::uint64_t> answers;  // by error code; "" are successes
  std::vector<double> latencies_ms;              // from the moment at which a request was due
  std::uint64_t failed_records = 0;              // of PutRecords that were answered
  std::vector<Moment> taken;                     // when what was sent of which so many records were taken
  std::uint64_t late = 0;                        // not sent, because the connection was still waiting
};

// One result for each mix, in their order. A broken connection counts as an error and is made anew.
[[nodiscard]] std::vector<MixResult> run_tenant(const TenantPlan& plan);

// The results as JSON: an object with a member for each mix.
[[nodiscard]] std::string tenant_json(const TenantPlan& plan, const std::vector<MixResult>& results);

}  // namespace weir::bench
