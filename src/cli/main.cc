// The command line of the one binary.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/version.h"
#include "cli/admin/admin_commands.h"
#include "cli/commands.h"
#include "env/process.h"

namespace {

using namespace weir::cli;

// Options that are shorthand for a setting: they end up as assignments, in the order given.
void add_setting_option(CLI::App& command, std::vector<std::string>& assignments, const std::string& flag,
                        const std::string& setting, const std::string& help) {
  command
      .add_option_function<std::string>(
          flag, [&assignments, setting](const std::string& value) { assignments.push_back(setting + "=" + value); },
          help + " (setting " + setting + ")")
      ->type_name("VALUE");
}

void add_serve(CLI::App& app, ServeOptions& options, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Serve the Kinesis API from this machine (one durable process)");
  command->add_option("--config", options.config_file, "TOML file of settings; see docs/settings.md")
      ->type_name("FILE");
  std::vector<std::string>& set = options.assignments;
  add_setting_option(*command, set, "--data-dir", "server.data_directory", "Where everything is kept");
  add_setting_option(*command, set, "--address", "server.address", "Address to serve on");
  add_setting_option(*command, set, "--port", "server.port", "Plain HTTP/1.1 and HTTP/2 port, 4567 by default");
  command->add_option_function<std::string>(
      "--tls-port",
      [&set](const std::string& value) {
        set.emplace_back("server.tls_enabled=true");
        set.push_back("server.tls_port=" + value);
      },
      "Serve TLS too, on this port (setting server.tls_port)");
  add_setting_option(*command, set, "--tls-cert", "server.tls_certificate_file", "PEM certificate chain for TLS");
  add_setting_option(*command, set, "--tls-key", "server.tls_key_file", "PEM private key for TLS");
  add_setting_option(*command, set, "--admin-port", "server.admin_port", "Port of /metrics, /livez, /readyz");
  add_setting_option(*command, set, "--credentials", "server.credentials_file", "TOML file of credentials, mode 0600");
  command->add_flag_callback(
      "--accept-any-credentials", [&set] { set.emplace_back("server.accept_any_credentials=true"); },
      "Check no signature; loopback only");
  command
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [&set](const std::vector<std::string>& values) { set.insert(set.end(), values.begin(), values.end()); },
          "Any setting, as name=value; may be repeated")
      ->type_name("NAME=VALUE");
  command->callback([&options, &exit_code] { exit_code = serve(options); });
}

// The processes of a fleet take their settings from a file, and single ones from the command line.
void add_roles(CLI::App& app, ServeOptions& options, int& exit_code) {
  struct RoleCommand {
    const char* name;
    const char* help;
    int (*run)(const ServeOptions& options);
  };
  static constexpr RoleCommand roles[] = {
      {"directory", "Serve the shard map of a fleet, and lead it when elected", serve_directory},
      {"cell", "Serve lanes as a node of a cell", serve_cell},
      {"frontend", "Serve the Kinesis API as a front end of a fleet", serve_front_end}};
  for (const RoleCommand& role : roles) {
    CLI::App* command = app.add_subcommand(role.name, role.help);
    command->add_option("--config", options.config_file, "TOML file of settings; see docs/settings.md")
        ->type_name("FILE");
    add_setting_option(*command, options.assignments, "--data-dir", "server.data_directory", "Where its files are");
    command
        ->add_option_function<std::vector<std::string>>(
            "--set",
            [&options](const std::vector<std::string>& values) {
              options.assignments.insert(options.assignments.end(), values.begin(), values.end());
            },
            "Any setting, as name=value; may be repeated")
        ->type_name("NAME=VALUE");
    command->callback([&options, &exit_code, run = role.run] { exit_code = run(options); });
  }
}

// The Region comes from the option, else from AWS_REGION, else from AWS_DEFAULT_REGION, as with the aws CLI.
void add_client_options(CLI::App& command, ClientOptions& client) {
  client.region = weir::env::environment_variable("AWS_DEFAULT_REGION").value_or(client.region);
  command.add_option("--endpoint-url", client.endpoint, "Server to talk to")
      ->envname("AWS_ENDPOINT_URL")
      ->capture_default_str();
  command.add_option("--region", client.region, "Region; AWS_DEFAULT_REGION counts too")
      ->envname("AWS_REGION")
      ->capture_default_str();
  command.add_option("--access-key-id", client.access_key_id, "Access key id")
      ->envname("AWS_ACCESS_KEY_ID")
      ->capture_default_str();
  command.add_option("--secret-access-key", client.secret_access_key, "Secret access key")
      ->envname("AWS_SECRET_ACCESS_KEY");
  command.add_option("--session-token", client.session_token, "Session token")->envname("AWS_SESSION_TOKEN");
  command.add_option("--ca-file", client.ca_file, "PEM file of the certificates to trust; without it any is")
      ->envname("AWS_CA_BUNDLE")
      ->type_name("FILE");
}

