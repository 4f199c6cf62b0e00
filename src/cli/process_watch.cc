#include "cli/process_watch.h"

#include "base/log.h"
#include "base/version.h"
#include "env/process.h"
#include "net/protocol.h"

namespace weir::cli {
namespace {

constexpr seconds look_interval{1};
constexpr int looks_per_measurement = 10;

void declare_resources(MetricsRegistry& registry) {
  const auto use = [&](std::string_view name, std::string_view help, std::uint64_t env::ProcessUsage::* member) {
    registry.gauge_from(name, help, [member] { return static_cast<double>(env::process_usage().*member); });
  };
  use("weir_process_resident_bytes", "Memory in use.", &env::ProcessUsage::resident_bytes);
  use("weir_process_open_descriptors", "Descriptors in use.", &env::ProcessUsage::open_descriptors);
  use("weir_process_threads", "Threads; constant after the start.", &env::ProcessUsage::threads);
  use("weir_process_memory_maps", "Memory maps in use.", &env::ProcessUsage::memory_maps);
  const env::SystemLimits limits = env::system_limits();
  const auto grant = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    registry.gauge_from(name, help, [value] { return static_cast<double>(value); });
  };
  grant("weir_process_resident_bytes_max", "Memory that the system grants.", limits.memory_bytes);
  grant("weir_process_open_descriptors_max", "Descriptors that the system grants.", limits.descriptors_soft_max);
  grant("weir_process_threads_max", "Threads that the system grants.", limits.threads_max);
  grant("weir_process_memory_maps_max", "Memory maps that the system grants.", limits.memory_maps_max);
}

std::uint64_t percent_of(const ResourceUse& resource) {
  if (resource.limit == 0 || resource.limit == env::unlimited) return 0;
  return static_cast<std::uint64_t>(100.0 * static_cast<double>(resource.used) / static_cast<double>(resource.limit));
}

}  // namespace

std::vector<ResourceUse> measure_process() {
  const env::ProcessUsage usage = env::process_usage();
  const env::SystemLimits limits = env::system_limits();
  return {{.name = "threads", .used = usage.threads, .limit = limits.threads_max},
          {.name = "descriptors", .used = usage.open_descriptors, .limit = limits.descriptors_soft_max},
          {.name = "memory", .used = usage.resident_bytes, .limit = limits.memory_bytes},
          {.name = "memory_maps", .used = usage.memory_maps, .limit = limits.memory_maps_max}};
}

ProcessMetrics::ProcessMetrics(MetricsRegistry& registry)
    : ready(registry.gauge("weir_ready", "1 while /readyz answers 200.")) {
  declare_resources(registry);
}

ProcessWatch::ProcessWatch(env::Core& core, const frontend::Health& health, ProcessMetrics& metrics,
                           std::function<std::vector<ResourceUse>()> measure)
    : core_(core), health_(health), measure_(std::move(measure)), metrics_(metrics), stop_(core), tasks_(core) {}

ProcessWatch::~ProcessWatch() = default;

void ProcessWatch::start() { tasks_.spawn(watch()); }

env::Task<void> ProcessWatch::stop() {
  stopping_ = true;
  stop_.notify_all();
  co_await tasks_.wait();
}

env::Task<void> ProcessWatch::watch() {
  for (int look = 0; !stopping_; ++look) {
    if (look % looks_per_measurement == 0) co_await look_at_resources();
    co_await look_at_health();
    if (!stopping_) static_cast<void>(co_await stop_.wait_until(core_.now() + look_interval));
  }
}

directory::ProcessReport ProcessWatch::report() const {
  directory::ProcessReport report{.version = std::string(version),
                                  .protocol = net::protocol_version,
                                  .ready = readiness_.ready,
                                  .readiness = readiness_.reason,
                                  .resources = {}};
  for (const ResourceUse& resource : resources_) {
    report.resources.push_back({.name = std::string(resource.name), .used = resource.used, .limit = resource.limit});
  }
  return report;
}

env::Task<void> ProcessWatch::look_at_health() {
  frontend::Readiness now = co_await health_.readiness();
  const bool changed = now.ready != readiness_.ready || now.cause != readiness_.cause;
  readiness_ = std::move(now);
  metrics_.ready.set(readiness_.ready ? 1 : 0);
  if (!changed || stopping_) co_return;
  if (!readiness_.ready) {
    log_warning("health", "not ready", {{"cause", readiness_.cause}, {"reason", readiness_.reason}});
  } else if (!readiness_.cause.empty()) {
    log_warning("health", "ready, but something is wrong",
                {{"cause", readiness_.cause}, {"reason", readiness_.reason}});
  } else {
    log_info("health", "ready");
  }
}

env::Task<void> ProcessWatch::look_at_resources() {
  std::vector<ResourceUse> measured;
  co_await core_.run_blocking([&] {
    env::give_back_freed_memory();
    measured = measure_();
  });
  resources_ = std::move(measured);
  for (const ResourceUse& resource : resources_) {
    const std::uint64_t percent = percent_of(resource);
    bool& warned = warned_[resource.name];
    if (percent < calm_percent) warned = false;
    if (percent < warn_percent || warned) continue;
    warned = true;
    log_warning(
        "limits", "the process is close to a limit of the system",
        {{"resource", resource.name}, {"used", resource.used}, {"limit", resource.limit}, {"percent", percent}});
  }
}

}  // namespace weir::cli
