// RateHandler: the directory's side of the method `rates`. While its process leads it counts the calls of all front
// ends; else the caller is told who leads. So exactly one process counts at a time.
//
// Threading: belongs to the core `home`, the directory's; handle() may be called on any core.
#pragma once

#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/metrics.h"
#include "directory/fleet/front_end_census.h"
#include "directory/rates/rate_ledger.h"
#include "directory/rates/rate_messages.h"
#include "env/core.h"
#include "env/network.h"
#include "net/http.h"

namespace weir::directory {

struct RateMetrics {
  explicit RateMetrics(MetricsRegistry& registry);

  Counter& asks;
  Counter& granted;
  Counter& not_granted;
  Counter& spent;
  Gauge& subjects;
  Gauge& front_ends;
};

class RateHandler {
 public:
  struct Leadership {
    std::function<bool()> is_leader;                       // of this process, now
    std::function<std::optional<env::Endpoint>()> leader;  // where the leader answers, as far as this process knows
  };
  // The functions are asked on home.
  RateHandler(env::Core& home, Leadership leadership, RateMetrics& metrics)
      : home_(home), leadership_(std::move(leadership)), metrics_(metrics) {}
  RateHandler(const RateHandler&) = delete;
  RateHandler& operator=(const RateHandler&) = delete;

  // On home. Begins to count, with nothing counted. `fleets_are_apart`: whether each fleet has accounts of its own; if
  // not, all front ends share in every rate.
  void lead(std::function<bool()> fleets_are_apart);
  void stop_leading();

  // Answers POST rates_path; 400 for what is no ask. Comes back on `caller`.
  [[nodiscard]] env::Task<net::HttpResponse> handle(env::Core& caller, BytesView body);

 private:
  struct Counting {
    RateLedger ledger;
    FrontEndCensus census;
    std::function<bool()> fleets_are_apart;
  };
  [[nodiscard]] RatesAnswer answer(const RatesAsk& ask);

  env::Core& home_;
  const Leadership leadership_;
  RateMetrics& metrics_;
  std::optional<Counting> counting_;  // none: does not lead
};

}  // namespace weir::directory
