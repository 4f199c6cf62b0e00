#include "directory/map/map_metrics.h"

namespace weir::directory {

namespace {
constexpr std::string_view answers_name = "weir_map_source_answers_total";
constexpr std::string_view answers_help = "Polls of followers of the shard map, by what they were answered.";
constexpr std::string_view made_name = "weir_map_source_encodings_total";
constexpr std::string_view made_help = "What was encoded for followers; each is sent to as many as need it.";
constexpr std::string_view saves_name = "weir_map_follower_saves_total";
constexpr std::string_view saves_help = "Attempts to save the shard map to disk.";
}  // namespace

MapMetrics::MapMetrics(MetricsRegistry& registry)
    : served_version(
          registry.gauge("weir_map_source_version", "Version of the shard map that is served to followers.")),
      polls(registry.gauge("weir_map_source_polls", "Followers that wait for a newer shard map.")),
      followers(registry.gauge("weir_map_source_followers", "Followers heard of lately.")),
      answers_nothing(registry.counter(answers_name, answers_help, {{"answer", "nothing"}})),
      answers_delta(registry.counter(answers_name, answers_help, {{"answer", "delta"}})),
      answers_snapshot(registry.counter(answers_name, answers_help, {{"answer", "snapshot"}})),
      answers_refused(registry.counter(answers_name, answers_help, {{"answer", "refused"}})),
      bytes_sent(registry.counter("weir_map_source_sent_bytes_total", "Shard maps and changes given to followers.")),
      deltas_made(registry.counter(made_name, made_help, {{"kind", "delta"}})),
      snapshots_made(registry.counter(made_name, made_help, {{"kind", "snapshot"}})),
      held_version(registry.gauge("weir_map_follower_version", "Version of the shard map in force here.")),
      maps_applied(registry.counter("weir_map_follower_applied_total", "Shard maps received and put in force.")),
      maps_refused(registry.counter("weir_map_follower_refused_total",
                                    "Answers of a directory that were corrupt, stale or did not fit; the map in force "
                                    "stayed.")),
      polls_failed(registry.counter("weir_map_follower_polls_failed_total",
                                    "Polls that no directory answered in a usable way.")),
      saves(registry.counter(saves_name, saves_help, {{"result", "saved"}})),
      saves_failed(registry.counter(saves_name, saves_help, {{"result", "failed"}})) {}

}  // namespace weir::directory
