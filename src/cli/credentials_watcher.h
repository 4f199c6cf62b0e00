// CredentialsWatcher: keeps the authenticators of all cores at what the credentials file says, and refuses what would
// be unsafe: listening beyond this machine with a key that everybody knows, or without checking signatures.
//
// Threading: core 0; each authenticator belongs to its core.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/authenticators.h"
#include "cli/server_settings.h"
#include "env/event.h"
#include "env/file.h"
#include "env/runtime.h"
#include "env/task_group.h"
#include "frontend/authentication/credentials.h"

namespace weir::cli {

class CredentialsWatcher {
 public:
  // Loads the credentials and begins to look for changes of the file. What is passed by reference outlives the watcher.
  // Errors: those of loading the file; invalid_argument when the address would make the well-known key or unchecked
  // requests reachable from outside.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<CredentialsWatcher>>> start(env::Runtime& runtime,
                                                                                    const ServerSettings& settings,
                                                                                    const std::string& directory);

  [[nodiscard]] frontend::Authenticator& authenticator(std::uint32_t core) noexcept {
    return authenticators_->of(core);
  }
  // One line for the person who started the server: which key to use, or where the keys are.
  [[nodiscard]] std::string greeting(const std::string& region) const;
  // Ends the watching. Once.
  [[nodiscard]] env::Task<void> stop();

 private:
  CredentialsWatcher(env::Runtime& runtime, const ServerSettings& settings, std::string path);

  [[nodiscard]] env::Task<Result<frontend::CredentialsPointer>> load();
  [[nodiscard]] Result<void> check_exposure(const frontend::CredentialSet& credentials) const;
  [[nodiscard]] env::Task<void> watch();
  [[nodiscard]] env::Task<void> reload();

  env::Core& core_;
  const ServerSettings& settings_;
  std::string path_;
  bool from_file_ = false;  // otherwise the well-known key
  env::FileStatus seen_;    // of the file when it was last read
  std::unique_ptr<Authenticators> authenticators_;
  env::TaskGroup tasks_;
  env::Event stop_;
  bool stopping_ = false;
};

}  // namespace weir::cli
