// The journal's settings.
#pragma once

#include <cstdint>

#include "base/settings.h"
#include "journal/journal.h"

namespace weir::journal {

struct JournalSettings {
  explicit JournalSettings(SettingsRegistry& registry);

  // Options for one lane; lane, epoch and metrics are the caller's to fill in.
  [[nodiscard]] JournalOptions options() const;

  Setting<std::uint64_t> segment_bytes;
  Setting<std::uint64_t> first_segment_bytes;
  Setting<std::uint64_t> tail_cache_bytes_max;
  Setting<std::uint64_t> footer_cache_bytes_max;
  Setting<std::uint64_t> space_reserve_bytes;
  Setting<std::uint64_t> open_files_max;
  Setting<milliseconds> trim_interval;
};

}  // namespace weir::journal
