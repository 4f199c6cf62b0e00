#include "cli/server.h"

#include "base/log.h"
#include "cell/lane/lane_count.h"
#include "cli/roles/readiness.h"
#include "cli/service_tls.h"
#include "env/file.h"
#include "metastore/sqlite_metastore.h"

namespace weir::cli {
namespace {

env::Endpoint endpoint_of(const Setting<std::string>& address, const Setting<std::uint64_t>& port) {
  return {.address = address.get(), .port = static_cast<std::uint16_t>(port.get())};
}

}  // namespace

Server::Server(env::Runtime& runtime, const AllSettings& settings, MetricsRegistry& registry, std::string directory)
    : runtime_(runtime),
      core_(runtime.core(0)),
      settings_(settings),
      registry_(registry),
      directory_path_(std::move(directory)),
      http_metrics_(registry),
      http_(settings.net, http_metrics_),
      front_end_metrics_(registry),
      call_rate_metrics_(registry),
      directory_metrics_(registry),
      journal_metrics_(registry),
      call_rates_(core_, call_rate_metrics_),
      admin_handler_(registry, health_),
      process_metrics_(registry),
      watch_(core_, health_, process_metrics_) {}

Server::~Server() = default;

env::Task<Result<std::unique_ptr<Server>>> Server::start(env::Runtime& runtime, const AllSettings& settings,
                                                         MetricsRegistry& registry, std::string directory) {
  std::unique_ptr<Server> server(new Server(runtime, settings, registry, std::move(directory)));
  Result<void> started = co_await server->open_storage();
  if (started) started = co_await server->open_front_ends();
  if (started) started = co_await server->open_admin_port();
  if (started) started = co_await server->open_ports();
  if (!started) {
    co_await server->stop();
    co_return std::unexpected(std::move(started.error()));
  }
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): health_ keeps it longer than it looks.
  server->health_.set_look([cell = server->cell_.get()]() -> env::Task<frontend::Readiness> {
    co_return readiness_of_server(co_await cell->reports());
  });
  server->watch_.start();
  co_return server;
}

env::Task<Result<void>> Server::open_storage() {
  auto lock = co_await core_.files().lock(directory_path_ + "/lock");
  if (!lock) {
    co_return fail_while("the data directory " + directory_path_ + " is in use by another process", lock.error());
  }
  lock_ = std::move(*lock);

  auto lanes =
      co_await cell::fix_lane_count(core_, directory_path_, settings_.cell.lanes_wanted(runtime_.core_count()));
  if (!lanes) co_return fail_while("reading the number of lanes", lanes.error());
  auto metastore = co_await metastore::open_sqlite_metastore(core_, directory_path_ + "/metadata.sqlite");
  if (!metastore) co_return fail_while("opening the metadata store", metastore.error());
  metastore_ = std::move(*metastore);
  auto directory =
      co_await directory::Directory::open(core_, *metastore_, *lanes, settings_.directory, directory_metrics_);
  if (!directory) co_return fail_while("loading the directory", directory.error());
  directory_ = std::move(*directory);
  directory_client_ = std::make_unique<directory::LocalDirectory>(core_, *directory_);

  cell_metrics_ = std::make_unique<cell::CellMetrics>(registry_, *lanes);
  cell::LaneAccess access{.claim_epoch = [this](LaneId lane) { return directory_->claim_lane(lane); },
                          .open_store = cell::open_file_stores(
                              directory_path_, static_cast<std::uint32_t>(settings_.journal.open_files_max.get()))};
  cell_context_ = std::make_unique<cell::CellContext>(cell::CellContext{.settings = settings_.cell,
                                                                        .journal_settings = settings_.journal,
                                                                        .metrics = *cell_metrics_,
                                                                        .journal_metrics = journal_metrics_});
  auto cell = co_await cell::LocalCell::open(runtime_, core_, *lanes, std::move(access), *cell_context_);
  if (!cell) co_return fail_while("recovering the lanes", cell.error());
  cell_ = std::move(*cell);
  co_return Result<void>();
}

env::Task<Result<void>> Server::open_front_ends() {
  auto credentials = co_await CredentialsWatcher::start(runtime_, settings_.server, directory_path_);
  if (!credentials) co_return std::unexpected(std::move(credentials.error()));
  credentials_ = std::move(*credentials);
  services_ = std::make_unique<frontend::Services>(frontend::Services{
      .cell = *cell_,
      .directory = *directory_client_,
      .call_rates = call_rates_,
      .settings = settings_.frontend,
      .quotas = settings_.directory,
      .metrics = front_end_metrics_,
      .account_connections_max =
          settings_.frontend.account_connections_max(settings_.net.connections_max.get(), runtime_.core_count()),
      .account_connections_in_background_max =
          settings_.frontend.account_connections_max(settings_.net.connections_max.get(), 1),
      .enforce_rates = settings_.cell.enforce_rates.get(),
  });
  front_ends_ = std::make_unique<FrontEnds>(
      runtime_, *services_, [this](std::uint32_t core) -> auto& { return credentials_->authenticator(core); },
      directory_->token_key());
  publisher_ = front_ends_->make_publisher(core_);
  directory_->add_listener(*cell_);
  directory_->add_listener(*publisher_);
  directory_started_ = true;
  co_await directory_->start(*cell_);
  co_return Result<void>();
}

env::Task<Result<void>> Server::open_admin_port() {
  auto admin = co_await net::HttpServer::start(
      core_, {{.core = core_, .handler = admin_handler_}}, http_,
      {.endpoint = endpoint_of(settings_.server.admin_address, settings_.server.admin_port)});
  if (!admin) co_return fail_while("opening the admin port (--admin-port chooses another)", admin.error());
  admin_ = std::move(*admin);
  co_return Result<void>();
}

env::Task<Result<void>> Server::open_ports() {
  auto plain =
      co_await net::HttpServer::start(core_, front_ends_->serving(), http_,
                                      {.endpoint = endpoint_of(settings_.server.address, settings_.server.port),
                                       .background = front_ends_->background()});
  if (!plain) co_return fail_while("opening the service port (--port chooses another)", plain.error());
  plain_ = std::move(*plain);
  if (!settings_.server.tls_enabled.get()) co_return Result<void>();

  auto loaded = co_await load_service_tls(core_, settings_.server, directory_path_);
  if (!loaded) co_return fail_while("loading the TLS certificate", loaded.error());
  tls_certificate_file_ = std::move(loaded->certificate_file);
  auto tls =
      co_await net::HttpServer::start(core_, front_ends_->serving(), http_,
                                      {.endpoint = endpoint_of(settings_.server.address, settings_.server.tls_port),
                                       .background = front_ends_->background(),
                                       .tls = std::move(loaded->context)});
  if (!tls) co_return fail_while("opening the TLS port (--tls-port chooses another)", tls.error());
  tls_ = std::move(*tls);
  co_return Result<void>();
}

env::Task<void> Server::stop() {
  health_.set_draining();
  co_await watch_.stop();
  const Duration grace = settings_.server.drain_time_max.get();
  if (plain_) co_await plain_->stop(grace);
  if (tls_) co_await tls_->stop(grace);
  if (directory_started_) co_await directory_->stop();
  if (cell_) co_await cell_->stop();
  if (credentials_) co_await credentials_->stop();
  if (metastore_) co_await metastore_->close();
  if (admin_) co_await admin_->stop(Duration::zero());
}

}  // namespace weir::cli
