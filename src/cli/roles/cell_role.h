// `weir cell`: a node of a cell. It holds the lanes that the directory gives it and serves them to front ends.
//
// Threading: core 0.
#pragma once

#include <memory>
#include <vector>

#include "cell/node/node_agent.h"
#include "cell/node/node_cell.h"
#include "cell/remote/rpc_handler.h"
#include "cli/roles/certificate_watcher.h"
#include "cli/roles/fleet_link.h"
#include "cli/roles/peer_guard.h"
#include "cli/roles/role.h"
#include "directory/map/map_follower.h"
#include "journal/rados/rados_cluster.h"

namespace weir::cli {

class CellRole final : public Role {
 public:
  explicit CellRole(const ProcessContext& context);
  ~CellRole() override;

  [[nodiscard]] env::Task<Result<void>> start() override;
  [[nodiscard]] env::Task<void> stop() override;
  [[nodiscard]] std::string describe() const override;

 private:
  [[nodiscard]] env::Task<Result<cell::OpenStore>> open_engine();
  [[nodiscard]] env::Task<frontend::Readiness> look();
  [[nodiscard]] Result<void> make_agent();
  void make_follower();
  [[nodiscard]] env::Task<Result<void>> open_port();
  [[nodiscard]] env::Task<Result<std::string>> ask(env::Endpoint directory, std::string_view path, std::string body,
                                                   MonotonicTime deadline);
  [[nodiscard]] std::uint32_t cell_number() const noexcept { return static_cast<std::uint32_t>(settings_.cell.get()); }

  const ProcessContext context_;
  const FleetSettings& settings_;
  AdminPort admin_;
  cell::CellMetrics cell_metrics_;
  journal::JournalMetrics journal_metrics_;
  directory::MapMetrics map_metrics_;
  cell::CellRpcMetrics rpc_metrics_;
  cell::CellRpcResources rpc_resources_;
  const cell::CellContext cell_context_;
  FleetLink link_;
  std::unique_ptr<CertificateWatcher> certificates_;
  std::vector<env::Endpoint> directories_;
  std::vector<std::pair<env::Endpoint, std::unique_ptr<net::RpcConnection>>> connections_;  // to directories
  std::unique_ptr<journal::RadosCluster> cluster_;
  std::unique_ptr<cell::NodeAgent> agent_;
  std::unique_ptr<cell::NodeCell> node_;
  std::unique_ptr<directory::MapFollower> follower_;
  std::vector<std::unique_ptr<cell::CellRpcHandler>> handlers_;  // by core
  std::vector<std::unique_ptr<PeerGuard>> guards_;               // by core
  std::unique_ptr<net::HttpServer> port_;
  bool follows_ = false;
  bool beats_ = false;
};

[[nodiscard]] std::unique_ptr<Role> make_cell_role(const ProcessContext& context);

}  // namespace weir::cli
