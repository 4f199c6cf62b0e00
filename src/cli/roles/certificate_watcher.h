// CertificateWatcher: reads the certificate files of a FleetLink again when they change, without a restart. Connections
// made from then on use the new ones; those that are there go on. Files that cannot be used, for instance because only
// one of the two has been written yet, leave the old certificates in force, and are looked at again.
//
// Threading: one core.
#pragma once

#include <array>
#include <string>

#include "cli/roles/fleet_link.h"
#include "env/core.h"
#include "env/event.h"
#include "env/file.h"
#include "env/task_group.h"

namespace weir::cli {

class CertificateWatcher {
 public:
  // What is passed by reference outlives the watcher. `link` was loaded with `settings`.
  CertificateWatcher(env::Core& core, const FleetSettings& settings, const FleetLink& link);
  ~CertificateWatcher();  // after stop()

  void start();
  [[nodiscard]] env::Task<void> stop();

 private:
  using Files = std::array<env::FileStatus, 3>;
  [[nodiscard]] env::Task<void> watch();
  // As the files are now; one that cannot be read is as if it were empty.
  [[nodiscard]] env::Task<Files> look() const;
  [[nodiscard]] env::Task<void> reload();

  env::Core& core_;
  const FleetSettings& settings_;
  const FleetLink link_;  // shares its contexts
  std::string complained_of_;
  bool stopping_ = false;
  env::Event stop_;
  env::TaskGroup tasks_;
};

}  // namespace weir::cli
