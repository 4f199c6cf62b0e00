// Settings of the front end.
#pragma once

#include "base/settings.h"

namespace weir::frontend {

struct FrontEndSettings {
  explicit FrontEndSettings(SettingsRegistry& registry)
      : reroute_time_max(registry, "frontend.reroute_time_max", seconds(5),
                         {.least = milliseconds(1), .most = seconds(60)},
                         "How long a put waits for the shard map that follows a split or merge before it answers "
                         "ServiceUnavailable.") {}

  Setting<milliseconds> reroute_time_max;
};

}  // namespace weir::frontend
