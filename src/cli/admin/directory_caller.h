// DirectoryCaller: asks the directories in turn, and goes to the leader that one names for what only the leader does.
//
// Threading: one core.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/roles/fleet_link.h"
#include "directory/fleet/fleet_status.h"
#include "env/core.h"

namespace weir::cli {

struct StatusAnswers {
  directory::FleetStatus status;
  std::vector<std::string> silent;  // why a directory did not answer, one line for each
};

class DirectoryCaller {
 public:
  DirectoryCaller(env::Core& core, const FleetLink& link, std::vector<env::Endpoint> directories)
      : core_(core), connect_(link.connect_to_directories()), directories_(std::move(directories)) {}

  [[nodiscard]] env::Core& core() const noexcept { return core_; }

  // What the directories know together. Errors: unavailable when none answers.
  [[nodiscard]] env::Task<Result<StatusAnswers>> ask_for_status();
  // POSTs `body` to `path` of the leader. Errors: conflict when it refuses, with its reason; unavailable when none
  // leads or none answers.
  [[nodiscard]] env::Task<Result<void>> tell_leader(std::string_view path, std::string body);
  // The same; the bytes of the answer, which is a FleetReply and what else belongs to it.
  [[nodiscard]] env::Task<Result<std::string>> ask_leader(std::string_view path, std::string body);

 private:
  [[nodiscard]] env::Task<Result<std::string>> ask(env::Endpoint endpoint, std::string_view path, std::string body);

  env::Core& core_;
  net::ConnectToPeer connect_;
  std::vector<env::Endpoint> directories_;
};

}  // namespace weir::cli
