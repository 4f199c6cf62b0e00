#include "cli/roles/directory_role.h"

#include <fmt/format.h>

#include "base/log.h"
#include "cli/roles/fleet_status.h"
#include "cli/roles/readiness.h"
#include "metastore/etcd_metastore.h"

namespace weir::cli {
namespace {

// Every lane that a fleet can have; those of cells that are defined are used.
constexpr std::uint32_t fleet_lanes = directory::cells_max * directory::lanes_per_cell_max;

constexpr milliseconds retry_pause{500};

}  // namespace

struct DirectoryRole::Leading {
  std::unique_ptr<cell::RemoteCell> cells;
  std::unique_ptr<directory::Directory> directory;
  std::unique_ptr<directory::FleetLeader> fleet;
  bool directory_started = false;
};

std::unique_ptr<Role> make_directory_role(const ProcessContext& context) {
  return std::make_unique<DirectoryRole>(context);
}

DirectoryRole::DirectoryRole(const ProcessContext& context)
    : context_(context),
      settings_(context.settings.fleet),
      admin_(context),
      cell_metrics_(context.registry),
      directory_metrics_(context.registry),
      map_metrics_(context.registry),
      rate_metrics_(context.registry),
      tasks_(context.core),
      stop_(context.core) {}

DirectoryRole::~DirectoryRole() = default;

std::string DirectoryRole::describe() const {
  return fmt::format("directory {} at {}:{}", settings_.process.get(), settings_.address.get(), settings_.port.get());
}

env::Task<Result<void>> DirectoryRole::start() {
  if (settings_.process.get().empty()) co_return fail(ErrorCode::invalid_argument, "fleet.process is not set");
  WEIR_CO_CHECK(co_await admin_.open());
  WEIR_CO_TRY(link_, co_await FleetLink::load(context_.core, settings_));
  certificates_ = std::make_unique<CertificateWatcher>(context_.core, settings_, link_);
  certificates_->start();
  admin_.health().set_starting("connecting to etcd at " + settings_.etcd.get());
  WEIR_CO_CHECK(co_await open_store());
  make_map_parts();
  if (const auto saved = co_await follower_->start_from_saved_map();
      !saved && saved.error().code != ErrorCode::not_found) {
    log_warning("directory", "the saved map is of no use", {{"reason", saved.error().message}});
  }
  WEIR_CO_CHECK(co_await open_port());
  election_->start();
  follower_->start();
  tasks_.spawn(lead_when_elected());
  admin_.health().set_look([this] { return look(); });
  co_return Result<void>{};
}

env::Task<frontend::Readiness> DirectoryRole::look() const {
  const directory::ShardMapPointer& newest = source_->newest();
  co_return readiness_of_directory({.directory = settings_.process.get(),
                                    .map = newest ? std::optional(newest->id()) : std::nullopt,
                                    .leads = election_->is_leader(),
                                    .leader = election_->leader(),
                                    .etcd = settings_.etcd.get(),
                                    .etcd_error = election_->last_error(),
                                    .follows = follower_->status()});
}

env::Task<Result<void>> DirectoryRole::open_store() {
  metastore::EtcdOptions options;
  WEIR_CO_TRY(options.endpoints, parse_endpoints("fleet.etcd", settings_.etcd.get()));
  options.prefix = settings_.etcd_prefix.get();
  auto store = co_await metastore::open_etcd_metastore(context_.core, std::move(options));
  if (!store) co_return fail_while("opening etcd", std::move(store.error()));
  store_ = std::move(*store);
  election_ = std::make_unique<directory::LeaderElection>(
      context_.core, *store_,
      directory::LeaderElectionOptions{
          .name = settings_.process.get(),
          .endpoint = {.address = settings_.address.get(), .port = static_cast<std::uint16_t>(settings_.port.get())}});
  co_return Result<void>{};
}

std::optional<env::Endpoint> DirectoryRole::leader() const {
  const auto view = election_->leader();
  return view ? std::optional(view->endpoint) : std::nullopt;
}

void DirectoryRole::make_map_parts() {
  source_ = std::make_unique<directory::MapSource>(context_.core, directory::MapSourceOptions{}, map_metrics_);
  commands_ = std::make_unique<directory::CommandHandler>(context_.core, [this] { return leader(); });
  rates_ = std::make_unique<directory::RateHandler>(
      context_.core,
      directory::RateHandler::Leadership{.is_leader = [this] { return election_->is_leader(); },
                                         .leader = [this] { return leader(); }},
      rate_metrics_);
  directory::MapFollowerOptions options;
  options.name = settings_.process.get();
  options.kind = directory::FollowerKind::directory;
  options.directories = [this] {
    std::vector<env::Endpoint> whom;
    if (const auto leading = leader(); leading && !election_->is_leader()) whom.push_back(*leading);
    return whom;
  };
  options.file = context_.directory + "/map";
  options.report = [this] { return admin_.watch().report(); };
  options.poll_wait = seconds(2);
  follower_ = std::make_unique<directory::MapFollower>(context_.core, link_.connect_to_directories(),
                                                       std::move(options), map_metrics_);
  follower_->add_listener(*source_);
  source_->set_age([this] { return election_->is_leader() ? Duration::zero() : follower_->age(); });
}

env::Task<Result<void>> DirectoryRole::open_port() {
  const DirectoryParts parts{.home = context_.core,
                             .source = *source_,
                             .commands = *commands_,
                             .rates = *rates_,
                             .leading = [this]() -> directory::FleetLeader* {
                               return leading_ && election_->is_leader() ? leading_->fleet.get() : nullptr;
                             },
                             .leader = [this] { return leader(); },
                             .status =
                                 [this] {
                                   return directory::encode(fleet_status(
                                       settings_.process.get(), admin_.watch().report(), election_->leader(), *source_,
                                       leading_ ? leading_->fleet.get() : nullptr, context_.core.now()));
                                 }};
  std::vector<net::ServingCore> serving;
  for (std::uint32_t i = 0; i < context_.runtime.core_count(); ++i) {
    handlers_.push_back(std::make_unique<DirectoryRpc>(context_.runtime.core(i), parts));
    guards_.push_back(std::make_unique<PeerGuard>(*handlers_.back()));
    serving.push_back({.core = context_.runtime.core(i), .handler = *guards_.back()});
  }
  net::HttpServerOptions options;
  options.endpoint = {.address = settings_.address.get(), .port = static_cast<std::uint16_t>(settings_.port.get())};
  options.tls = link_.server;
  auto port = co_await net::HttpServer::start(context_.core, serving, admin_.http(), std::move(options));
  if (!port) co_return fail_while("opening the fleet's port (fleet.port)", std::move(port.error()));
  port_ = std::move(*port);
  co_return Result<void>{};
}

env::Task<void> DirectoryRole::lead_when_elected() {
  while (!stopping_) {
    const std::uint64_t term = co_await election_->wait_to_lead();
    if (term == 0 || stopping_) co_return;
    log_info("directory", "leads", {{"term", term}});
    if (auto begun = co_await begin_to_lead(term); begun) {
      co_await election_->wait_to_lose(term);
      log_warning("directory", "leads no more", {{"term", term}});
    } else {
      log_error("directory", "cannot lead", {{"term", term}, {"reason", begun.error().message}});
      static_cast<void>(co_await stop_.wait_until(context_.core.now() + retry_pause));
    }
    co_await end_leading();
  }
}

env::Task<Result<void>> DirectoryRole::begin_to_lead(std::uint64_t term) {
  auto leading = std::make_unique<Leading>();
  leading->cells = std::make_unique<cell::RemoteCell>(context_.runtime, context_.core, link_.connect_to_nodes(),
                                                      context_.settings.remote_cell, cell_metrics_);
  leading_ = std::move(leading);
  auto opened = co_await directory::Directory::open(context_.core, *store_, fleet_lanes, context_.settings.directory,
                                                    directory_metrics_, term);
  if (!opened) co_return fail_while("loading the directory", std::move(opened.error()));
  leading_->directory = std::move(*opened);
  leading_->directory->add_listener(*leading_->cells);
  leading_->directory->add_listener(*source_);
  co_await leading_->directory->start(*leading_->cells);
  leading_->directory_started = true;
  leading_->fleet =
      std::make_unique<directory::FleetLeader>(context_.core, *leading_->directory, directory::PlacementOptions{});
  commands_->lead(*leading_->directory);
  rates_->lead([directory = leading_->directory.get()] { return !directory->map()->fleets().empty(); });
  co_return Result<void>{};
}

env::Task<void> DirectoryRole::end_leading() {
  if (!leading_) co_return;
  rates_->stop_leading();
  if (leading_->directory_started) {
    co_await commands_->stop_leading();
    co_await leading_->fleet->stop();
    co_await leading_->directory->stop();
  }
  co_await leading_->cells->stop();
  leading_.reset();
}

env::Task<void> DirectoryRole::stop() {
  admin_.drain();
  stopping_ = true;
  stop_.notify_all();
  const Duration grace = context_.settings.server.drain_time_max.get();
  if (source_) co_await source_->stop();
  if (election_) co_await election_->stop();
  co_await tasks_.wait();
  if (follower_ && port_) co_await follower_->stop();
  if (port_) co_await port_->stop(grace);
  if (store_) co_await store_->close();
  if (certificates_) co_await certificates_->stop();
  co_await admin_.close();
}

}  // namespace weir::cli
