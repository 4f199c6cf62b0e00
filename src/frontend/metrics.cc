#include "frontend/metrics.h"

namespace weir::frontend {
namespace {

constexpr double first_latency_bound_seconds = 50e-6;

FrontEndMetrics::PerOperation declare(MetricsRegistry& registry, std::string_view name) {
  const auto outcome = [&](std::string_view value) {
    return &registry.counter("weir_frontend_requests_total", "Requests answered, by operation and outcome",
                             {{"operation", name}, {"outcome", value}});
  };
  return {.answered = outcome("ok"),
          .client_errors = outcome("client_error"),
          .throttled = outcome("throttled"),
          .server_errors = outcome("server_error"),
          .seconds = &registry.histogram("weir_frontend_request_seconds",
                                         "Time from the decoded head to the encoded answer, by operation",
                                         first_latency_bound_seconds, {{"operation", name}})};
}

}  // namespace

FrontEndMetrics::FrontEndMetrics(MetricsRegistry& registry)
    : unknown_operations(registry.counter("weir_frontend_undispatched_total",
                                          "Requests answered before authentication: preflights, unknown operations, "
                                          "malformed requests")),
      authentication_failures(
          registry.counter("weir_frontend_authentication_failures_total", "Requests refused for their signature")),
      unknown_keys(
          registry.counter("weir_frontend_unknown_keys_total",
                           "Requests refused for an access key or session token that is unknown here; on a "
                           "front end of a fleet so is every key of an account that the fleet does not serve")),
      credentials(registry.gauge("weir_frontend_credentials",
                                 "Access keys of the shard map in force; 0 where they come from a file")),
      credentials_unusable(
          registry.gauge("weir_frontend_credentials_unusable",
                         "Access keys of the shard map whose newest secret cannot be used here: no key "
                         "of fleet.secrets_key_file opens it")),
      connections_over_share(registry.counter("weir_frontend_connections_over_share_total",
                                              "Connections ended with an answer because their account had more than "
                                              "frontend.account_connections_percent of them")),
      refusals_that_gave_way(
          registry.counter("weir_frontend_refusals_that_gave_way_total",
                           "Requests refused for a rate after which the connection went to the background core, or "
                           "stayed there, because much of its account had just been refused so")),
      records_in(registry.counter("weir_frontend_records_in_total", "Records acknowledged")),
      record_bytes_in(
          registry.counter("weir_frontend_record_in_bytes_total", "Data and partition keys of records acknowledged")),
      records_throttled(registry.counter("weir_frontend_records_throttled_total",
                                         "Records refused because their shard was over its rate")),
      records_unavailable(registry.counter("weir_frontend_records_unavailable_total",
                                           "Records refused because their lane could not take them")),
      records_failed(registry.counter("weir_frontend_records_failed_total",
                                      "Records whose commit failed: whether they are stored is unknown")),
      records_out(registry.counter("weir_frontend_records_out_total", "Records returned by GetRecords")),
      record_bytes_out(
          registry.counter("weir_frontend_record_out_bytes_total", "Data and partition keys returned by GetRecords")) {
  for (const kinesis::OperationInfo& operation : kinesis::all_operations()) {
    if (operation.is_built)
      operations[static_cast<std::size_t>(operation.operation)] = declare(registry, operation.name);
  }
}

}  // namespace weir::frontend
