// `weir docs`: the reference pages that come from the declarations.
#include <cstdio>

#include "base/metrics.h"
#include "base/settings.h"
#include "cli/all_settings.h"
#include "cli/commands.h"

namespace weir::cli {

int docs(const std::string& page) {
  if (page == "settings") {
    SettingsRegistry registry;
    const AllSettings settings(registry);
    std::fputs(registry.markdown().c_str(), stdout);
    return exit_done;
  }
  MetricsRegistry registry;
  const AllMetrics metrics(registry);
  std::fputs(registry.markdown().c_str(), stdout);
  return exit_done;
}

}  // namespace weir::cli
