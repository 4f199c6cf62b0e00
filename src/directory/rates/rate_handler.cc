#include "directory/rates/rate_handler.h"

#include <utility>

namespace weir::directory {

RateMetrics::RateMetrics(MetricsRegistry& registry)
    : asks(registry.counter("weir_call_rates_asks_total", "Asks of front ends for calls that they may admit")),
      granted(registry.counter("weir_call_rates_granted_total", "Calls granted to front ends")),
      not_granted(registry.counter("weir_call_rates_not_granted_total",
                                   "Calls that front ends asked for and that were over their rate")),
      spent(registry.counter("weir_call_rates_spent_total",
                             "Calls that front ends admitted by their share of the rate, while they could not ask")),
      subjects(registry.gauge("weir_call_rates_subjects",
                              "Accounts' operations and streams whose calls are counted for the whole fleet")),
      front_ends(registry.gauge("weir_call_rates_front_ends", "Front ends heard of lately, of all fleets")) {}

void RateHandler::lead(std::function<bool()> fleets_are_apart) {
  const MonotonicTime now = home_.now();
  counting_.emplace(Counting{
      .ledger = RateLedger(now), .census = FrontEndCensus(now), .fleets_are_apart = std::move(fleets_are_apart)});
}

void RateHandler::stop_leading() { counting_.reset(); }

env::Task<net::HttpResponse> RateHandler::handle(env::Core& caller, BytesView body) {
  const auto ask = decode_rates_ask(as_text(body));
  if (!ask) co_return net::HttpResponse{.status = 400, .headers = {}, .body = ask.error().message};
  co_await home_.enter();
  const RatesAnswer outcome = answer(*ask);
  co_await caller.enter();
  co_return net::HttpResponse{
      .status = 200, .headers = {{"Content-Type", "application/x-protobuf"}}, .body = encode(outcome)};
}

RatesAnswer RateHandler::answer(const RatesAsk& ask) {
  if (!counting_ || !leadership_.is_leader()) return {.is_leader = false, .leader = leadership_.leader()};
  const MonotonicTime now = home_.now();
  auto& [ledger, census, fleets_are_apart] = *counting_;
  metrics_.asks.add();
  census.note(now, ask.process, ask.fleet);
  RatesAnswer answer{.front_ends = fleets_are_apart() ? census.count(now, ask.fleet) : census.count_all(now),
                     .began_lately = !ledger.is_settled(now)};
  for (const RateAsk& subject : ask.subjects) {
    const RateGrant grant = ledger.ask(now, subject);
    metrics_.granted.add(grant.granted);
    metrics_.spent.add(subject.spent);
    if (answer.began_lately) continue;
    if (!grant.by_share) metrics_.not_granted.add(subject.wanted - grant.granted);
    answer.grants.push_back(grant);
  }
  metrics_.subjects.set(static_cast<std::int64_t>(ledger.subjects()));
  metrics_.front_ends.set(static_cast<std::int64_t>(census.count_all(now)));
  return answer;
}

}  // namespace weir::directory
