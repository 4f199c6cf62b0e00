#include "cli/roles/certificate_watcher.h"

#include <algorithm>

#include "base/log.h"

namespace weir::cli {
namespace {

constexpr seconds look_interval{1};

bool is_same(const env::FileStatus& a, const env::FileStatus& b) noexcept {
  return a.modified == b.modified && a.size_bytes == b.size_bytes && a.permissions == b.permissions;
}

}  // namespace

CertificateWatcher::CertificateWatcher(env::Core& core, const FleetSettings& settings, const FleetLink& link)
    : core_(core), settings_(settings), link_(link), stop_(core), tasks_(core) {}

CertificateWatcher::~CertificateWatcher() = default;

void CertificateWatcher::start() { tasks_.spawn(watch()); }

env::Task<void> CertificateWatcher::stop() {
  stopping_ = true;
  stop_.notify_all();
  co_await tasks_.wait();
}

env::Task<CertificateWatcher::Files> CertificateWatcher::look() const {
  Files files;
  const std::array<std::string, 3> paths{settings_.certificate_file.get(), settings_.key_file.get(),
                                         settings_.authority_file.get()};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (const auto status = co_await core_.files().status(paths[i]); status) files[i] = *status;
  }
  co_return files;
}

env::Task<void> CertificateWatcher::watch() {
  Files seen = co_await look();
  bool retry = false;
  while (!stopping_) {
    static_cast<void>(co_await stop_.wait_until(core_.now() + look_interval));
    if (stopping_) co_return;
    const Files now = co_await look();
    if (!retry && std::ranges::equal(now, seen, is_same)) continue;
    seen = now;
    co_await reload();
    retry = !complained_of_.empty();
  }
}

env::Task<void> CertificateWatcher::reload() {
  auto loaded = co_await FleetLink::load(core_, settings_);
  Result<void> done;
  if (!loaded) {
    done = std::unexpected(std::move(loaded.error()));
  } else {
    done = link_.server->succeed_by(loaded->server);
    if (done) done = link_.client->succeed_by(loaded->client);
  }
  if (!done) {
    if (done.error().message != complained_of_) {
      log_error("fleet", "the changed certificate files cannot be used; those read before stay in force",
                {{"error", done.error().message}});
    }
    complained_of_ = done.error().message;
    co_return;
  }
  complained_of_.clear();
  log_info("fleet", "certificate files read again", {{"file", settings_.certificate_file.get()}});
}

}  // namespace weir::cli
