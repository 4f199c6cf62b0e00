// What the journals of a process measure. Declared once; all lanes add to the same series.
#pragma once

#include "base/metrics.h"

namespace weir::journal {

class JournalMetrics {
 public:
  explicit JournalMetrics(MetricsRegistry& registry);

  Counter& commits;
  Counter& commit_failures;
  Counter& commits_refused;  // no_space
  Counter& committed_bytes;
  Counter& committed_records;
  Histogram& commit_seconds;
  Histogram& batch_records;
  Counter& segments_created;
  Counter& segments_sealed;
  Counter& segments_removed;
  Counter& segments_rewritten;
  Counter& trimmed_bytes;
  Counter& cached_extent_reads;
  Counter& disk_reads;
  Counter& disk_read_bytes;
  Counter& corrupt_reads;
  Counter& recoveries;
  Counter& recovered_batches;
  Counter& damaged_batches;
  Counter& torn_tails;
};

}  // namespace weir::journal
