// The commands that run one process of a fleet.
#include "cli/commands.h"
#include "cli/roles/cell_role.h"
#include "cli/roles/directory_role.h"
#include "cli/roles/frontend_role.h"

namespace weir::cli {

int serve_directory(const ServeOptions& options) {
  return run_role("directory", options, BackgroundCore::without, make_directory_role);
}
int serve_cell(const ServeOptions& options) {
  return run_role("cell", options, BackgroundCore::without, make_cell_role);
}
int serve_front_end(const ServeOptions& options) {
  return run_role("frontend", options, BackgroundCore::with, make_front_end_role);
}

}  // namespace weir::cli
