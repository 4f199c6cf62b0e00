#include "journal/metrics.h"

namespace weir::journal {

JournalMetrics::JournalMetrics(MetricsRegistry& registry)
    : commits(registry.counter("weir_journal_commits_total", "Batches made durable.")),
      commit_failures(
          registry.counter("weir_journal_commit_failures_total",
                           "Commits whose outcome is unknown; each stops its lane until it has recovered.")),
      commits_refused(registry.counter("weir_journal_commits_refused_total",
                                       "Commits refused before anything was written, because the disk is full.")),
      committed_bytes(registry.counter("weir_journal_committed_bytes_total", "Bytes of batches, headers included.")),
      committed_records(registry.counter("weir_journal_committed_records_total", "Records made durable.")),
      commit_seconds(
          registry.histogram("weir_journal_commit_seconds", "Duration of a commit, roll included.", 0.00005)),
      batch_records(registry.histogram("weir_journal_batch_records", "Records of one batch.", 1)),
      segments_created(registry.counter("weir_journal_segments_created_total", "Segments prepared for use.")),
      segments_sealed(registry.counter("weir_journal_segments_sealed_total", "Segments given a footer.")),
      segments_removed(registry.counter("weir_journal_segments_removed_total", "Segments removed by retention.")),
      segments_rewritten(registry.counter("weir_journal_segments_rewritten_total",
                                          "Segments rewritten because few of their records must still be kept.")),
      trimmed_bytes(registry.counter("weir_journal_trimmed_bytes_total", "Bytes given back by retention.")),
      cached_extent_reads(
          registry.counter("weir_journal_cached_extent_reads_total", "Extents read from the cache of recent batches.")),
      disk_reads(registry.counter("weir_journal_disk_reads_total", "Reads of records from the segment store.")),
      disk_read_bytes(registry.counter("weir_journal_disk_read_bytes_total", "Bytes of those reads.")),
      corrupt_reads(registry.counter("weir_journal_corrupt_reads_total",
                                     "Reads that met damaged bytes; none of them was returned.")),
      recoveries(
          registry.counter("weir_journal_recoveries_total", "Journals opened, or recovered after a failed commit.")),
      recovered_batches(registry.counter("weir_journal_recovered_batches_total",
                                         "Batches found by reading segments that had no footer.")),
      damaged_batches(registry.counter("weir_journal_damaged_batches_total",
                                       "Batches, or stretches of lost ones, found damaged by recovery.")),
      torn_tails(registry.counter("weir_journal_torn_tails_total",
                                  "Last batches cut off by recovery because they were not whole.")) {}

}  // namespace weir::journal
