// Access keys in the directory. Their secrets are encrypted here; they leave this process in no other form.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "cli/admin/admin_commands.h"
#include "cli/text.h"
#include "directory/tenants/tenant_messages.h"
#include "env/file.h"
#include "env/process.h"
#include "frontend/authentication/secret_keys.h"
#include "kinesis/json_writer.h"

namespace weir::cli {
namespace {

constexpr std::size_t secret_input_bytes_max = 16'384;

struct CredentialOptions {
  std::string access_key_id;
  std::string account;
  std::string secret_file;
  std::string session_token_file;
  std::string expires;
  std::string secrets_key_file;
  bool json = false;
};
using Options = std::shared_ptr<CredentialOptions>;

// "2027-01-01T00:00:00Z".
Result<WallTime> parse_time(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  int read = 0;
  const int fields =
      std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2uZ%n", &year, &month, &day, &hour, &minute, &second, &read);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  const bool fits = fields == 6 && static_cast<std::size_t>(read) == text.size() && date.ok() && hour < 24 &&
                    minute < 60 && second < 60;
  if (!fits) return fail(ErrorCode::invalid_argument, "--expires is a time such as 2027-01-01T00:00:00Z");
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + hours(hour) + std::chrono::minutes(minute) +
                  seconds(second));
}

// The first line.
std::string line_of(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

env::Task<Result<std::string>> read_input(env::Core& core) {
  std::vector<std::byte> chunk(secret_input_bytes_max);
  std::string text;
  while (text.find('\n') == std::string::npos) {
    WEIR_CO_TRY(const std::size_t got, co_await env::read_standard_input(core, chunk));
    if (got == 0) break;
    text.append(as_text(BytesView(chunk).first(got)));
    if (text.size() > secret_input_bytes_max) co_return fail(ErrorCode::limit_exceeded, "standard input is too long");
  }
  co_return line_of(std::move(text));
}

env::Task<Result<std::string>> read_secret(env::Core& core, std::string file) {
  auto status = co_await core.files().status(file);
  if (!status) co_return fail_while("reading " + file, std::move(status.error()));
  WEIR_CO_CHECK(frontend::check_credentials_permissions(file, status->permissions));
  WEIR_CO_TRY(std::string text, co_await env::read_whole_file(core.files(), file, secret_input_bytes_max));
  co_return line_of(std::move(text));
}

env::Task<Result<void>> put_credential(DirectoryCaller& caller, Options options) {
  env::Core& core = caller.core();
  WEIR_CO_TRY(const frontend::SecretKeys keys,
              co_await frontend::load_secret_keys(core.files(), options->secrets_key_file));
  directory::CredentialDefinition definition{
      .access_key_id = options->access_key_id, .credential = {.account = options->account}, .replaces = std::nullopt};
  if (!options->expires.empty()) {
    WEIR_CO_TRY(definition.credential.expires, parse_time(options->expires));
  }
  frontend::Secret secret;
  if (!options->session_token_file.empty()) {
    WEIR_CO_TRY(secret.session_token, co_await read_secret(core, options->session_token_file));
  }
  if (options->secret_file.empty()) {
    WEIR_CO_TRY(secret.secret_access_key, co_await read_input(core));
  } else {
    WEIR_CO_TRY(secret.secret_access_key, co_await read_secret(core, options->secret_file));
  }
  WEIR_CO_TRY(definition.credential.sealed, keys.seal(core,
                                                      {.access_key_id = definition.access_key_id,
                                                       .account = definition.credential.account,
                                                       .expires = definition.credential.expires},
                                                      secret));
  WEIR_CO_CHECK(directory::check_credential(definition.access_key_id, definition.credential));
  co_return co_await caller.tell_leader(directory::put_credential_path, directory::encode(definition));
}

env::Task<Result<directory::TenantList>> ask_for_tenants(DirectoryCaller& caller) {
  WEIR_CO_TRY(const std::string answer, co_await caller.ask_leader(directory::list_tenants_path, {}));
  co_return directory::decode_tenant_list(answer);
}

// Whoever changes an access key meanwhile wins: a secret is replaced only where it is the one that was read.
env::Task<Result<void>> reseal_credentials(DirectoryCaller& caller, Options options) {
  env::Core& core = caller.core();
  WEIR_CO_TRY(const frontend::SecretKeys keys,
              co_await frontend::load_secret_keys(core.files(), options->secrets_key_file));
  WEIR_CO_TRY(const directory::TenantList list, co_await ask_for_tenants(caller));
  std::uint64_t done = 0;
  for (const auto& [id, credential] : list.credentials) {
    if (keys.is_current(credential.sealed)) continue;
    const frontend::SecretOwner owner{
        .access_key_id = id, .account = credential.account, .expires = credential.expires};
    auto secret = keys.open(owner, credential.sealed);
    if (!secret) co_return fail_while("access key " + id, std::move(secret.error()));
    directory::CredentialDefinition next{.access_key_id = id, .credential = credential, .replaces = credential.sealed};
    WEIR_CO_TRY(next.credential.sealed, keys.seal(core, owner, *secret));
    auto told = co_await caller.tell_leader(directory::put_credential_path, directory::encode(next));
    if (!told) co_return fail_while("after " + count_text(done, "access key"), std::move(told.error()));
    ++done;
  }
  std::printf("%s encrypted anew, of %zu\n", count_text(done, "access key").c_str(), list.credentials.size());
  co_return Result<void>{};
}

env::Task<Result<void>> list_credentials(DirectoryCaller& caller, Options options) {
  WEIR_CO_TRY(const directory::TenantList list, co_await ask_for_tenants(caller));
  kinesis::JsonWriter json;
  json.begin_list();
  std::string text = fmt::format("{:<24} {:<14} {:<26} {}\n", "ACCESS KEY", "ACCOUNT", "EXPIRES", "SECRETS KEY");
  for (const auto& [id, credential] : list.credentials) {
    const std::string key = frontend::secret_key_name(credential.sealed);
    text += fmt::format("{:<24} {:<14} {:<26} {}\n", id, credential.account,
                        credential.expires ? utc_text(*credential.expires) : "never", key);
    json.begin_map();
    json.key("access_key_id");
    json.text(id);
    json.key("account");
    json.text(credential.account);
    if (credential.expires) {
      json.key("expires");
      json.timestamp(*credential.expires);
    }
    json.key("secrets_key");
    json.text(key);
    json.end_map();
  }
  json.end_list();
  if (options->json) text = std::move(json).finish() + "\n";
  std::fputs(text.c_str(), stdout);
  co_return Result<void>{};
}

void add_secrets_key(CLI::App& command, CredentialOptions& options) {
  command
      .add_option("--secrets-key", options.secrets_key_file, "The file that front ends have as fleet.secrets_key_file")
      ->envname("WEIR_SECRETS_KEY")
      ->required();
}

void add_put_credential(AdminCommands& commands) {
  const auto options = std::make_shared<CredentialOptions>();
  CLI::App* command =
      commands.add("put-credential", "Add an access key, or replace its secret, which is read from standard input",
                   [options](DirectoryCaller& caller) { return put_credential(caller, options); });
  command->add_option("access-key-id", options->access_key_id, "The access key id")->required();
  command->add_option("--account", options->account, "Its account, 12 digits")->required();
  command->add_option("--secret-file", options->secret_file, "Read the secret from this file, mode 0600")
      ->type_name("FILE");
  command
      ->add_option("--session-token-file", options->session_token_file,
                   "File, mode 0600, of a session token that requests must carry")
      ->type_name("FILE");
  command->add_option("--expires", options->expires, "When it expires, such as 2027-01-01T00:00:00Z")
      ->type_name("TIME");
  add_secrets_key(*command, *options);
}

}  // namespace

void add_credential_commands(AdminCommands& commands) {
  add_put_credential(commands);
  const auto removal = std::make_shared<std::string>();
  CLI::App* remove = commands.add("remove-credential", "Remove an access key", [removal](DirectoryCaller& caller) {
    return caller.tell_leader(directory::remove_credential_path,
                              directory::encode(directory::CredentialRemoval{.access_key_id = *removal}));
  });
  remove->add_option("access-key-id", *removal, "The access key id")->required();

  const auto listing = std::make_shared<CredentialOptions>();
  CLI::App* list = commands.add("list-credentials", "Access keys and their accounts; never their secrets",
                                [listing](DirectoryCaller& caller) { return list_credentials(caller, listing); });
  list->add_flag("--json", listing->json, "As JSON");

  const auto resealing = std::make_shared<CredentialOptions>();
  CLI::App* reseal =
      commands.add("reseal-credentials", "Encrypt every secret anew under the first secrets key",
                   [resealing](DirectoryCaller& caller) { return reseal_credentials(caller, resealing); });
  add_secrets_key(*reseal, *resealing);
}

}  // namespace weir::cli
