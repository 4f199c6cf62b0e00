// `weir directory`: one process of the directory fleet. All of them serve the shard map; the one that leads owns the
// truth in etcd, runs the commands and places the lanes.
//
// Threading: core 0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cell/remote/remote_cell.h"
#include "cli/roles/certificate_watcher.h"
#include "cli/roles/directory_rpc.h"
#include "cli/roles/fleet_link.h"
#include "cli/roles/peer_guard.h"
#include "cli/roles/role.h"
#include "directory/command_handler.h"
#include "directory/directory.h"
#include "directory/fleet/fleet_leader.h"
#include "directory/fleet/leader_election.h"
#include "directory/map/map_follower.h"
#include "directory/map/map_source.h"
#include "directory/rates/rate_handler.h"
#include "env/task_group.h"
#include "metastore/metastore.h"

namespace weir::cli {

class DirectoryRole final : public Role {
 public:
  explicit DirectoryRole(const ProcessContext& context);
  ~DirectoryRole() override;

  [[nodiscard]] env::Task<Result<void>> start() override;
  [[nodiscard]] env::Task<void> stop() override;
  [[nodiscard]] std::string describe() const override;

 private:
  // What exists while this process leads.
  struct Leading;

  [[nodiscard]] env::Task<Result<void>> open_store();
  [[nodiscard]] env::Task<frontend::Readiness> look() const;
  void make_map_parts();
  [[nodiscard]] env::Task<Result<void>> open_port();
  // Leads whenever it is elected, until stop().
  [[nodiscard]] env::Task<void> lead_when_elected();
  [[nodiscard]] env::Task<Result<void>> begin_to_lead(std::uint64_t term);
  [[nodiscard]] env::Task<void> end_leading();
  [[nodiscard]] std::optional<env::Endpoint> leader() const;

  const ProcessContext context_;
  const FleetSettings& settings_;
  AdminPort admin_;
  cell::RemoteCellMetrics cell_metrics_;
  directory::DirectoryMetrics directory_metrics_;
  directory::MapMetrics map_metrics_;
  directory::RateMetrics rate_metrics_;
  FleetLink link_;
  std::unique_ptr<CertificateWatcher> certificates_;
  std::unique_ptr<metastore::Metastore> store_;
  std::unique_ptr<directory::LeaderElection> election_;
  std::unique_ptr<directory::MapSource> source_;
  std::unique_ptr<directory::MapFollower> follower_;
  std::unique_ptr<directory::CommandHandler> commands_;
  std::unique_ptr<directory::RateHandler> rates_;
  std::unique_ptr<Leading> leading_;
  std::vector<std::unique_ptr<DirectoryRpc>> handlers_;  // by core
  std::vector<std::unique_ptr<PeerGuard>> guards_;       // by core
  std::unique_ptr<net::HttpServer> port_;
  env::TaskGroup tasks_;
  env::Event stop_;
  bool stopping_ = false;
};

[[nodiscard]] std::unique_ptr<Role> make_directory_role(const ProcessContext& context);

}  // namespace weir::cli
