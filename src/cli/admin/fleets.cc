// Which fleet of front ends serves which accounts.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include "cli/admin/admin_commands.h"
#include "cli/text.h"
#include "directory/tenants/tenant_messages.h"
#include "kinesis/json_writer.h"

namespace weir::cli {
namespace {

constexpr std::uint32_t overlap_seconds_default = 300;
constexpr const char* overlap_help =
    "Seconds for which a fleet goes on serving an account that it loses by this: until clients and front ends know";

struct FleetOptions {
  std::string name;
  std::vector<std::string> accounts;
  bool serves_all_others = false;
  std::string account;
  std::uint32_t overlap_seconds = overlap_seconds_default;
  bool json = false;
};
using Options = std::shared_ptr<FleetOptions>;

void add_overlap(CLI::App& command, FleetOptions& options) {
  command.add_option("--overlap", options.overlap_seconds, overlap_help)
      ->check(CLI::Range(0, static_cast<int>(directory::overlap_max.count())))
      ->capture_default_str();
}

void add_put_fleet(AdminCommands& commands) {
  const auto options = std::make_shared<FleetOptions>();
  CLI::App* command = commands.add(
      "put-fleet", "Add a fleet of front ends, or replace what it serves", [options](DirectoryCaller& caller) {
        return caller.tell_leader(
            directory::put_fleet_path,
            directory::encode(directory::FleetDefinition{
                .name = options->name,
                .accounts = std::set<std::string>(options->accounts.begin(), options->accounts.end()),
                .serves_all_others = options->serves_all_others,
                .overlap = seconds(options->overlap_seconds)}));
      });
  command->add_option("name", options->name, "The fleet, as its front ends name it in fleet.name")->required();
  command->add_option("--account", options->accounts, "An account that it serves; may be repeated");
  command->add_flag("--serves-all-others", options->serves_all_others,
                    "It serves every account that no fleet names; at least one fleet must");
  add_overlap(*command, *options);
}

void add_remove_fleet(AdminCommands& commands) {
  const auto options = std::make_shared<FleetOptions>();
  CLI::App* command =
      commands.add("remove-fleet", "Remove a fleet that serves nobody any more", [options](DirectoryCaller& caller) {
        return caller.tell_leader(directory::remove_fleet_path,
                                  directory::encode(directory::FleetRemoval{.name = options->name}));
      });
  command->add_option("name", options->name, "The fleet")->required();
}

void add_assign(AdminCommands& commands) {
  const auto options = std::make_shared<FleetOptions>();
  CLI::App* command = commands.add(
      "assign", "Move an account to a fleet, which serves it at once; the old one goes on for a while",
      [options](DirectoryCaller& caller) {
        return caller.tell_leader(
            directory::assign_path,
            directory::encode(directory::Assignment{
                .account = options->account, .fleet = options->name, .overlap = seconds(options->overlap_seconds)}));
      });
  command->add_option("account", options->account, "The account, 12 digits")->required();
  command->add_option("fleet", options->name, "The fleet")->required();
  add_overlap(*command, *options);
}

std::string fleets_text(const directory::FleetStates& fleets) {
  if (fleets.empty()) return "no fleets: every front end serves every account\n";
  std::string text = fmt::format("{:<20} {:<12} {}\n", "FLEET", "ALL OTHERS", "ACCOUNTS");
  for (const auto& [name, fleet] : fleets) {
    text +=
        fmt::format("{:<20} {:<12} {}\n", name, fleet.serves_all_others ? "yes" : "no", fmt::join(fleet.accounts, " "));
    for (const auto& [account, until] : fleet.leaving) {
      text += fmt::format("{:<33} {} is leaving, served until {}\n", "", account, utc_text(until));
    }
  }
  return text;
}

std::string fleets_json(const directory::FleetStates& fleets) {
  kinesis::JsonWriter json;
  json.begin_list();
  for (const auto& [name, fleet] : fleets) {
    json.begin_map();
    json.key("fleet");
    json.text(name);
    json.key("serves_all_others");
    json.boolean(fleet.serves_all_others);
    json.key("accounts");
    json.begin_list();
    for (const std::string& account : fleet.accounts) json.text(account);
    json.end_list();
    json.key("leaving");
    json.begin_list();
    for (const auto& [account, until] : fleet.leaving) {
      json.begin_map();
      json.key("account");
      json.text(account);
      json.key("until");
      json.timestamp(until);
      json.end_map();
    }
    json.end_list();
    json.end_map();
  }
  json.end_list();
  return std::move(json).finish() + "\n";
}

env::Task<Result<void>> list_fleets(DirectoryCaller& caller, Options options) {
  WEIR_CO_TRY(const std::string answer, co_await caller.ask_leader(directory::list_tenants_path, {}));
  WEIR_CO_TRY(const directory::TenantList list, directory::decode_tenant_list(answer));
  const std::string text = options->json ? fleets_json(list.fleets) : fleets_text(list.fleets);
  std::fputs(text.c_str(), stdout);
  co_return Result<void>{};
}

}  // namespace

void add_fleet_commands(AdminCommands& commands) {
  add_put_fleet(commands);
  add_remove_fleet(commands);
  add_assign(commands);
  const auto options = std::make_shared<FleetOptions>();
  CLI::App* list = commands.add("list-fleets", "Fleets of front ends, and the accounts that they name",
                                [options](DirectoryCaller& caller) { return list_fleets(caller, options); });
  list->add_flag("--json", options->json, "As JSON");
}

}  // namespace weir::cli
