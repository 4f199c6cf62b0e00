#include "cli/admin/admin_commands.h"

#include <cstdio>
#include <utility>

#include "cli/commands.h"
#include "env/runtime.h"

namespace weir::cli {
namespace {

env::Task<Result<void>> call_and_run(env::Core& core, AdminOptions options, AdminCommands::Run run) {
  SettingsRegistry registry;
  const FleetSettings settings(registry);
  WEIR_CO_CHECK(registry.set_assignment("fleet.certificate_file=" + options.certificate_file));
  WEIR_CO_CHECK(registry.set_assignment("fleet.key_file=" + options.key_file));
  WEIR_CO_CHECK(registry.set_assignment("fleet.authority_file=" + options.authority_file));
  WEIR_CO_TRY(FleetLink link, co_await FleetLink::load(core, settings));
  WEIR_CO_TRY(std::vector<env::Endpoint> directories, parse_endpoints("--directories", options.directories));
  DirectoryCaller caller(core, link, std::move(directories));
  co_return co_await run(caller);
}

env::Task<int> run_into(Result<void>& outcome, env::Core& core, AdminOptions options, AdminCommands::Run run) {
  outcome = co_await call_and_run(core, std::move(options), std::move(run));
  co_return exit_done;
}

}  // namespace

AdminCommands::AdminCommands(CLI::App& app, int& exit_code)
    : command_(app.add_subcommand("admin", "Show a fleet, and change its cells, nodes and tenants")),
      exit_code_(exit_code) {
  command_->require_subcommand(1);
  command_->add_option("--directories", options_.directories, "Directories, as address:port with commas between")
      ->envname("WEIR_DIRECTORIES")
      ->capture_default_str();
  command_->add_option("--cert", options_.certificate_file, "A certificate of the fleet's authority")
      ->envname("WEIR_CERTIFICATE")
      ->required();
  command_->add_option("--key", options_.key_file, "Its key")->envname("WEIR_KEY")->required();
  command_->add_option("--authority", options_.authority_file, "The authority's certificate")
      ->envname("WEIR_AUTHORITY")
      ->required();
}

CLI::App* AdminCommands::add(const std::string& name, const std::string& help, Run run) {
  CLI::App* const added = command_->add_subcommand(name, help);
  added->callback([this, run = std::move(run)] { exit_code_ = execute(run); });
  return added;
}

int AdminCommands::execute(const Run& run) const {
  Result<void> outcome;
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  static_cast<void>(runtime->run([&] { return run_into(outcome, runtime->core(0), options_, run); }));
  if (outcome) return exit_done;
  std::fprintf(stderr, "weir admin: %s\n", outcome.error().message.c_str());
  return exit_failed;
}

}  // namespace weir::cli
