// What a lane is told at its start.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "cell/lane/shard_budget.h"
#include "journal/journal.h"
#include "model/limits.h"

namespace weir::cell {

// Per shard (API reference, 4.7). Each at least 1.
struct ShardLimits {
  std::uint64_t write_records_per_second = model::limits::shard_write_records_per_second;
  std::uint64_t write_bytes_per_second = model::limits::shard_write_bytes_per_second;
  std::uint64_t read_calls_per_second = model::limits::shard_reads_per_second;
  std::uint64_t read_bytes_per_second = model::limits::shard_read_bytes_per_second;
  std::uint64_t iterator_calls_per_second = model::limits::shard_iterators_per_second;
};

struct LaneOptions {
  LaneId lane;
  Epoch epoch;  // of this ownership; at least 1 and at most epoch_max (record_numbers.h)

  ShardBudget* shard_budget = nullptr;  // shared by the lanes of a node, outlives them; null: no maximum of shards

  bool enforce_rates = true;
  ShardLimits limits;

  std::uint64_t batch_bytes_max = 16 * mebibyte;    // stored bytes of one commit; also the most that one call may bring
  std::uint64_t pending_bytes_max = 64 * mebibyte;  // accepted and not yet durable, the commit in flight included
  std::uint64_t pending_calls_max = 16'384;         // likewise, append calls

  Duration trim_interval = seconds(30);   // from the end of one trim to the start of the next, at least
  std::uint64_t trim_share_percent = 10;  // of the time may go into trimming
  Duration recovery_backoff_min = milliseconds(50);
  Duration recovery_backoff_max = seconds(5);
};

}  // namespace weir::cell
