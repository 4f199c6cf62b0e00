// ProcessWatch: tells the log when the process's readiness changes, and when it comes close to a limit of the system,
// before the first request fails of it. The same figures are metrics. Gives freed memory back to the system.
//
// Threading: one core, that of the Health.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "directory/fleet/process_report.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task_group.h"
#include "frontend/health.h"

namespace weir::cli {

// The process as a whole: what it uses of the system beside what the system grants, the two numbers an alarm compares.
// Declared once.
struct ProcessMetrics {
  explicit ProcessMetrics(MetricsRegistry& registry);
  Gauge& ready;
};

// Something that the process has a bounded amount of.
struct ResourceUse {
  std::string_view name;  // a literal
  std::uint64_t used = 0;
  std::uint64_t limit = 0;  // env::unlimited: none
};

// Of the whole process, as the system sees it: threads, descriptors, memory, memory_maps. Reads /proc; any thread.
[[nodiscard]] std::vector<ResourceUse> measure_process();

class ProcessWatch {
 public:
  // From this part of a limit on the log warns; below the second it may warn again.
  static constexpr std::uint64_t warn_percent = 80;
  static constexpr std::uint64_t calm_percent = 70;

  // `measure` is called off the loop. What is passed by reference outlives the watch.
  ProcessWatch(env::Core& core, const frontend::Health& health, ProcessMetrics& metrics,
               std::function<std::vector<ResourceUse>()> measure = measure_process);
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;
  ~ProcessWatch();  // after stop(), if start() was called

  // Looks every second, at the resources every tenth.
  void start();
  [[nodiscard]] env::Task<void> stop();

  // What was measured last.
  [[nodiscard]] const std::vector<ResourceUse>& resources() const noexcept { return resources_; }
  // What the process last said of itself.
  [[nodiscard]] const frontend::Readiness& readiness() const noexcept { return readiness_; }
  // Both, for the directories.
  [[nodiscard]] directory::ProcessReport report() const;

 private:
  [[nodiscard]] env::Task<void> watch();
  [[nodiscard]] env::Task<void> look_at_health();
  [[nodiscard]] env::Task<void> look_at_resources();

  env::Core& core_;
  const frontend::Health& health_;
  const std::function<std::vector<ResourceUse>()> measure_;
  ProcessMetrics& metrics_;
  frontend::Readiness readiness_{.ready = false, .cause = "starting", .reason = {}, .details = {}};
  std::vector<ResourceUse> resources_;
  std::map<std::string_view, bool> warned_;
  bool stopping_ = false;
  env::Event stop_;
  env::TaskGroup tasks_;
};

}  // namespace weir::cli
