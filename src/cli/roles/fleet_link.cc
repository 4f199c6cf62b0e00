#include "cli/roles/fleet_link.h"

#include "env/file.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t pem_bytes_max = 256 * kibibyte;
// A map of many streams is one answer.
constexpr std::uint64_t map_bytes_max = gibibyte;

env::Task<Result<std::string>> read_pem(env::Core& core, std::string setting, std::string file) {
  if (file.empty()) {
    co_return fail(ErrorCode::invalid_argument,
                   setting + " is not set; `weir cert authority` and `weir cert issue` make it");
  }
  auto pem = co_await env::read_whole_file(core.files(), file, pem_bytes_max);
  if (!pem) co_return fail_while("reading " + setting, std::move(pem.error()));
  co_return std::move(*pem);
}

}  // namespace

env::Task<Result<FleetLink>> FleetLink::load(env::Core& core, const FleetSettings& settings) {
  WEIR_CO_TRY(const std::string certificate,
              co_await read_pem(core, "fleet.certificate_file", settings.certificate_file.get()));
  WEIR_CO_TRY(const std::string key, co_await read_pem(core, "fleet.key_file", settings.key_file.get()));
  WEIR_CO_TRY(const std::string authority,
              co_await read_pem(core, "fleet.authority_file", settings.authority_file.get()));
  FleetLink link;
  WEIR_CO_TRY(link.server, net::TlsContext::server(certificate, key, authority));
  WEIR_CO_TRY(
      link.client,
      net::TlsContext::client(
          {.trusted_pem = authority, .protocols = {"h2"}, .certificate_pem = certificate, .private_key_pem = key}));
  co_return link;
}

net::ConnectToPeer FleetLink::connect_to_directories() const {
  net::HttpClientOptions options;
  options.tls = client;
  options.response_bytes_max = map_bytes_max;
  options.responses_bytes_max = map_bytes_max;
  return net::connect_by_http2(std::move(options));
}

net::ConnectToPeer FleetLink::connect_to_nodes() const {
  net::HttpClientOptions options;
  options.tls = client;
  return net::connect_by_http2(std::move(options));
}

}  // namespace weir::cli
