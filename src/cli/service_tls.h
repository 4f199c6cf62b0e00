// The certificate of the service's TLS port: the one that the settings name, else a self-signed one in the data
// directory.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/server_settings.h"
#include "env/core.h"
#include "env/task.h"
#include "net/tls/tls.h"

namespace weir::cli {

struct ServiceTls {
  std::shared_ptr<const net::TlsContext> context;
  std::string certificate_file;  // what clients of a self-signed certificate trust
};

// Makes the self-signed certificate, valid for a year, when `directory` has none. Errors: invalid_argument when only
// one of the two files is set or they are of no use; those of reading and writing files. On `core`; both arguments
// outlive the call.
[[nodiscard]] env::Task<Result<ServiceTls>> load_service_tls(env::Core& core, const ServerSettings& settings,
                                                             const std::string& directory);

}  // namespace weir::cli
