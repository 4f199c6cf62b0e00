// MapCredentials: keeps the authenticators of all cores at what the shard map says. It opens the map's access keys with
// the keys in fleet.secrets_key_file, which is read again when it changes.
//
// Threading: core 0.
#pragma once

#include <memory>
#include <string>

#include "cli/authenticators.h"
#include "directory/map/map_listener.h"
#include "env/event.h"
#include "env/file.h"
#include "env/runtime.h"
#include "env/task_group.h"
#include "env/turn.h"
#include "frontend/authentication/map_credentials.h"
#include "frontend/metrics.h"

namespace weir::cli {

class MapCredentials final : public directory::MapListener {
 public:
  // Reads the keys and begins to look for changes of their file. What is passed by reference outlives it. Errors: those
  // of reading the file; invalid_argument for a credentials file beside it, and for unchecked requests that others than
  // this machine can send.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<MapCredentials>>> start(env::Runtime& runtime,
                                                                                const ServerSettings& settings,
                                                                                std::string key_file,
                                                                                frontend::FrontEndMetrics& metrics);

  // The access keys of the map are in force on every core when it returns.
  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override;
  [[nodiscard]] frontend::Authenticator& authenticator(std::uint32_t core) noexcept { return authenticators_.of(core); }
  // In a sentence, which access keys of the map cannot be used, or what is wrong with the keys' file; empty: nothing.
  [[nodiscard]] std::string trouble() const;
  // Once.
  [[nodiscard]] env::Task<void> stop();

 private:
  MapCredentials(env::Runtime& runtime, const ServerSettings& settings, std::string key_file,
                 frontend::FrontEndMetrics& metrics);

  [[nodiscard]] env::Task<Result<void>> load_keys();
  // In turn.
  [[nodiscard]] env::Task<void> open_and_replace(frontend::OpenAgain again);
  [[nodiscard]] env::Task<void> watch();
  [[nodiscard]] env::Task<void> reload_keys();
  void report_unknown_keys();

  env::Core& core_;
  const std::string key_file_;
  frontend::FrontEndMetrics& metrics_;
  Authenticators authenticators_;
  frontend::CredentialOpener opener_;
  std::unique_ptr<const frontend::SecretKeys> keys_;
  env::FileStatus seen_;            // of the file when it was last read
  directory::ShardMapPointer map_;  // whose access keys are in force
  std::string file_problem_;        // of the newest key file; empty: it was read
  std::size_t unusable_ = 0;        // access keys of the map
  std::string key_problem_;         // of one of them
  std::uint64_t unknown_keys_reported_ = 0;
  MonotonicTime unknown_keys_looked_at_;
  env::Turn turn_;
  env::TaskGroup tasks_;
  env::Event stop_;
  bool stopping_ = false;
};

}  // namespace weir::cli
