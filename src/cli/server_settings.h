// Settings of the server process itself: where it listens, where its data lies, how many threads it has.
#pragma once

#include "base/settings.h"

namespace weir::cli {

struct ServerSettings {
  explicit ServerSettings(SettingsRegistry& registry)
      : data_directory(
            registry, "server.data_directory", "",
            "Directory of everything the server keeps. Empty: $XDG_DATA_HOME/weir, else ~/.local/share/weir, "
            "else /var/lib/weir."),
        address(registry, "server.address", "127.0.0.1",
                "Numeric address to serve on. Anything but loopback is refused while the well-known test credentials "
                "or accept_any_credentials are in force."),
        port(registry, "server.port", 4567, {.least = 0, .most = 65535},
             "Port for plain HTTP/1.1 and HTTP/2 with prior knowledge. 0 picks a free one."),
        tls_enabled(registry, "server.tls_enabled", false, "Serve TLS as well, on tls_port."),
        tls_port(registry, "server.tls_port", 4568, {.least = 0, .most = 65535},
                 "Port for TLS with ALPN (h2 and http/1.1). 0 picks a free one."),
        tls_certificate_file(
            registry, "server.tls_certificate_file", "",
            "PEM file of the certificate chain. Empty: a self-signed one, made in the data directory."),
        tls_key_file(registry, "server.tls_key_file", "", "PEM file of the private key, mode 0600."),
        admin_address(registry, "server.admin_address", "127.0.0.1",
                      "Numeric address of the admin port. It has no authentication: keep it on loopback."),
        admin_port(registry, "server.admin_port", 4569, {.least = 0, .most = 65535},
                   "Port of /metrics, /livez and /readyz. 0 picks a free one."),
        credentials_file(registry, "server.credentials_file", "",
                         "TOML file of credentials, mode 0600, read again when it changes. Empty: credentials.toml in "
                         "the data directory, and if that is missing, access key test with secret test for account "
                         "000000000000."),
        accept_any_credentials(registry, "server.accept_any_credentials", false,
                               "Check no signature; an access key of 12 digits chooses the account. Loopback only."),
        region(registry, "server.region", "us-east-1",
               "Region used in the printed example and by the command-line client."),
        cores(registry, "server.cores", 0, {.least = 0, .most = 64},
              "Event loops, one thread each. 0: one per processor."),
        blocking_threads(registry, "server.blocking_threads", 4, {.least = 1, .most = 64},
                         "Threads for calls that block on the disk, shared by all cores."),
        drain_time_max(registry, "server.drain_time_max", seconds(10), {.least = milliseconds(0), .most = hours(1)},
                       "How long a stop waits for requests in flight."),
        log_level(registry, "log.level", "info", "Least level that is logged: debug, info, warning or error.") {}

  Setting<std::string> data_directory;
  Setting<std::string> address;
  Setting<std::uint64_t> port;
  Setting<bool> tls_enabled;
  Setting<std::uint64_t> tls_port;
  Setting<std::string> tls_certificate_file;
  Setting<std::string> tls_key_file;
  Setting<std::string> admin_address;
  Setting<std::uint64_t> admin_port;
  Setting<std::string> credentials_file;
  Setting<bool> accept_any_credentials;
  Setting<std::string> region;
  Setting<std::uint64_t> cores;
  Setting<std::uint64_t> blocking_threads;
  Setting<milliseconds> drain_time_max;
  Setting<std::string> log_level;
};

}  // namespace weir::cli
