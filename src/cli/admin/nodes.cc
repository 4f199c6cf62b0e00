#include <memory>

#include "cli/admin/admin_commands.h"
#include "directory/fleet_messages.h"

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

}  // namespace

void add_node_commands(AdminCommands& commands) {
  add_drain(commands, "drain", "Move all lanes away from a node", true);
  add_drain(commands, "undrain", "Let a node have lanes again", false);
}

}  // namespace weir::cli
