// Settings of the front end.
#pragma once

#include <algorithm>

#include "base/settings.h"

namespace weir::frontend {

struct FrontEndSettings {
  explicit FrontEndSettings(SettingsRegistry& registry)
      : reroute_time_max(registry, "frontend.reroute_time_max", seconds(5),
                         {.least = milliseconds(1), .most = seconds(60)},
                         "How long a put waits for the shard map that follows a split or merge before it answers "
                         "ServiceUnavailable."),
        account_connections_percent(
            registry, "frontend.account_connections_percent", 50, {.least = 1, .most = 100},
            "Share of net.connections_max that one account's connections may have. While it has "
            "more, each of them ends with the answer to its next request."),
        call_rates_wait_max(registry, "frontend.call_rates_wait_max", milliseconds(100),
                            {.least = milliseconds(1), .most = seconds(10)},
                            "In a fleet: how long a control call waits for the directory to count it before this front "
                            "end goes by its share of the call's rate."),
        front_ends_assumed(registry, "frontend.front_ends_assumed", 10, {.least = 1, .most = 16'384},
                           "In a fleet: among how many front ends a call's rate is shared while no directory can be "
                           "asked, until a directory has told how many there are.") {}

  // On each core, whose connections are a part of `connections_max`.
  [[nodiscard]] std::uint64_t account_connections_max(std::uint64_t connections_max, std::uint32_t cores) const {
    return std::max<std::uint64_t>(1, connections_max * account_connections_percent.get() / 100 / cores);
  }

  Setting<milliseconds> reroute_time_max;
  Setting<std::uint64_t> account_connections_percent;
  Setting<milliseconds> call_rates_wait_max;
  Setting<std::uint64_t> front_ends_assumed;
};

}  // namespace weir::frontend
