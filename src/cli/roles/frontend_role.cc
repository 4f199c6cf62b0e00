#include "cli/roles/frontend_role.h"

#include <fmt/format.h>

#include "base/log.h"
#include "cli/roles/readiness.h"
#include "cli/service_tls.h"

namespace weir::cli {
namespace {

// Between two lines of the log that say why there is no map yet.
constexpr milliseconds complaint_interval{5'000};
// Between two looks whether the process shall stop, while there is no map.
constexpr milliseconds interrupt_interval{200};

}  // namespace

class FrontEndRole::FirstMap final : public directory::MapListener {
 public:
  void serve(std::unique_ptr<MapPublisher> publisher) { publisher_ = std::move(publisher); }

  env::Task<void> apply(directory::ShardMapPointer map) override {
    if (publisher_ == nullptr) co_return;
    co_await publisher_->apply(std::move(map));
  }

 private:
  std::unique_ptr<MapPublisher> publisher_;
};

std::unique_ptr<Role> make_front_end_role(const ProcessContext& context) {
  return std::make_unique<FrontEndRole>(context);
}

FrontEndRole::FrontEndRole(const ProcessContext& context)
    : context_(context),
      settings_(context.settings.fleet),
      admin_(context),
      front_end_metrics_(context.registry),
      call_rate_metrics_(context.registry),
      cell_metrics_(context.registry),
      map_metrics_(context.registry) {}

FrontEndRole::~FrontEndRole() = default;

std::string FrontEndRole::describe() const {
  return fmt::format("front end {} of fleet {} at {}", settings_.process.get(), settings_.name.get(),
                     port_ ? env::to_string(port_->local()) : "no port");
}

env::Task<Result<void>> FrontEndRole::start() {
  if (settings_.process.get().empty()) co_return fail(ErrorCode::invalid_argument, "fleet.process is not set");
  WEIR_CO_CHECK(co_await admin_.open());
  WEIR_CO_TRY(link_, co_await FleetLink::load(context_.core, settings_));
  certificates_ = std::make_unique<CertificateWatcher>(context_.core, settings_, link_);
  certificates_->start();
  WEIR_CO_TRY(directories_, parse_endpoints("fleet.directories", settings_.directories.get()));
  WEIR_CO_CHECK(co_await load_credentials());
  cells_ = std::make_unique<cell::RemoteCell>(context_.runtime, context_.core, link_.connect_to_nodes(),
                                              context_.settings.remote_cell, cell_metrics_);
  make_follower();
  admin_.health().set_look([this] { return look(); });
  if (const auto saved = co_await follower_->start_from_saved_map(); saved) {
    log_info("frontend", "starts from the saved map",
             {{"version", follower_->map()->version()},
              {"age_s", std::chrono::duration_cast<seconds>(follower_->age()).count()}});
  } else if (saved.error().code != ErrorCode::not_found) {
    log_warning("frontend", "the saved map is of no use", {{"reason", saved.error().message}});
  }
  make_call_rates();
  follower_->start();
  follows_ = true;
  co_await wait_for_map();
  if (follower_->map() == nullptr) co_return fail(ErrorCode::closed, "told to stop before there was a shard map");
  WEIR_CO_CHECK(make_front_ends());
  co_await first_map_->apply(follower_->map());
  WEIR_CO_CHECK(co_await open_ports());
  missing_.clear();
  co_return Result<void>{};
}

env::Task<frontend::Readiness> FrontEndRole::look() const {
  co_return readiness_of_front_end({.map = follower_->status(),
                                    .missing = missing_,
                                    .credentials = map_credentials_ ? map_credentials_->trouble() : std::string()});
}

env::Task<Result<void>> FrontEndRole::load_credentials() {
  const std::string& key_file = settings_.secrets_key_file.get();
  if (key_file.empty()) {
    WEIR_CO_TRY(file_credentials_,
                co_await CredentialsWatcher::start(context_.runtime, context_.settings.server, context_.directory));
  } else {
    WEIR_CO_TRY(map_credentials_, co_await MapCredentials::start(context_.runtime, context_.settings.server, key_file,
                                                                 front_end_metrics_));
  }
  co_return Result<void>{};
}

frontend::Authenticator& FrontEndRole::authenticator(std::uint32_t core) noexcept {
  return map_credentials_ ? map_credentials_->authenticator(core) : file_credentials_->authenticator(core);
}

void FrontEndRole::make_follower() {
  directory::MapFollowerOptions options;
  options.name = settings_.process.get();
  options.kind = directory::FollowerKind::front_end;
  options.slice = directory::MapSlice::of_fleet(settings_.name.get());
  options.directories = [this] { return directories_; };
  options.file = context_.directory + "/map";
  options.report = [this] { return admin_.watch().report(); };
  follower_ = std::make_unique<directory::MapFollower>(context_.core, link_.connect_to_directories(),
                                                       std::move(options), map_metrics_);
  first_map_ = std::make_unique<FirstMap>();
  follower_->add_listener(*cells_);
  follower_->add_listener(*first_map_);
  // Last, so that nobody is let in before his streams are known.
  if (map_credentials_) follower_->add_listener(*map_credentials_);
  directory_ = std::make_unique<directory::RemoteDirectory>(
      context_.runtime.loop_count(), link_.connect_to_directories(),
      directory::RemoteDirectoryOptions{
          .directories = directories_,
          .wait_for_map = [this](env::Core& caller, std::uint64_t version, MonotonicTime deadline) {
            return follower_->wait_for_version(caller, version, deadline);
          }});
}

void FrontEndRole::make_call_rates() {
  frontend::FleetCallRatesOptions options;
  options.process = settings_.process.get();
  options.fleet = settings_.name.get();
  options.directories = directories_;
  options.cores = context_.runtime.loop_count();
  options.wait_max = context_.settings.frontend.call_rates_wait_max.get();
  options.front_ends_assumed = static_cast<std::uint32_t>(context_.settings.frontend.front_ends_assumed.get());
  call_rates_ = std::make_unique<frontend::FleetCallRates>(context_.core, link_.connect_to_directories(),
                                                           std::move(options), call_rate_metrics_);
  call_rates_->start();
}

env::Task<void> FrontEndRole::wait_for_map() {
  MonotonicTime complain = context_.core.now() + complaint_interval;
  while (follower_->map() == nullptr && !interrupted_) {
    const MonotonicTime until = context_.core.now() + interrupt_interval;
    if (co_await follower_->wait_for_version(context_.core, 0, until)) co_return;
    if (context_.core.now() < complain) continue;
    complain += complaint_interval;
    log_warning(
        "frontend", "no shard map yet; serves nothing until there is one",
        {{"directory", env::to_string(follower_->status().directory)}, {"reason", follower_->status().last_error}});
  }
}

Result<void> FrontEndRole::make_front_ends() {
  const auto& key = follower_->map()->token_key();
  if (!key) return fail(ErrorCode::corrupt, "the shard map has no key for tokens");
  services_ = std::make_unique<frontend::Services>(frontend::Services{
      .cell = *cells_,
      .directory = *directory_,
      .call_rates = *call_rates_,
      .settings = context_.settings.frontend,
      .quotas = context_.settings.directory,
      .metrics = front_end_metrics_,
      .account_connections_max = context_.settings.frontend.account_connections_max(
          context_.settings.net.connections_max.get(), context_.runtime.core_count()),
      .account_connections_in_background_max =
          context_.settings.frontend.account_connections_max(context_.settings.net.connections_max.get(), 1),
      .enforce_rates = context_.settings.cell.enforce_rates.get(),
  });
  front_ends_ = std::make_unique<FrontEnds>(
      context_.runtime, *services_, [this](std::uint32_t core) -> auto& { return authenticator(core); }, *key);
  first_map_->serve(front_ends_->make_publisher(context_.core));
  return {};
}

env::Task<Result<void>> FrontEndRole::open_ports() {
  const ServerSettings& settings = context_.settings.server;
  auto port = co_await net::HttpServer::start(
      context_.core, front_ends_->serving(), admin_.http(),
      {.endpoint = {.address = settings.address.get(), .port = static_cast<std::uint16_t>(settings.port.get())},
       .background = front_ends_->background()});
  if (!port) co_return fail_while("opening the service port (--port chooses another)", std::move(port.error()));
  port_ = std::move(*port);
  if (!settings.tls_enabled.get()) co_return Result<void>{};

  auto loaded = co_await load_service_tls(context_.core, settings, context_.directory);
  if (!loaded) co_return fail_while("loading the TLS certificate", std::move(loaded.error()));
  auto tls_port = co_await net::HttpServer::start(
      context_.core, front_ends_->serving(), admin_.http(),
      {.endpoint = {.address = settings.address.get(), .port = static_cast<std::uint16_t>(settings.tls_port.get())},
       .background = front_ends_->background(),
       .tls = std::move(loaded->context)});
  if (!tls_port) co_return fail_while("opening the TLS port (--tls-port chooses another)", std::move(tls_port.error()));
  tls_port_ = std::move(*tls_port);
  co_return Result<void>{};
}

env::Task<void> FrontEndRole::stop() {
  admin_.drain();
  const Duration grace = context_.settings.server.drain_time_max.get();
  if (port_) co_await port_->stop(grace);
  if (tls_port_) co_await tls_port_->stop(grace);
  if (follows_) co_await follower_->stop();
  if (call_rates_) co_await call_rates_->stop();
  if (directory_) {
    for (std::uint32_t i = 0; i < context_.runtime.loop_count(); ++i) {
      co_await context_.runtime.core(i).enter();
      co_await directory_->stop(context_.runtime.core(i));
    }
    co_await context_.core.enter();
  }
  if (cells_) co_await cells_->stop();
  if (map_credentials_) co_await map_credentials_->stop();
  if (file_credentials_) co_await file_credentials_->stop();
  if (certificates_) co_await certificates_->stop();
  co_await admin_.close();
}

}  // namespace weir::cli
