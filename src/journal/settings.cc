#include "journal/settings.h"

#include <algorithm>

#include "journal/format.h"

namespace weir::journal {

JournalSettings::JournalSettings(SettingsRegistry& registry)
    : segment_bytes(registry, "journal.segment_bytes", 64 * mebibyte, {mebibyte, segment_bytes_max},
                    "Size at which a lane begins a new segment. Space is given back by whole segments."),
      first_segment_bytes(registry, "journal.first_segment_bytes", 4 * mebibyte, {64 * kibibyte, segment_bytes_max},
                          "Size of the first segment after a start; the following ones double up to "
                          "journal.segment_bytes."),
      tail_cache_bytes_max(registry, "journal.tail_cache_bytes_max", 32 * mebibyte, {0, 64 * gibibyte},
                           "Memory per lane for recent batches, from which readers near the tail are served."),
      footer_cache_bytes_max(registry, "journal.footer_cache_bytes_max", 8 * mebibyte, {0, 64 * gibibyte},
                             "Memory per lane for the indexes of sealed segments that were read lately."),
      space_reserve_bytes(registry, "journal.space_reserve_bytes", 256 * mebibyte, {0, 1024 * gibibyte},
                          "Free disk below which no new segment is begun; writes are then refused, reads and "
                          "retention go on."),
      open_files_max(registry, "journal.open_files_max", 64, {4, 65536},
                     "Segment files that one lane keeps open; one that was written to takes two descriptors."),
      trim_interval(registry, "journal.trim_interval", seconds(60), {seconds(1), hours(24)},
                    "Time between two looks for records whose retention has passed.") {}

JournalOptions JournalSettings::options() const {
  JournalOptions options;
  options.segment_bytes = segment_bytes.get();
  options.first_segment_bytes = std::min(first_segment_bytes.get(), segment_bytes.get());
  options.tail_cache_bytes_max = tail_cache_bytes_max.get();
  options.footer_cache_bytes_max = footer_cache_bytes_max.get();
  options.space_reserve_bytes = space_reserve_bytes.get();
  return options;
}

}  // namespace weir::journal
