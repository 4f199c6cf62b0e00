#include "directory/fleet/process_report.h"

#include <algorithm>

#include "directory/fleet/status.pb.h"

namespace weir::directory {
namespace {

constexpr std::size_t text_bytes_max = 400;
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t resources_max = 8;

}  // namespace

std::string encode(const ProcessReport& report) {
  status::ProcessReport message;
  message.set_version(report.version.substr(0, name_bytes_max));
  message.set_protocol(report.protocol);
  message.set_ready(report.ready);
  message.set_readiness(report.readiness.substr(0, text_bytes_max));
  for (std::size_t i = 0; i < std::min(report.resources.size(), resources_max); ++i) {
    const ResourceLevel& level = report.resources[i];
    status::Resource& resource = *message.add_resources();
    resource.set_name(level.name.substr(0, name_bytes_max));
    resource.set_used(level.used);
    resource.set_limit(level.limit);
  }
  return message.SerializeAsString();
}

Result<ProcessReport> decode_process_report(std::string_view bytes) {
  status::ProcessReport message;
  if (bytes.size() > report_bytes_max || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      static_cast<std::size_t>(message.resources_size()) > resources_max) {
    return fail(ErrorCode::corrupt, "a process's report of itself cannot be parsed");
  }
  ProcessReport report{.version = message.version(),
                       .protocol = message.protocol(),
                       .ready = message.ready(),
                       .readiness = message.readiness(),
                       .resources = {}};
  for (const status::Resource& resource : message.resources()) {
    report.resources.push_back({.name = resource.name(), .used = resource.used(), .limit = resource.limit()});
  }
  return report;
}

}  // namespace weir::directory
