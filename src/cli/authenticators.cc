#include "cli/authenticators.h"

#include <utility>

#include "env/network.h"

namespace weir::cli {

Authenticators::Authenticators(env::Runtime& runtime, const ServerSettings& settings,
                               const frontend::CredentialsPointer& credentials)
    : runtime_(runtime) {
  const auto verification =
      settings.accept_any_credentials.get() ? frontend::Verification::accept_any : frontend::Verification::full;
  for (std::uint32_t i = 0; i < runtime.loop_count(); ++i) {
    by_core_.push_back(std::make_unique<frontend::Authenticator>(credentials, verification));
  }
}

env::Task<void> Authenticators::replace(frontend::CredentialsPointer credentials) {
  for (std::uint32_t i = 0; i < runtime_.loop_count(); ++i) {
    co_await runtime_.core(i).enter();
    by_core_[i]->replace(credentials);
  }
  co_await runtime_.core(0).enter();
}

bool serves_on_loopback(const ServerSettings& settings) {
  return env::Endpoint{.address = settings.address.get()}.is_loopback();
}

Result<void> check_verification(const ServerSettings& settings) {
  if (!settings.accept_any_credentials.get() || serves_on_loopback(settings)) return {};
  return fail(ErrorCode::invalid_argument,
              "--accept-any-credentials lets anyone in and is only for loopback, not for " + settings.address.get());
}

}  // namespace weir::cli
