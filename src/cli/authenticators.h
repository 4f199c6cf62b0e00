// Authenticators: one for each core, all with the same credentials.
//
// Threading: core 0; each authenticator belongs to its core.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "cli/server_settings.h"
#include "env/runtime.h"
#include "env/task.h"
#include "frontend/authentication/authenticator.h"
#include "frontend/authentication/credentials.h"

namespace weir::cli {

class Authenticators {
 public:
  // `runtime` and `settings` outlive it. `credentials`: of before the first replace().
  Authenticators(env::Runtime& runtime, const ServerSettings& settings,
                 const frontend::CredentialsPointer& credentials);

  [[nodiscard]] frontend::Authenticator& of(std::uint32_t core) noexcept { return *by_core_[core]; }
  // In force on every core when it returns, on core 0. The caller sees to it that calls follow one another.
  [[nodiscard]] env::Task<void> replace(frontend::CredentialsPointer credentials);

 private:
  env::Runtime& runtime_;
  std::vector<std::unique_ptr<frontend::Authenticator>> by_core_;
};

// Whether only this machine can reach the service port.
[[nodiscard]] bool serves_on_loopback(const ServerSettings& settings);
// Errors: invalid_argument when requests are not to be checked though others than this machine can send them.
[[nodiscard]] Result<void> check_verification(const ServerSettings& settings);

}  // namespace weir::cli
