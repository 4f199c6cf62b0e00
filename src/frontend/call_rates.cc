#include "frontend/call_rates.h"

namespace weir::frontend {
namespace {

constexpr std::string_view refused_name = "weir_frontend_calls_over_rate_total";
constexpr std::string_view refused_help =
    "Control calls refused for their rate: by count, by what the directory told before, by this front end's share of "
    "the rate, or for want of room to count them.";

}  // namespace

CallRateMetrics::CallRateMetrics(MetricsRegistry& registry)
    : over_rate(registry.counter(refused_name, refused_help, {{"by", "count"}})),
      over_told(registry.counter(refused_name, refused_help, {{"by", "told"}})),
      over_share(registry.counter(refused_name, refused_help, {{"by", "share"}})),
      without_room(registry.counter(refused_name, refused_help, {{"by", "room"}})),
      admitted_by_share(registry.counter("weir_frontend_calls_by_share_total",
                                         "Control calls admitted by this front end's share of their rate, because no "
                                         "directory could be asked.")),
      asks(registry.counter("weir_frontend_call_rate_asks_total", "Asks sent to the directory about call rates.")),
      asks_failed(registry.counter("weir_frontend_call_rate_asks_failed_total",
                                   "Asks about call rates that no leader of the directory answered in time.")),
      grants_late(registry.counter("weir_frontend_call_rate_grants_late_total",
                                   "Grants that came too late to be used: their calls went by the share.")),
      subjects(registry.gauge("weir_frontend_call_rate_subjects",
                              "Accounts' operations and streams whose calls are counted here.")),
      waiting(registry.gauge("weir_frontend_call_rate_waiting", "Control calls that wait for the directory.")),
      apart(registry.gauge("weir_frontend_call_rates_by_share",
                           "1 while call rates are held by this front end's share, without the directory.")),
      front_ends(registry.gauge("weir_frontend_call_rate_front_ends",
                                "Front ends that share the call rates, as the directory told last.")) {}

}  // namespace weir::frontend
