#include "cell/settings.h"

#include <algorithm>

#include "cell/lane/lane_count.h"
#include "journal/format.h"
#include "model/limits.h"

namespace weir::cell {

namespace limits = model::limits;

CellSettings::CellSettings(SettingsRegistry& registry)
    : lanes(registry, "cell.lanes", 0, {.least = 0, .most = lanes_max},
            "Lanes of a new data directory: each has a journal of its own and commits on its own. 0: one for every two "
            "cores. Fixed at the first start; later the data directory decides."),
      lanes_held_max(registry, "cell.lanes_held_max", lanes_max, {.least = 1, .most = lanes_max},
                     "Lanes that one node holds at most; one more is not taken."),
      shards_max(
          registry, "cell.shards_max", 250'000, {.least = 1, .most = 10'000'000},
          "Shards that the lanes of one node hold at most, closed ones that are still kept included. Those beyond "
          "it are refused, to be tried again; their records are kept."),
      enforce_rates(registry, "limits.enforce_rates", true,
                    "Hold shards and accounts to their per-second limits. Off, every rate is unlimited at once; sizes "
                    "and quotas stay."),
      write_records_per_second(registry, "limits.shard_write_records_per_second",
                               limits::shard_write_records_per_second, {.least = 1, .most = 100'000'000},
                               "Records that one shard takes in a second."),
      write_bytes_per_second(registry, "limits.shard_write_bytes_per_second", limits::shard_write_bytes_per_second,
                             {.least = 1, .most = 1024 * gibibyte},
                             "Bytes of data and partition keys that one shard takes in a second."),
      read_calls_per_second(registry, "limits.shard_read_calls_per_second", limits::shard_reads_per_second,
                            {.least = 1, .most = 1'000'000}, "GetRecords calls that one shard answers in a second."),
      read_bytes_per_second(registry, "limits.shard_read_bytes_per_second", limits::shard_read_bytes_per_second,
                            {.least = 1, .most = 1024 * gibibyte},
                            "Bytes that one shard hands out in a second. A larger answer is given whole and blocks "
                            "the reads that follow until the average is back at this."),
      iterator_calls_per_second(registry, "limits.shard_iterator_calls_per_second", limits::shard_iterators_per_second,
                                {.least = 1, .most = 1'000'000},
                                "GetShardIterator calls that one shard answers in a second."),
      batch_bytes_max(registry, "cell.batch_bytes_max", 16 * mebibyte,
                      {.least = journal::fragment_bytes_max, .most = 16 * mebibyte},
                      "Most that one commit of a lane writes."),
      pending_bytes_max(registry, "cell.pending_bytes_max", 64 * mebibyte,
                        {.least = 16 * mebibyte, .most = 16 * gibibyte},
                        "Bytes that one lane holds accepted but not yet durable. Beyond it writes are refused, to be "
                        "tried again."),
      pending_calls_max(registry, "cell.pending_calls_max", 16'384, {.least = 1, .most = 1'000'000},
                        "Write requests that one lane holds accepted but not yet durable. Beyond it writes are "
                        "refused, to be tried again."),
      trim_share_percent(registry, "cell.trim_share_percent", 10, {.least = 1, .most = 100},
                         "Share of its time that a lane may spend looking for records past their retention.") {}

std::uint32_t CellSettings::lanes_wanted(std::uint32_t cores) const noexcept {
  const auto chosen = static_cast<std::uint32_t>(lanes.get());
  return chosen != 0 ? chosen : std::clamp(cores / 2, 1U, lanes_max);
}

LaneOptions CellSettings::lane_options() const {
  return {
      .enforce_rates = enforce_rates.get(),
      .limits = {.write_records_per_second = write_records_per_second.get(),
                 .write_bytes_per_second = write_bytes_per_second.get(),
                 .read_calls_per_second = read_calls_per_second.get(),
                 .read_bytes_per_second = read_bytes_per_second.get(),
                 .iterator_calls_per_second = iterator_calls_per_second.get()},
      .batch_bytes_max = batch_bytes_max.get(),
      .pending_bytes_max = pending_bytes_max.get(),
      .pending_calls_max = pending_calls_max.get(),
      .trim_share_percent = trim_share_percent.get(),
  };
}

}  // namespace weir::cell
