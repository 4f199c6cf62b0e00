#include "cell/metrics.h"

#include <array>
#include <string_view>

#include "base/assert.h"
#include "cell/lane/lane_count.h"

namespace weir::cell {
namespace {

constexpr std::string_view refused_name = "weir_cell_append_fragments_refused_total";
constexpr std::string_view refused_help =
    "Fragments (the records of one request for one shard) refused, whole or in part, by reason.";

struct LaneNames {
  std::array<std::array<char, 3>, lanes_max> text{};
  constexpr LaneNames() {
    for (std::uint32_t i = 0; i < lanes_max; ++i) {
      text[i][0] = static_cast<char>('0' + i / 10);
      text[i][1] = static_cast<char>('0' + i % 10);
    }
  }
};
constexpr LaneNames lane_names;  // labels must live for ever

std::vector<Label> lane_label(LaneId lane) {
  WEIR_ASSERT(lane.value < lanes_max);
  const auto& text = lane_names.text[lane.value];
  return {{"lane", lane.value < 10 ? std::string_view(text.data() + 1, 1) : std::string_view(text.data(), 2)}};
}

}  // namespace

CellMetrics::CellMetrics(MetricsRegistry& registry, std::uint32_t lanes_count)
    : batch_calls(registry.histogram("weir_cell_batch_calls", "Append calls that share one batch.", 1)),
      commits_failed(registry.counter("weir_cell_commits_failed_total",
                                      "Batches whose write failed; the lane recovers after each.")),
      append_bytes(registry.counter("weir_cell_append_bytes_total", "Stored bytes of fragments that were accepted.")),
      append_throttled(registry.counter(refused_name, refused_help, {{"reason", "throttled"}})),
      append_shard_closed(registry.counter(refused_name, refused_help, {{"reason", "shard_closed"}})),
      append_not_mine(registry.counter(refused_name, refused_help, {{"reason", "not_mine"}})),
      append_unavailable(registry.counter(refused_name, refused_help, {{"reason", "unavailable"}})),
      append_failed(registry.counter(refused_name, refused_help, {{"reason", "failed"}})),
      reads(registry.counter("weir_cell_reads_total", "Reads answered with records or with none.")),
      records_read(registry.counter("weir_cell_records_read_total", "Records returned by reads.")),
      bytes_read(registry.counter("weir_cell_bytes_read_total", "Bytes of data and partition keys returned by reads.")),
      reads_throttled(registry.counter("weir_cell_reads_throttled_total", "Reads over their shard's rate.")),
      reads_failed(
          registry.counter("weir_cell_reads_failed_total", "Reads that met a corrupt byte or a failing disk.")),
      reads_refused(
          registry.counter("weir_cell_reads_refused_total", "Reads of shards not held here, or while the lane stops.")),
      iterators(registry.counter("weir_cell_iterators_located_total", "Iterator positions found.")),
      iterators_throttled(
          registry.counter("weir_cell_iterators_throttled_total", "Iterator requests over their shard's rate.")),
      recoveries(registry.counter("weir_cell_recoveries_total", "Recoveries of a lane after a failed commit.")),
      lanes_fenced(registry.counter("weir_cell_lanes_fenced_total", "Lanes that another owner took from this node.")),
      lanes_refused(registry.counter("weir_cell_lanes_refused_total",
                                     "Lanes not taken because the node has cell.lanes_held_max.")),
      trims(registry.counter("weir_cell_trims_total", "Sweeps for records past their retention.")),
      trims_failed(registry.counter("weir_cell_trims_failed_total", "Sweeps that ended in an error.")) {
  lanes.reserve(lanes_count);
  for (std::uint32_t i = 0; i < lanes_count; ++i) lanes.emplace_back(registry, LaneId{i});
}

void CellMetrics::count_append_refusal(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::none: return;
    case Refusal::throttled: return append_throttled.add();
    case Refusal::shard_closed: return append_shard_closed.add();
    case Refusal::not_mine: return append_not_mine.add();
    case Refusal::unavailable: return append_unavailable.add();
    case Refusal::failed: return append_failed.add();
  }
}

LaneMetrics::LaneMetrics(MetricsRegistry& registry, LaneId lane)
    : shards(registry.gauge("weir_cell_shards", "Shards of the lane, open and closed.", lane_label(lane))),
      shards_refused(registry.gauge("weir_cell_shards_refused",
                                    "Shards of the lane that are refused because the node has cell.shards_max.",
                                    lane_label(lane))),
      pending_bytes(registry.gauge("weir_cell_pending_bytes",
                                   "Stored bytes accepted and not yet durable; at most cell.pending_bytes_max.",
                                   lane_label(lane))),
      pending_calls(registry.gauge("weir_cell_pending_calls",
                                   "Append calls accepted and not yet durable; at most cell.pending_calls_max.",
                                   lane_label(lane))),
      serving(registry.gauge("weir_cell_serving", "1 while the lane takes writes.", lane_label(lane))),
      stored_bytes(registry.gauge("weir_cell_stored_bytes", "Bytes of the lane's journal.", lane_label(lane))),
      segments(registry.gauge("weir_cell_segments", "Segments of the lane's journal.", lane_label(lane))),
      tail_cache_bytes(registry.gauge("weir_cell_tail_cache_bytes",
                                      "Newest batches held in memory; at most this lane's share of "
                                      "journal.tail_cache_bytes_max.",
                                      lane_label(lane))),
      index_bytes(registry.gauge("weir_cell_index_bytes", "Memory of the lane's index.", lane_label(lane))) {}

}  // namespace weir::cell
