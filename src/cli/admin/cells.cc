#include <memory>

#include "cli/admin/admin_commands.h"
#include "directory/fleet/fleet_messages.h"

namespace weir::cli {
namespace {

struct CellOptions {
  std::uint32_t number = 0;
  std::string name;
  std::uint32_t lanes = 4;
  std::uint64_t shards_max = 20'000;
  bool closed = false;
};

env::Task<Result<void>> define_cell(DirectoryCaller& caller, const CellOptions& options) {
  const directory::CellDefinition definition{.cell = options.number,
                                             .state = {.name = options.name,
                                                       .lanes = options.lanes,
                                                       .open_shards_max = options.shards_max,
                                                       .closed = options.closed}};
  return caller.tell_leader(directory::define_cell_path, directory::encode(definition));
}

}  // namespace

void add_cell_commands(AdminCommands& commands) {
  const auto options = std::make_shared<CellOptions>();
  CLI::App* cell = commands.add("define-cell", "Add a cell, or change one",
                                [options](DirectoryCaller& caller) { return define_cell(caller, *options); });
  cell->add_option("number", options->number, "Number of the cell, 0 to 63")->required();
  cell->add_option("--name", options->name, "What it is called")->required();
  cell->add_option("--lanes", options->lanes, "Its lanes, 1 to 64; never fewer than before")->capture_default_str();
  cell->add_option("--shards-max", options->shards_max, "Open shards that it takes at most")->capture_default_str();
  cell->add_flag("--closed", options->closed, "Place no new streams there");
}

}  // namespace weir::cli
