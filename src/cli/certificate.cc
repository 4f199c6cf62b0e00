// `weir cert`: a self-signed certificate and its key; the authority of a fleet, what it signs, and the key of its
// secrets.
#include <cstdio>

#include "cli/commands.h"
#include "env/file.h"
#include "env/runtime.h"
#include "frontend/authentication/secret_keys.h"
#include "net/tls/tls_certificate.h"

namespace weir::cli {
namespace {

// Clocks of a fleet differ a little.
constexpr hours validity_before_now{1};
constexpr std::string_view authority_name = "authority";
constexpr std::uint64_t pem_bytes_max = 64 * kibibyte;

struct PairFiles {
  std::string certificate;
  std::string key;
};

PairFiles files_of(const std::string& directory, std::string_view name) {
  const std::string stem = directory + "/" + std::string(name);
  return {.certificate = stem + ".pem", .key = stem + "-key.pem"};
}

env::Task<Result<void>> write_pair(env::FileSystem& files, PairFiles paths, net::CertificatePem pem) {
  WEIR_CO_CHECK(co_await env::replace_file(files, paths.key, pem.private_key, 0600));
  WEIR_CO_CHECK(co_await env::replace_file(files, paths.certificate, pem.certificate, 0644));
  std::printf("certificate  %s\nkey          %s\n", paths.certificate.c_str(), paths.key.c_str());
  co_return Result<void>();
}

env::Task<Result<void>> make_self_signed(env::Core& core, CertificateOptions options) {
  const WallTime now = core.wall_now();
  WEIR_CO_TRY(net::CertificatePem pem,
              net::make_self_signed_certificate({.names = options.names,
                                                 .valid_from = now - validity_before_now,
                                                 .valid_until = now + hours(24) * options.days}));
  co_return co_await write_pair(core.files(), {.certificate = options.certificate_file, .key = options.key_file},
                                std::move(pem));
}

env::Task<Result<void>> make_authority(env::Core& core, AuthorityOptions options) {
  const PairFiles paths = files_of(options.directory, authority_name);
  for (const std::string& path : {paths.key, paths.certificate}) {
    const auto status = co_await core.files().status(path);
    if (status.has_value()) co_return fail(ErrorCode::already_exists, path + " is there already");
    if (status.error().code != ErrorCode::not_found) co_return std::unexpected(status.error());
  }
  const WallTime now = core.wall_now();
  WEIR_CO_TRY(net::CertificatePem pem,
              net::make_certificate_authority(options.name, now - validity_before_now, now + hours(24) * options.days));
  WEIR_CO_CHECK(co_await core.files().create_directories(options.directory));
  co_return co_await write_pair(core.files(), paths, std::move(pem));
}

env::Task<Result<void>> issue(env::Core& core, IssueOptions options) {
  if (options.name == authority_name || options.name.starts_with('.') || options.name.starts_with('*')) {
    co_return fail(ErrorCode::invalid_argument, "'" + options.name + "' cannot be the name of a process");
  }
  const PairFiles authority_paths = files_of(options.authority_directory, authority_name);
  net::CertificatePem authority;
  WEIR_CO_TRY(authority.certificate,
              co_await env::read_whole_file(core.files(), authority_paths.certificate, pem_bytes_max));
  WEIR_CO_TRY(authority.private_key, co_await env::read_whole_file(core.files(), authority_paths.key, pem_bytes_max));
  std::vector<std::string> names{options.name};
  names.insert(names.end(), options.addresses.begin(), options.addresses.end());
  const WallTime now = core.wall_now();
  WEIR_CO_TRY(net::CertificatePem pem, net::issue_certificate(authority, {.names = std::move(names),
                                                                          .valid_from = now - validity_before_now,
                                                                          .valid_until = now + hours(24) * options.days,
                                                                          .role = options.role}));
  WEIR_CO_CHECK(co_await core.files().create_directories(options.directory));
  co_return co_await write_pair(core.files(), files_of(options.directory, options.name), std::move(pem));
}

env::Task<Result<void>> make_secrets_key(env::Core& core, SecretsKeyOptions options) {
  const auto status = co_await core.files().status(options.file);
  if (status.has_value()) co_return fail(ErrorCode::already_exists, options.file + " is there already");
  if (status.error().code != ErrorCode::not_found) co_return std::unexpected(status.error());
  WEIR_CO_CHECK(co_await env::replace_file(core.files(), options.file, frontend::make_secret_key_file(core), 0600));
  std::printf("secrets key  %s\n", options.file.c_str());
  co_return Result<void>();
}

template <class Options>
env::Task<int> report(env::Core& core, env::Task<Result<void>> (*work)(env::Core&, Options), Options options) {
  const Result<void> done = co_await work(core, std::move(options));
  if (done.has_value()) co_return exit_done;
  std::fprintf(stderr, "weir cert: %s\n", done.error().message.c_str());
  co_return exit_failed;
}

template <class Options>
int run(env::Task<Result<void>> (*work)(env::Core&, Options), const Options& options) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  return runtime->run([&] { return report<Options>(runtime->core(0), work, options); });
}

}  // namespace

int certificate(const CertificateOptions& options) { return run(&make_self_signed, options); }

int certificate_authority(const AuthorityOptions& options) { return run(&make_authority, options); }

int secrets_key(const SecretsKeyOptions& options) { return run(&make_secrets_key, options); }

int issue_certificate(const IssueOptions& options) { return run(&issue, options); }

}  // namespace weir::cli
