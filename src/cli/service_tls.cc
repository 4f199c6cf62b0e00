#include "cli/service_tls.h"

#include "base/bytes.h"
#include "base/log.h"
#include "env/file.h"
#include "net/tls/tls_certificate.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t pem_bytes_max = 256 * kibibyte;
constexpr std::uint32_t self_signed_days = 365;

env::Task<Result<void>> make_certificate(env::Core& core, std::string certificate_file, std::string key_file) {
  const WallTime now = core.wall_now();
  WEIR_CO_TRY(const net::CertificatePem pem,
              net::make_self_signed_certificate(
                  {.valid_from = now - hours(1), .valid_until = now + hours(24) * self_signed_days}));
  WEIR_CO_CHECK(co_await env::replace_file(core.files(), key_file, pem.private_key, 0600));
  WEIR_CO_CHECK(co_await env::replace_file(core.files(), certificate_file, pem.certificate, 0644));
  log_info("server", "made a self-signed certificate", {{"file", certificate_file}, {"days", self_signed_days}});
  co_return Result<void>();
}

}  // namespace

env::Task<Result<ServiceTls>> load_service_tls(env::Core& core, const ServerSettings& settings,
                                               const std::string& directory) {
  std::string certificate_file = settings.tls_certificate_file.get();
  std::string key_file = settings.tls_key_file.get();
  if (certificate_file.empty() != key_file.empty()) {
    co_return fail(ErrorCode::invalid_argument, "--tls-cert and --tls-key go together");
  }
  if (certificate_file.empty()) {
    certificate_file = directory + "/tls-certificate.pem";
    key_file = directory + "/tls-key.pem";
    const auto existing = co_await core.files().status(certificate_file);
    if (!existing) WEIR_CO_CHECK(co_await make_certificate(core, certificate_file, key_file));
  }
  WEIR_CO_TRY(const std::string certificate,
              co_await env::read_whole_file(core.files(), certificate_file, pem_bytes_max));
  WEIR_CO_TRY(const std::string key, co_await env::read_whole_file(core.files(), key_file, pem_bytes_max));
  WEIR_CO_TRY(auto context, net::TlsContext::server(certificate, key));
  co_return ServiceTls{.context = std::move(context), .certificate_file = std::move(certificate_file)};
}

}  // namespace weir::cli
