#include "cell/remote/remote_cell_settings.h"

#include <string_view>

#include "base/bytes.h"
#include "journal/format.h"

namespace weir::cell {
namespace {

constexpr std::string_view requests_name = "weir_remote_cell_requests_total";
constexpr std::string_view requests_help =
    "Requests to nodes of cells, by method; a second attempt is no further request.";
constexpr std::string_view failed_name = "weir_remote_cell_requests_failed_total";
constexpr std::string_view failed_help =
    "Requests that got no answer: not_processed when the node has certainly not seen them, else unknown.";

}  // namespace

RemoteCellSettings::RemoteCellSettings(SettingsRegistry& registry)
    : timeout(registry, "remote_cell.timeout", seconds(10), {milliseconds(10), hours(1)},
              "How long a front end waits for a node's answer; the outcome of a write is then unknown. Also how long a "
              "write may wait to be sent."),
      owner_wait(registry, "remote_cell.owner_wait", seconds(1), {milliseconds(0), seconds(60)},
                 "How long a request waits to learn of a lane's new owner before it is refused, to be tried again."),
      append_bytes_max(registry, "remote_cell.append_bytes_max", 4 * mebibyte,
                       {.least = 64 * kibibyte, .most = journal::fragment_bytes_max},
                       "Bytes of waiting writes that are sent in one request. A larger write goes alone."),
      lane_bytes_max(registry, "remote_cell.lane_bytes_max", 32 * mebibyte,
                     {.least = journal::fragment_bytes_max, .most = 16 * gibibyte},
                     "Bytes of writes to one lane that one core has waiting or under way; more is refused, to be tried "
                     "again."),
      lane_calls_max(registry, "remote_cell.lane_calls_max", 8'192, {.least = 1, .most = 1'000'000},
                     "Writes to one lane that one core has waiting or under way; more are refused, to be tried again."),
      cell_bytes_max(
          registry, "remote_cell.cell_bytes_max", 128 * mebibyte,
          {.least = journal::fragment_bytes_max, .most = 64 * gibibyte},
          "Bytes of writes to all lanes of one cell that one core has waiting or under way; more is refused, "
          "to be tried again."),
      cell_reads_max(registry, "remote_cell.cell_reads_max", 1'000, {.least = 1, .most = 1'000'000},
                     "Reads from one cell that one core has under way; more are refused, to be tried again."),
      connections_max(registry, "remote_cell.connections_max", 1'024, {.least = 1, .most = 65'536},
                      "Nodes that one core is connected to; requests to one more are refused, to be tried again.") {}

RemoteCellMetrics::RemoteCellMetrics(MetricsRegistry& registry)
    : appends(registry.counter(requests_name, requests_help, {{"method", "append"}})),
      reserves(registry.counter(requests_name, requests_help, {{"method", "reserve"}})),
      reads(registry.counter(requests_name, requests_help, {{"method", "read"}})),
      locates(registry.counter(requests_name, requests_help, {{"method", "locate"}})),
      closes(registry.counter(requests_name, requests_help, {{"method", "close_shard"}})),
      reopens(registry.counter(requests_name, requests_help, {{"method", "reopen_shard"}})),
      retries(registry.counter("weir_remote_cell_retries_total",
                               "Requests sent a second time, to the lane's new owner: the first was not processed.")),
      refused_for_bounds(registry.counter("weir_remote_cell_refused_total",
                                          "Reads and writes refused because too much is waiting or under way.")),
      throttled_early(registry.counter("weir_remote_cell_throttled_early_total",
                                       "Requests of throttled shards refused, whole or in part, without asking the "
                                       "lane, which had said for how long it would refuse them.")),
      expired(registry.counter("weir_remote_cell_expired_total",
                               "Writes refused because they waited for remote_cell.timeout without being sent.")),
      not_processed(registry.counter(failed_name, failed_help, {{"outcome", "not_processed"}})),
      outcome_unknown(registry.counter(failed_name, failed_help, {{"outcome", "unknown"}})),
      calls_per_append(
          registry.histogram("weir_remote_cell_append_calls_per_request", "Writes gathered into one request.", 1)),
      in_flight(registry.gauge("weir_remote_cell_requests_in_flight", "Requests sent and not yet answered.")),
      append_bytes(registry.gauge("weir_remote_cell_append_bytes",
                                  "Bytes of writes waiting or under way; bounded by remote_cell.cell_bytes_max.")),
      append_calls(registry.gauge("weir_remote_cell_append_calls",
                                  "Writes waiting or under way; bounded by remote_cell.lane_calls_max.")),
      connections(registry.gauge("weir_remote_cell_connections",
                                 "Nodes connected to, over all cores; bounded by remote_cell.connections_max.")) {}

}  // namespace weir::cell
