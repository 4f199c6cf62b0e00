// `weir cert`: a self-signed certificate and its key.
#include <cstdio>

#include "cli/commands.h"
#include "env/file.h"
#include "env/runtime.h"
#include "net/tls_certificate.h"

namespace weir::cli {
namespace {

env::Task<int> make_certificate(env::Core& core, CertificateOptions options) {
  const WallTime now = core.wall_now();
  const auto pem = net::make_self_signed_certificate(
      {.names = options.names, .valid_from = now - hours(1), .valid_until = now + hours(24) * options.days});
  if (!pem) {
    std::fprintf(stderr, "weir cert: %s\n", pem.error().message.c_str());
    co_return exit_failed;
  }
  Result<void> written =
      co_await env::replace_file(core.files(), options.key_file, pem->private_key, 0600);
  if (written) written = co_await env::replace_file(core.files(), options.certificate_file, pem->certificate, 0644);
  if (!written) {
    std::fprintf(stderr, "weir cert: %s\n", written.error().message.c_str());
    co_return exit_failed;
  }
  std::printf("certificate  %s\nkey          %s\n", options.certificate_file.c_str(), options.key_file.c_str());
  co_return exit_done;
}

}  // namespace

int certificate(const CertificateOptions& options) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  return runtime->run([&] { return make_certificate(runtime->core(0), options); });
}

}  // namespace weir::cli
