// CallRates: how often an account may call each control operation (API reference, section 3.1). LocalCallRates counts
// for one process, FleetCallRates for a whole fleet.
//
// Data operations do not come here: what is per shard is counted by the shard's lane.
#pragma once

#include <cstdint>
#include <string>

#include "base/metrics.h"
#include "env/core.h"
#include "env/task.h"

namespace weir::frontend {

struct CallRateMetrics {
  explicit CallRateMetrics(MetricsRegistry& registry);

  Counter& over_rate;     // of those refused: counted here, or by the directory
  Counter& over_told;     // refused without asking, as the directory had told
  Counter& over_share;    // over this front end's share
  Counter& without_room;  // too many subjects at once
  Counter& admitted_by_share;
  Counter& asks;
  Counter& asks_failed;
  Counter& grants_late;  // grants that came too late to be used
  Gauge& subjects;
  Gauge& waiting;
  Gauge& apart;       // 1 while rates are held by shares
  Gauge& front_ends;  // of which this one has a share, as told last
};

class CallRates {
 public:
  CallRates() = default;
  CallRates(const CallRates&) = delete;
  CallRates& operator=(const CallRates&) = delete;
  virtual ~CallRates() = default;

  // Counts one call of `subject` ("account/region/operation", or with the stream's name behind it) and says whether it
  // is within `calls_per_second`, at least 1. Any core; comes back on `caller`.
  [[nodiscard]] virtual env::Task<bool> admit(env::Core& caller, std::string subject,
                                              std::uint32_t calls_per_second) = 0;
};

}  // namespace weir::frontend
