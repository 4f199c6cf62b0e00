#include "directory/metrics.h"

namespace weir::directory {

namespace {
constexpr std::string_view shards_name = "weir_directory_shards";
constexpr std::string_view shards_help = "Shards of all streams, by state.";
constexpr std::string_view commands_name = "weir_directory_commands_total";
constexpr std::string_view commands_help = "Commands that change streams, by how they ended.";
}  // namespace

DirectoryMetrics::DirectoryMetrics(MetricsRegistry& registry)
    : streams(registry.gauge("weir_directory_streams", "Streams in any state; at most directory.streams_max.")),
      shards_open(registry.gauge(shards_name, shards_help, {{"state", "open"}})),
      shards_closed(registry.gauge(shards_name, shards_help, {{"state", "closed"}})),
      fleets(registry.gauge("weir_directory_fleets", "Fleets of front ends; at most directory.fleets_max.")),
      accounts(registry.gauge("weir_directory_accounts",
                              "Accounts that fleets name or that are leaving one; at most directory.accounts_max.")),
      credentials(registry.gauge("weir_directory_credentials", "Access keys; at most directory.credentials_max.")),
      map_version(registry.gauge("weir_directory_map_version", "Version of the shard map published last.")),
      changes_pending(registry.gauge("weir_directory_changes_pending",
                                     "Streams in CREATING, UPDATING or DELETING, with a change to be completed.")),
      commands_waiting(registry.gauge("weir_directory_commands_waiting",
                                      "Commands that wait for the one under way; at most "
                                      "directory.commands_waiting_max.")),
      commands_done(registry.counter(commands_name, commands_help, {{"result", "done"}})),
      commands_refused(registry.counter(commands_name, commands_help, {{"result", "refused"}})),
      commands_unavailable(registry.counter(commands_name, commands_help, {{"result", "unavailable"}})),
      transactions_failed(registry.counter("weir_directory_transactions_failed_total",
                                           "Transactions with the metadata store that did not happen.")),
      outcomes_unknown(registry.counter("weir_directory_outcomes_unknown_total",
                                        "Transactions whose outcome had to be read back from the metadata store.")),
      steps_failed(registry.counter("weir_directory_steps_failed_total",
                                    "Attempts to complete a stream's change that failed and are tried again.")),
      shards_expired(registry.counter("weir_directory_shards_expired_total",
                                      "Closed shards removed because their retention had passed.")),
      publish_seconds(registry.histogram("weir_directory_publish_seconds",
                                         "Time from a stored change to its map being in force everywhere.", 1e-5)) {}

}  // namespace weir::directory