void add_client_commands(CLI::App& app, PutOptions& put_options, TailOptions& tail_options,
                         StreamsOptions& streams_options, int& exit_code) {
  CLI::App* put_command = app.add_subcommand("put", "Put one record, or one per line of standard input");
  add_client_options(*put_command, put_options.client);
  put_command->add_option("stream", put_options.stream, "Stream name")->required();
  put_command->add_option("data", put_options.data, "The record's data; without it, each line read is a record");
  put_command->add_option("--partition-key", put_options.partition_key, "Partition key; a random one without it");
  put_command->callback([&put_options, &exit_code] { exit_code = put(put_options); });

  CLI::App* tail_command = app.add_subcommand("tail", "Print the records of all shards as they arrive, through splits");
  add_client_options(*tail_command, tail_options.client);
  tail_command->add_option("stream", tail_options.stream, "Stream name")->required();
  tail_command->add_flag("--from-start", tail_options.from_start, "From the oldest record kept instead of from now on");
  tail_command->add_flag("--json", tail_options.json, "One JSON object per record");
  tail_command->add_flag("--until-caught-up", tail_options.until_caught_up, "End once every shard is read to its tip");
  tail_command->callback([&tail_options, &exit_code] { exit_code = tail(tail_options); });

  CLI::App* streams_command = app.add_subcommand("streams", "List the streams of the account");
  add_client_options(*streams_command, streams_options.client);
  streams_command->add_flag("--json", streams_options.json, "One JSON object per stream");
  streams_command->callback([&streams_options, &exit_code] { exit_code = streams(streams_options); });
}

struct CertificateCommands {
  CertificateOptions self_signed;
  AuthorityOptions authority;
  IssueOptions issue;
  SecretsKeyOptions secrets_key;
};

void add_certificate_commands(CLI::App& app, CertificateCommands& options, int& exit_code) {
  const CLI::Range days(1, 36'500);
  CLI::App* cert_command = app.add_subcommand("cert", "Make a self-signed certificate for tests, or those of a fleet");
  CertificateOptions& self_signed = options.self_signed;
  cert_command->add_option("--cert", self_signed.certificate_file, "File to write the certificate to")
      ->capture_default_str();
  cert_command->add_option("--key", self_signed.key_file, "File to write the key to, mode 0600")->capture_default_str();
  cert_command->add_option("--name", self_signed.names, "A further host name or address; may be repeated");
  cert_command->add_option("--days", self_signed.days, "Days until it expires")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  cert_command->callback([cert_command, &self_signed, &exit_code] {
    if (cert_command->get_subcommands().empty()) exit_code = certificate(self_signed);
  });

  CLI::App* authority_command = cert_command->add_subcommand("authority", "Make the authority of a fleet");
  AuthorityOptions& authority = options.authority;
  authority_command->add_option("--out", authority.directory, "Directory for authority.pem and authority-key.pem")
      ->capture_default_str();
  authority_command->add_option("--name", authority.name, "What it is called")->capture_default_str();
  authority_command->add_option("--days", authority.days, "Days until it expires")->check(days)->capture_default_str();
  authority_command->callback([&authority, &exit_code] { exit_code = certificate_authority(authority); });

  CLI::App* issue_command =
      cert_command->add_subcommand("issue", "Make a process's certificate, signed by the authority");
  IssueOptions& issue = options.issue;
  issue_command->add_option("--authority", issue.authority_directory, "Directory of the authority")
      ->capture_default_str();
  issue_command->add_option("--name", issue.name, "DNS name of the process; names the files too")->required();
  issue_command->add_option("--role", issue.role, "What the process may do to the others")
      ->check(CLI::IsMember({"frontend", "cell", "directory", "operator"}))
      ->required();
  issue_command->add_option("--address", issue.addresses, "A numeric address or further DNS name; may be repeated");
  issue_command->add_option("--out", issue.directory, "Directory for NAME.pem and NAME-key.pem")->capture_default_str();
  issue_command->add_option("--days", issue.days, "Days until it expires")->check(days)->capture_default_str();
  issue_command->callback([&issue, &exit_code] { exit_code = issue_certificate(issue); });

  CLI::App* secrets_command =
      cert_command->add_subcommand("secrets-key", "Make a key that encrypts the secrets of access keys");
  SecretsKeyOptions& secrets = options.secrets_key;
  secrets_command->add_option("--out", secrets.file, "File to write it to, mode 0600")->capture_default_str();
  secrets_command->callback([&secrets, &exit_code] { exit_code = secrets_key(secrets); });
}

void add_local_commands(CLI::App& app, InspectOptions& inspect_options, std::string& page, int& exit_code) {
  CLI::App* inspect_command =
      app.add_subcommand("inspect", "Describe a data directory or a segment file; changes nothing");
  inspect_command->add_option("path", inspect_options.path, "Data directory, lane directory or segment file")
      ->required();
  inspect_command->add_flag("--batches", inspect_options.batches, "List every batch");
  inspect_command->callback([&inspect_options, &exit_code] { exit_code = inspect(inspect_options); });

  CLI::App* docs_command = app.add_subcommand("docs", "Print a generated reference page");
  docs_command->add_option("page", page, "settings or metrics")
      ->required()
      ->check(CLI::IsMember({"settings", "metrics"}));
  docs_command->callback([&page, &exit_code] { exit_code = docs(page); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Weir: streaming storage that speaks the Amazon Kinesis Data Streams API"};
  app.set_version_flag("--version", std::string("weir ") + std::string(weir::version));
  app.require_subcommand(1);
  app.footer("Start with `weir serve`; it prints what to type next. Every command has its own --help.");

  int exit_code = exit_done;
  ServeOptions serve_options;
  PutOptions put_options;
  TailOptions tail_options;
  StreamsOptions streams_options;
  InspectOptions inspect_options;
  CertificateCommands certificate_options;
  std::string page;
  add_serve(app, serve_options, exit_code);
  add_roles(app, serve_options, exit_code);
  AdminCommands admin_commands(app, exit_code);
  add_status_command(admin_commands);
  add_cell_commands(admin_commands);
  add_node_commands(admin_commands);
  add_fleet_commands(admin_commands);
  add_credential_commands(admin_commands);
  add_client_commands(app, put_options, tail_options, streams_options, exit_code);
  add_certificate_commands(app, certificate_options, exit_code);
  add_local_commands(app, inspect_options, page, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  return exit_code;
}
