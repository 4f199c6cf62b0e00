// `weir admin`: asks and tells the directory fleet. It shows a certificate of the fleet's authority, as every process
// of the fleet does, and depends on nothing that serves records.
//
// One file per concern adds its commands to AdminCommands. What a command was given lives in an object that its two
// functions share.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"
#include "cli/admin/directory_caller.h"

namespace weir::cli {

// How `weir admin` reaches the fleet.
struct AdminOptions {
  std::string directories = "127.0.0.1:4570";
  std::string certificate_file;
  std::string key_file;
  std::string authority_file;
};

class AdminCommands {
 public:
  // Adds `weir admin` to `app`; a command that ran sets `exit_code`. Both outlive the parsing of the command line.
  AdminCommands(CLI::App& app, int& exit_code);
  AdminCommands(const AdminCommands&) = delete;
  AdminCommands& operator=(const AdminCommands&) = delete;

  // `run` does the work of a command, on a runtime of one core. An error is printed.
  using Run = std::function<env::Task<Result<void>>(DirectoryCaller& caller)>;
  // Adds `weir admin NAME`; the caller adds its options. `run` is called when the command line names it.
  CLI::App* add(const std::string& name, const std::string& help, Run run);

 private:
  [[nodiscard]] int execute(const Run& run) const;

  CLI::App* command_;
  int& exit_code_;
  AdminOptions options_;
};

// The commands of each file.
void add_status_command(AdminCommands& commands);
void add_cell_commands(AdminCommands& commands);
void add_node_commands(AdminCommands& commands);
void add_fleet_commands(AdminCommands& commands);
void add_credential_commands(AdminCommands& commands);

}  // namespace weir::cli
