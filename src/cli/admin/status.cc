#include <cstdio>

#include "cli/admin/admin_commands.h"

namespace weir::cli {

void add_status_command(AdminCommands& commands) {
  commands.add("status", "What a directory knows, as JSON; nodes in the leader's answer only",
               [](DirectoryCaller& caller) -> env::Task<Result<void>> {
                 WEIR_CO_TRY(const std::string status, co_await caller.ask_for_status());
                 std::printf("%s\n", status.c_str());
                 co_return Result<void>{};
               });
}

}  // namespace weir::cli
