// Every module's settings and metrics, gathered for one process.
#pragma once

#include "base/metrics.h"
#include "base/settings.h"
#include "cell/metrics.h"
#include "cell/remote/remote_cell_settings.h"
#include "cell/remote/rpc_handler.h"
#include "cell/settings.h"
#include "cli/process_watch.h"
#include "cli/roles/fleet_settings.h"
#include "cli/server_settings.h"
#include "directory/map/map_metrics.h"
#include "directory/metrics.h"
#include "directory/rates/rate_handler.h"
#include "directory/settings.h"
#include "frontend/call_rates.h"
#include "frontend/metrics.h"
#include "frontend/settings.h"
#include "journal/metrics.h"
#include "journal/settings.h"
#include "net/metrics.h"
#include "net/settings.h"

namespace weir::cli {

struct AllSettings {
  explicit AllSettings(SettingsRegistry& registry)
      : server(registry),
        net(registry),
        frontend(registry),
        cell(registry),
        journal(registry),
        directory(registry),
        fleet(registry),
        remote_cell(registry),
        cell_rpc(registry) {}

  ServerSettings server;
  net::HttpSettings net;
  frontend::FrontEndSettings frontend;
  cell::CellSettings cell;
  journal::JournalSettings journal;
  directory::DirectorySettings directory;
  FleetSettings fleet;
  cell::RemoteCellSettings remote_cell;
  cell::CellRpcSettings cell_rpc;
};

// `lanes` of the cell, each with metrics of its own.
struct AllMetrics {
  explicit AllMetrics(MetricsRegistry& registry, std::uint32_t lanes = 1)
      : net(registry),
        frontend(registry),
        call_rates(registry),
        cell(registry, lanes),
        journal(registry),
        directory(registry),
        remote_cell(registry),
        cell_rpc(registry),
        map(registry),
        rates(registry),
        process(registry) {}

  net::HttpMetrics net;
  frontend::FrontEndMetrics frontend;
  frontend::CallRateMetrics call_rates;
  cell::CellMetrics cell;
  journal::JournalMetrics journal;
  directory::DirectoryMetrics directory;
  cell::RemoteCellMetrics remote_cell;
  cell::CellRpcMetrics cell_rpc;
  directory::MapMetrics map;
  directory::RateMetrics rates;
  ProcessMetrics process;
};

}  // namespace weir::cli
