// `weir frontend`: a stateless front end of a fleet. It serves the API with the shard map that it follows, and keeps
// serving with the last one when the directories are gone.
//
// Threading: core 0.
#pragma once

#include <memory>
#include <vector>

#include "cell/remote/remote_cell.h"
#include "cli/credentials_watcher.h"
#include "cli/front_ends.h"
#include "cli/map_credentials.h"
#include "cli/roles/certificate_watcher.h"
#include "cli/roles/fleet_link.h"
#include "cli/roles/role.h"
#include "directory/map/map_follower.h"
#include "directory/remote_directory.h"
#include "frontend/fleet_call_rates.h"

namespace weir::cli {

class FrontEndRole final : public Role {
 public:
  explicit FrontEndRole(const ProcessContext& context);
  ~FrontEndRole() override;

  [[nodiscard]] env::Task<Result<void>> start() override;
  void interrupt() override { interrupted_ = true; }
  [[nodiscard]] env::Task<void> stop() override;
  [[nodiscard]] std::string describe() const override;

 private:
  // Remembers that a whole map has come, and brings it to the front ends once they are there.
  class FirstMap;

  [[nodiscard]] env::Task<frontend::Readiness> look() const;
  [[nodiscard]] env::Task<Result<void>> load_credentials();
  [[nodiscard]] frontend::Authenticator& authenticator(std::uint32_t core) noexcept;
  void make_follower();
  void make_call_rates();
  // Returns when there is a map to serve from, or stop() was called.
  [[nodiscard]] env::Task<void> wait_for_map();
  [[nodiscard]] Result<void> make_front_ends();
  [[nodiscard]] env::Task<Result<void>> open_ports();

  const ProcessContext context_;
  const FleetSettings& settings_;
  AdminPort admin_;
  frontend::FrontEndMetrics front_end_metrics_;
  frontend::CallRateMetrics call_rate_metrics_;
  cell::RemoteCellMetrics cell_metrics_;
  directory::MapMetrics map_metrics_;
  FleetLink link_;
  std::unique_ptr<CertificateWatcher> certificates_;
  std::vector<env::Endpoint> directories_;
  std::unique_ptr<CredentialsWatcher> file_credentials_;  // one of the two
  std::unique_ptr<MapCredentials> map_credentials_;
  std::unique_ptr<cell::RemoteCell> cells_;
  std::unique_ptr<directory::RemoteDirectory> directory_;
  std::unique_ptr<frontend::FleetCallRates> call_rates_;
  std::unique_ptr<FirstMap> first_map_;
  std::unique_ptr<directory::MapFollower> follower_;
  std::unique_ptr<frontend::Services> services_;
  std::unique_ptr<FrontEnds> front_ends_;
  std::unique_ptr<net::HttpServer> port_;
  std::unique_ptr<net::HttpServer> tls_port_;  // null unless server.tls_enabled
  bool follows_ = false;
  bool interrupted_ = false;                          // while it waited for the first map
  std::string missing_ = "the port is not open yet";  // what it waits for before it serves; empty: nothing
};

[[nodiscard]] std::unique_ptr<Role> make_front_end_role(const ProcessContext& context);

}  // namespace weir::cli
