#include "cli/map_credentials.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace weir::cli {
namespace {

constexpr Duration look_interval = seconds(1);
constexpr Duration report_interval = seconds(30);

}  // namespace

MapCredentials::MapCredentials(env::Runtime& runtime, const ServerSettings& settings, std::string key_file,
                               frontend::FrontEndMetrics& metrics)
    : core_(runtime.core(0)),
      key_file_(std::move(key_file)),
      metrics_(metrics),
      authenticators_(runtime, settings,
                      std::make_shared<const frontend::CredentialSet>(frontend::CredentialSet::of({}))),
      opener_(serves_on_loopback(settings)),
      unknown_keys_looked_at_(core_.now()),
      turn_(core_),
      tasks_(core_),
      stop_(core_) {}

env::Task<Result<std::unique_ptr<MapCredentials>>> MapCredentials::start(env::Runtime& runtime,
                                                                         const ServerSettings& settings,
                                                                         std::string key_file,
                                                                         frontend::FrontEndMetrics& metrics) {
  if (!settings.credentials_file.get().empty()) {
    co_return fail(ErrorCode::invalid_argument,
                   "access keys come from server.credentials_file or, with fleet.secrets_key_file, from the directory: "
                   "set one of the two");
  }
  WEIR_CO_CHECK(check_verification(settings));
  std::unique_ptr<MapCredentials> credentials(new MapCredentials(runtime, settings, std::move(key_file), metrics));
  WEIR_CO_CHECK(co_await credentials->load_keys());
  credentials->tasks_.spawn(credentials->watch());
  co_return credentials;
}

env::Task<Result<void>> MapCredentials::load_keys() {
  const auto status = co_await core_.files().status(key_file_);
  if (!status) co_return fail_while("secrets key file " + key_file_, status.error());
  seen_ = *status;
  WEIR_CO_TRY(frontend::SecretKeys keys, co_await frontend::load_secret_keys(core_.files(), key_file_));
  keys_ = std::make_unique<const frontend::SecretKeys>(std::move(keys));
  co_return Result<void>();
}

env::Task<void> MapCredentials::apply(directory::ShardMapPointer map) {
  co_await turn_.take();
  // Maps between which no access key changed share them.
  const bool is_same = map_ != nullptr && &map_->credentials() == &map->credentials();
  map_ = std::move(map);
  if (!is_same) co_await open_and_replace(frontend::OpenAgain::changed);
  turn_.give_back();
}

env::Task<void> MapCredentials::open_and_replace(frontend::OpenAgain again) {
  frontend::OpenedCredentials opened;
  co_await core_.run_blocking([&] { opened = opener_.open(*keys_, map_->credentials(), again); });
  metrics_.credentials.set(static_cast<std::int64_t>(opened.set->size()));
  metrics_.credentials_unusable.set(static_cast<std::int64_t>(opened.unusable));
  unusable_ = opened.unusable;
  key_problem_ = std::move(opened.problem);
  if (unusable_ != 0) {
    log_error("credentials", "access keys of the shard map cannot be used; what they had here stays in force",
              {{"count", unusable_}, {"first", key_problem_}, {"key_file", key_file_}});
  }
  log_info("credentials", "access keys of the shard map are in force",
           {{"keys", opened.set->size()}, {"map", map_->version()}});
  co_await authenticators_.replace(std::move(opened.set));
}

env::Task<void> MapCredentials::watch() {
  while (!stopping_) {
    static_cast<void>(co_await stop_.wait_until(core_.now() + look_interval));
    if (stopping_) break;
    report_unknown_keys();
    const auto status = co_await core_.files().status(key_file_);
    if (status && *status != seen_) co_await reload_keys();
  }
}

// What cannot be used leaves the old keys in force, and is said once per change of the file.
env::Task<void> MapCredentials::reload_keys() {
  co_await turn_.take();
  const auto loaded = co_await load_keys();
  file_problem_ = loaded ? std::string() : loaded.error().message;
  if (loaded) {
    log_info("credentials", "the secrets keys were read again", {{"file", key_file_}, {"keys", keys_->size()}});
    if (map_ != nullptr) co_await open_and_replace(frontend::OpenAgain::all);
  } else {
    log_error("credentials", "the changed secrets key file cannot be used; the keys read before stay in force",
              {{"file", key_file_}, {"error", loaded.error().message}});
  }
  turn_.give_back();
}

std::string MapCredentials::trouble() const {
  if (!file_problem_.empty()) {
    return fmt::format("the secrets keys in {} cannot be used, those read before stay in force: {}", key_file_,
                       file_problem_);
  }
  if (unusable_ == 0) return {};
  return fmt::format("{} access keys of the shard map cannot be used with the secrets keys in {}: {}", unusable_,
                     key_file_, key_problem_);
}

// Tenants that come to the wrong fleet show here.
void MapCredentials::report_unknown_keys() {
  if (core_.now() - unknown_keys_looked_at_ < report_interval) return;
  unknown_keys_looked_at_ = core_.now();
  const std::uint64_t count = metrics_.unknown_keys.value();
  if (count == unknown_keys_reported_) return;
  log_warning("credentials", "requests with access keys that this fleet does not know were refused",
              {{"count", count - unknown_keys_reported_},
               {"seconds", std::chrono::duration_cast<seconds>(report_interval).count()}});
  unknown_keys_reported_ = count;
}

env::Task<void> MapCredentials::stop() {
  stopping_ = true;
  stop_.notify_all();
  co_await tasks_.wait();
}

}  // namespace weir::cli
