#include <cstdio>
#include <memory>

#include "cli/admin/admin_commands.h"
#include "cli/admin/status_text.h"

namespace weir::cli {
namespace {

env::Task<Result<void>> show_status(DirectoryCaller& caller, std::function<void(StatusAnswers)> show) {
  WEIR_CO_TRY(StatusAnswers answers, co_await caller.ask_for_status());
  show(std::move(answers));
  co_return Result<void>{};
}

}  // namespace

void add_status_command(AdminCommands& commands) {
  const auto json = std::make_shared<bool>(false);
  const auto show = [json](const StatusAnswers& answers) {
    std::fputs((*json ? status_json(answers) : status_text(answers)).c_str(), stdout);
  };
  CLI::App* status = commands.add("status", "Show the fleet: what is wrong, cells, nodes, front ends, directories",
                                  [show](DirectoryCaller& caller) { return show_status(caller, show); });
  status->add_flag("--json", *json, "As one JSON object");
}

}  // namespace weir::cli
