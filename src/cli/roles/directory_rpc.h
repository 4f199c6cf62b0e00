// DirectoryRpc: what a directory answers to the other processes of the fleet, on one core.
//
//   follow, command, rates              any directory; commands and asks about call rates are answered by the leader
//   beat, claim, define_cell, drain,
//   move_lane, forget, and what is in
//   tenant_rpc.h                        the leader; others say who leads
//   status                              any directory
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "directory/command_handler.h"
#include "directory/fleet/fleet_leader.h"
#include "directory/fleet/fleet_messages.h"
#include "directory/map/map_source.h"
#include "directory/rates/rate_handler.h"
#include "env/core.h"
#include "net/http.h"

namespace weir::cli {

// The parts that answer. All belong to `home` and outlive the handlers.
struct DirectoryParts {
  env::Core& home;
  directory::MapSource& source;
  directory::CommandHandler& commands;
  directory::RateHandler& rates;
  std::function<directory::FleetLeader*()> leading;      // null when this process does not lead
  std::function<std::optional<env::Endpoint>()> leader;  // as far as this process knows
  std::function<std::string()> status;                   // an encoded FleetStatus
};

class DirectoryRpc final : public net::HttpHandler {
 public:
  DirectoryRpc(env::Core& core, const DirectoryParts& parts) : core_(core), parts_(parts) {}

  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest& request) override;
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override;

 private:
  // On home.
  [[nodiscard]] env::Task<net::HttpResponse> answer_at_home(std::string_view path, std::string_view body);
  [[nodiscard]] env::Task<directory::FleetReply> ask_leader(directory::FleetLeader& leader, std::string_view path,
                                                            std::string_view body);

  env::Core& core_;
  const DirectoryParts parts_;
};

}  // namespace weir::cli
