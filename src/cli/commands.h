// The commands of the one binary. Each is a function that takes its parsed options and returns the exit code:
// 0 done, 1 it failed, 2 the command line was wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

// `weir serve`: the whole system in this process.
struct ServeOptions {
  std::string config_file;               // TOML; empty: none
  std::vector<std::string> assignments;  // name=value, in the order given; they win over the file
};
[[nodiscard]] int serve(const ServeOptions& options);

// `weir directory`, `weir cell`, `weir frontend`: one process of a fleet.
[[nodiscard]] int serve_directory(const ServeOptions& options);
[[nodiscard]] int serve_cell(const ServeOptions& options);
[[nodiscard]] int serve_front_end(const ServeOptions& options);

// What the commands that talk to a running server need to reach it.
struct ClientOptions {
  std::string endpoint = "http://127.0.0.1:4567";
  std::string region = "us-east-1";
  std::string access_key_id = "test";
  std::string secret_access_key = "test";
  std::string session_token;
  std::string ca_file;  // PEM; for https. Empty: any certificate is accepted
};

// `weir put STREAM [DATA]`: one record from the argument, or one per line of standard input.
struct PutOptions {
  ClientOptions client;
  std::string stream;
  std::optional<std::string> data;
  std::string partition_key;  // empty: a random one for each record
};
[[nodiscard]] int put(const PutOptions& options);

// `weir tail STREAM`: prints records of all shards as they arrive, parents before their children.
struct TailOptions {
  ClientOptions client;
  std::string stream;
  bool from_start = false;       // from the oldest record kept, otherwise from now on
  bool json = false;             // one JSON object per record instead of the data alone
  bool until_caught_up = false;  // end once every shard has been read to its tip
};
[[nodiscard]] int tail(const TailOptions& options);

// `weir streams`: lists the streams of the account and Region.
struct StreamsOptions {
  ClientOptions client;
  bool json = false;
};
[[nodiscard]] int streams(const StreamsOptions& options);

// `weir inspect PATH`: describes a data directory, a lane's directory or one segment file. Changes nothing.
struct InspectOptions {
  std::string path;
  bool batches = false;  // list every batch, too
};
[[nodiscard]] int inspect(const InspectOptions& options);

// `weir cert`: a self-signed certificate and its key, for tests.
struct CertificateOptions {
  std::string certificate_file = "weir-cert.pem";
  std::string key_file = "weir-key.pem";
  std::vector<std::string> names;  // besides localhost, 127.0.0.1 and ::1
  std::uint32_t days = 365;
};
[[nodiscard]] int certificate(const CertificateOptions& options);

// `weir cert authority`: an authority for the processes of one fleet, DIR/authority.pem and DIR/authority-key.pem.
// Never overwrites one.
struct AuthorityOptions {
  std::string directory = ".";
  std::string name = "Weir";
  std::uint32_t days = 3'650;
};
[[nodiscard]] int certificate_authority(const AuthorityOptions& options);

// `weir cert issue`: a certificate of that authority for one process, DIR/NAME.pem and DIR/NAME-key.pem, for both ends
// of a connection. Overwrites: that is how one is renewed.
struct IssueOptions {
  std::string authority_directory = ".";
  std::string directory = ".";
  std::string name;
  std::string role;                    // "frontend", "cell", "directory" or "operator"
  std::vector<std::string> addresses;  // numeric addresses and further DNS names
  std::uint32_t days = 365;
};
[[nodiscard]] int issue_certificate(const IssueOptions& options);

// `weir cert secrets-key`: a file with a key that encrypts the secrets of access keys, mode 0600. Never overwrites one.
struct SecretsKeyOptions {
  std::string file = "secrets-key";
};
[[nodiscard]] int secrets_key(const SecretsKeyOptions& options);

// `weir docs settings|metrics`: the generated reference pages, to standard output.
[[nodiscard]] int docs(const std::string& page);

}  // namespace weir::cli
