// FleetLink: how a process of the fleet reaches the others and is reached by them: HTTP/2 over TLS, where both sides
// show a certificate of the fleet's authority.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/roles/fleet_settings.h"
#include "env/core.h"
#include "net/client.h"
#include "net/rpc_connection.h"
#include "net/tls/tls.h"

namespace weir::cli {

struct FleetLink {
  std::shared_ptr<const net::TlsContext> server;
  std::shared_ptr<const net::TlsContext> client;

  // Reads the three files. Errors: invalid_argument when one is not set or of no use; those of reading.
  [[nodiscard]] static env::Task<Result<FleetLink>> load(env::Core& core, const FleetSettings& settings);

  // Any core.
  [[nodiscard]] net::ConnectToPeer connect_to_directories() const;
  [[nodiscard]] net::ConnectToPeer connect_to_nodes() const;
};

}  // namespace weir::cli
