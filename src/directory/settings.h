// Settings of the directory: quotas, and how long the states of a stream last.
#pragma once

#include "base/settings.h"

namespace weir::directory {

struct DirectorySettings {
  explicit DirectorySettings(SettingsRegistry& registry);

  Setting<milliseconds> create_time;
  Setting<milliseconds> update_time;
  Setting<milliseconds> delete_time;
  Setting<milliseconds> expiry_interval;
  Setting<std::uint64_t> account_shards_max;
  Setting<std::uint64_t> account_creating_streams_max;
  Setting<std::uint64_t> account_on_demand_streams_max;
  Setting<std::uint64_t> stream_tags_max;
  Setting<std::uint64_t> streams_max;
  Setting<std::uint64_t> shards_max;
  Setting<std::uint64_t> fleets_max;
  Setting<std::uint64_t> accounts_max;
  Setting<std::uint64_t> credentials_max;
  Setting<std::uint64_t> commands_waiting_max;
};

}  // namespace weir::directory
