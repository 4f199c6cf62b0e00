#include "cli/roles/cell_role.h"

#include <fmt/format.h>

#include "base/log.h"
#include "cli/roles/readiness.h"
#include "journal/rados/rados_segment_store.h"

namespace weir::cli {

std::unique_ptr<Role> make_cell_role(const ProcessContext& context) { return std::make_unique<CellRole>(context); }

CellRole::CellRole(const ProcessContext& context)
    : context_(context),
      settings_(context.settings.fleet),
      admin_(context),
      cell_metrics_(context.registry, cell::lanes_max),
      journal_metrics_(context.registry),
      map_metrics_(context.registry),
      rpc_metrics_(context.registry),
      rpc_resources_(context.settings.cell_rpc, rpc_metrics_),
      cell_context_{.settings = context.settings.cell,
                    .journal_settings = context.settings.journal,
                    .metrics = cell_metrics_,
                    .journal_metrics = journal_metrics_} {}

CellRole::~CellRole() = default;

std::string CellRole::describe() const {
  return fmt::format("node {} of cell {} at {}:{}", settings_.process.get(), cell_number(), settings_.address.get(),
                     settings_.port.get());
}

env::Task<Result<void>> CellRole::start() {
  if (settings_.process.get().empty()) co_return fail(ErrorCode::invalid_argument, "fleet.process is not set");
  WEIR_CO_CHECK(co_await admin_.open());
  WEIR_CO_TRY(link_, co_await FleetLink::load(context_.core, settings_));
  certificates_ = std::make_unique<CertificateWatcher>(context_.core, settings_, link_);
  certificates_->start();
  WEIR_CO_TRY(directories_, parse_endpoints("fleet.directories", settings_.directories.get()));
  admin_.health().set_starting("connecting to the engine (cell.engine = " + settings_.engine.get() + ")");
  WEIR_CO_TRY(cell::OpenStore open_store, co_await open_engine());
  WEIR_CO_CHECK(make_agent());
  node_ = std::make_unique<cell::NodeCell>(
      context_.runtime, context_.core,
      cell::LaneAccess{.claim_epoch = [this](LaneId lane) { return agent_->claim(lane); },
                       .open_store = std::move(open_store)},
      cell_context_, cell::NodeCellOptions{.cell = cell_number(), .on_fenced = [](LaneId lane, Epoch epoch) {
                                             log_warning("node",
                                                         "a lane has another owner now; this node serves it no more",
                                                         {{"lane", lane.value}, {"epoch", epoch.value}});
                                           }});
  make_follower();
  if (const auto saved = co_await follower_->start_from_saved_map();
      !saved && saved.error().code != ErrorCode::not_found) {
    log_warning("node", "the saved map is of no use", {{"reason", saved.error().message}});
  }
  WEIR_CO_CHECK(co_await open_port());
  follower_->start();
  follows_ = true;
  agent_->start(*node_);
  beats_ = true;
  admin_.health().set_look([this] { return look(); });
  co_return Result<void>{};
}

env::Task<frontend::Readiness> CellRole::look() {
  std::vector<cell::LaneReport> lanes = co_await node_->reports();
  co_return readiness_of_node({.node = settings_.process.get(),
                               .cell = cell_number(),
                               .map = follower_->status(),
                               .status = node_->status(),
                               .lanes = std::move(lanes),
                               .orders_silence = agent_->silence(),
                               .orders_error = agent_->last_error()});
}

env::Task<Result<cell::OpenStore>> CellRole::open_engine() {
  const std::string engine = settings_.engine.get();
  if (engine == "files") {
    const auto open_files_max = static_cast<std::uint32_t>(context_.settings.journal.open_files_max.get());
    co_return cell::open_file_stores(context_.directory, open_files_max);
  }
  if (engine != "rados") {
    co_return fail(ErrorCode::invalid_argument, "cell.engine must be files or rados, not \"" + engine + "\"");
  }
  if (context_.settings.journal.segment_bytes.get() > journal::rados_journal_segment_bytes_max) {
    co_return fail(ErrorCode::invalid_argument, "journal.segment_bytes is too large for rados, which takes " +
                                                    std::to_string(journal::rados_journal_segment_bytes_max));
  }
  const std::uint64_t capacity = settings_.rados_lane_capacity_bytes.get();
  WEIR_CO_CHECK(check_lane_capacity(capacity, context_.settings.journal.space_reserve_bytes.get(),
                                    context_.settings.journal.segment_bytes.get()));
  journal::RadosClusterOptions options;
  options.configuration_file = settings_.rados_configuration_file.get();
  options.authenticates = settings_.rados_authenticates.get();
  options.pool = settings_.rados_pool.get();
  options.operation_timeout = seconds(5);
  auto cluster = co_await journal::RadosCluster::connect(context_.core, std::move(options));
  if (!cluster) co_return fail_while("connecting to Ceph", std::move(cluster.error()));
  cluster_ = std::move(*cluster);
  co_return
      [pool = cluster_.get(), capacity, name = "cell-" + std::to_string(cell_number())](
          env::Core& core, LaneId lane, Epoch epoch) -> env::Task<Result<std::unique_ptr<journal::SegmentStore>>> {
        journal::RadosSegmentStoreOptions store;
        store.cell_name = name;
        store.lane = lane;
        store.epoch = epoch;
        store.capacity_bytes = capacity;
        return journal::open_rados_segment_store(core, *pool, std::move(store));
      };
}

Result<void> CellRole::make_agent() {
  cell::NodeAgentOptions options;
  options.node = settings_.process.get();
  options.cell = cell_number();
  options.endpoint = {.address = settings_.address.get(), .port = static_cast<std::uint16_t>(settings_.port.get())};
  options.directories = directories_;
  agent_ = std::make_unique<cell::NodeAgent>(
      context_.core, std::move(options),
      [this](env::Endpoint directory, std::string_view path, std::string body, MonotonicTime deadline) {
        return ask(std::move(directory), path, std::move(body), deadline);
      });
  return {};
}

env::Task<Result<std::string>> CellRole::ask(env::Endpoint directory, std::string_view path, std::string body,
                                             MonotonicTime deadline) {
  auto known = std::ranges::find(connections_, directory, [](const auto& entry) { return entry.first; });
  if (known == connections_.end()) {
    connections_.emplace_back(directory, link_.connect_to_directories()(context_.core, directory));
    known = std::prev(connections_.end());
  }
  net::RpcConnection& connection = *known->second;
  auto answer = co_await connection.send(path, std::move(body), deadline);
  if (!answer) co_return fail_while("asking the directory at " + env::to_string(directory), std::move(answer.error()));
  if (answer->status != 200) {
    co_return fail(ErrorCode::unavailable, "the directory at " + env::to_string(directory) + " answers with status " +
                                               std::to_string(answer->status) +
                                               (answer->body.empty() ? "" : ": " + answer->body));
  }
  co_return std::move(answer->body);
}

void CellRole::make_follower() {
  directory::MapFollowerOptions options;
  options.name = settings_.process.get();
  options.kind = directory::FollowerKind::node;
  options.slice = directory::MapSlice::of_cell(cell_number());
  options.directories = [this] { return directories_; };
  options.file = context_.directory + "/map";
  // A lane that was taken waits for the map of its claim: a directory that went away without a word is soon left.
  options.poll_wait = seconds(1);
  options.stale_after = seconds(4);
  options.report = [this] { return admin_.watch().report(); };
  follower_ = std::make_unique<directory::MapFollower>(context_.core, link_.connect_to_directories(),
                                                       std::move(options), map_metrics_);
  follower_->add_listener(*node_);
}

env::Task<Result<void>> CellRole::open_port() {
  std::vector<net::ServingCore> serving;
  for (std::uint32_t i = 0; i < context_.runtime.core_count(); ++i) {
    handlers_.push_back(std::make_unique<cell::CellRpcHandler>(context_.runtime.core(i), *node_, rpc_resources_));
    guards_.push_back(std::make_unique<PeerGuard>(*handlers_.back()));
    serving.push_back({.core = context_.runtime.core(i), .handler = *guards_.back()});
  }
  net::HttpServerOptions options;
  options.endpoint = {.address = settings_.address.get(), .port = static_cast<std::uint16_t>(settings_.port.get())};
  options.tls = link_.server;
  options.h2_resets_per_interval_max = 100'000;
  auto port = co_await net::HttpServer::start(context_.core, serving, admin_.http(), std::move(options));
  if (!port) co_return fail_while("opening the fleet's port (fleet.port)", std::move(port.error()));
  port_ = std::move(*port);
  co_return Result<void>{};
}

env::Task<void> CellRole::stop() {
  admin_.drain();
  const Duration grace = context_.settings.server.drain_time_max.get();
  if (agent_ && beats_) co_await agent_->stop();
  if (node_) co_await node_->stop();
  if (follows_) co_await follower_->stop();
  if (port_) co_await port_->stop(grace);
  for (auto& [endpoint, connection] : connections_) co_await connection->stop();
  if (cluster_) co_await cluster_->close(context_.core);
  if (certificates_) co_await certificates_->stop();
  co_await admin_.close();
}

}  // namespace weir::cli
