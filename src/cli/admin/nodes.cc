#include <memory>

#include "cli/admin/admin_commands.h"
#include "directory/fleet/fleet_messages.h"

namespace weir::cli {
namespace {

void add_drain(AdminCommands& commands, const std::string& name, const std::string& help, bool draining) {
  const auto node = std::make_shared<std::string>();
  CLI::App* command = commands.add(name, help, [node, draining](DirectoryCaller& caller) {
    return caller.tell_leader(directory::drain_path,
                              directory::encode(directory::Drain{.node = *node, .draining = draining}));
  });
  command->add_option("node", *node, "The node")->required();
}

void add_move(AdminCommands& commands) {
  const auto move = std::make_shared<directory::LaneMove>();
  CLI::App* command = commands.add("move", "Move a lane to a node, where it stays until the node drains or dies",
                                   [move](DirectoryCaller& caller) {
                                     return caller.tell_leader(directory::move_lane_path, directory::encode(*move));
                                   });
  command->add_option("lane", move->lane.value, "Number of the lane, as `weir admin status` shows it")->required();
  command->add_option("node", move->node, "A node of the lane's cell")->required();
}

void add_forget(AdminCommands& commands) {
  const auto forget = std::make_shared<directory::Forget>();
  CLI::App* command = commands.add("forget", "Forget a node that is gone for good: a dead one, or one that drained",
                                   [forget](DirectoryCaller& caller) {
                                     return caller.tell_leader(directory::forget_path, directory::encode(*forget));
                                   });
  command->add_option("node", forget->node, "The node")->required();
}

}  // namespace

void add_node_commands(AdminCommands& commands) {
  add_drain(commands, "drain", "Move all lanes away from a node", true);
  add_drain(commands, "undrain", "Let a node have lanes again", false);
  add_move(commands);
  add_forget(commands);
}

}  // namespace weir::cli
