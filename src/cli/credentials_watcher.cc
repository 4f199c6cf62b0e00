#include "cli/credentials_watcher.h"

#include "base/log.h"

namespace weir::cli {
namespace {

constexpr Duration look_interval = seconds(1);

}  // namespace

CredentialsWatcher::CredentialsWatcher(env::Runtime& runtime, const ServerSettings& settings, std::string path)
    : core_(runtime.core(0)), settings_(settings), path_(std::move(path)), tasks_(core_), stop_(core_) {}

env::Task<Result<std::unique_ptr<CredentialsWatcher>>> CredentialsWatcher::start(env::Runtime& runtime,
                                                                                 const ServerSettings& settings,
                                                                                 const std::string& directory) {
  const std::string& named = settings.credentials_file.get();
  std::unique_ptr<CredentialsWatcher> watcher(
      new CredentialsWatcher(runtime, settings, named.empty() ? directory + "/credentials.toml" : named));
  WEIR_CO_TRY(const frontend::CredentialsPointer credentials, co_await watcher->load());
  WEIR_CO_CHECK(watcher->check_exposure(*credentials));
  watcher->authenticators_ = std::make_unique<Authenticators>(runtime, settings, credentials);
  watcher->tasks_.spawn(watcher->watch());
  co_return watcher;
}

// The named file must exist; the one in the data directory need not.
env::Task<Result<frontend::CredentialsPointer>> CredentialsWatcher::load() {
  const auto status = co_await core_.files().status(path_);
  if (!status && status.error().code == ErrorCode::not_found && settings_.credentials_file.get().empty()) {
    from_file_ = false;
    seen_ = {};
    co_return std::make_shared<const frontend::CredentialSet>(frontend::CredentialSet::well_known());
  }
  if (!status) co_return fail_while("reading the credentials file", status.error());
  seen_ = *status;
  from_file_ = true;
  co_return co_await frontend::load_credentials(core_.files(), path_);
}

Result<void> CredentialsWatcher::check_exposure(const frontend::CredentialSet& credentials) const {
  WEIR_CHECK(check_verification(settings_));
  if (!serves_on_loopback(settings_) && credentials.has_well_known_key()) {
    return fail(ErrorCode::invalid_argument,
                "address " + settings_.address.get() +
                    " can be reached from outside, and the access key \"test\" is known to everyone: put other keys "
                    "into " +
                    path_ + " (mode 0600), or serve on 127.0.0.1");
  }
  return {};
}

env::Task<void> CredentialsWatcher::watch() {
  while (!stopping_) {
    static_cast<void>(co_await stop_.wait_until(core_.now() + look_interval));
    if (stopping_) break;
    const auto status = co_await core_.files().status(path_);
    const bool changed = status ? !from_file_ || *status != seen_ : from_file_;
    if (changed) co_await reload();
  }
}

// What cannot be used leaves the old credentials in force, and is said once per change of the file.
env::Task<void> CredentialsWatcher::reload() {
  const bool had_file = from_file_;
  if (const auto status = co_await core_.files().status(path_); !status && had_file) {
    log_warning("credentials", "the file is gone; the keys read from it stay in force", {{"file", path_}});
    from_file_ = false;
    seen_ = {};
    co_return;
  }
  auto loaded = co_await load();
  if (loaded) {
    if (const Result<void> safe = check_exposure(**loaded); !safe) loaded = std::unexpected(safe.error());
  }
  if (!loaded) {
    log_error("credentials", "the changed file cannot be used; the keys read before stay in force",
              {{"file", path_}, {"error", loaded.error().message}});
    co_return;
  }
  co_await authenticators_->replace(*loaded);
  log_info("credentials", "read again", {{"file", path_}, {"keys", (*loaded)->size()}});
}

std::string CredentialsWatcher::greeting(const std::string& region) const {
  if (settings_.accept_any_credentials.get()) {
    return "any (signatures are not checked), for example: export AWS_ACCESS_KEY_ID=test "
           "AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=" +
           region;
  }
  if (from_file_) return "the keys in " + path_;
  return "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=" + region;
}

env::Task<void> CredentialsWatcher::stop() {
  stopping_ = true;
  stop_.notify_all();
  co_await tasks_.wait();
}

}  // namespace weir::cli
