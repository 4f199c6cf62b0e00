// CellRpcHandler: serves the RPC of a node's lanes to front ends and to the directory's leader.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/settings.h"
#include "cell/node/node_cell.h"
#include "cell/remote/rpc.h"
#include "env/core.h"
#include "env/task.h"
#include "net/http.h"
#include "net/memory_budget.h"

namespace weir::cell {

struct CellRpcSettings {
  explicit CellRpcSettings(SettingsRegistry& registry);

  Setting<std::uint64_t> requests_max;
  Setting<std::uint64_t> bytes_max;
  Setting<milliseconds> wait;
};

struct CellRpcMetrics {
  explicit CellRpcMetrics(MetricsRegistry& registry);

  Counter& appends;
  Counter& reserves;
  Counter& reads;
  Counter& locates;
  Counter& closes;
  Counter& reopens;
  Counter& malformed;
  Counter& overloaded;
  Counter& refused_not_mine;
  Counter& refused_unavailable;
  Gauge& requests;
  Gauge& bytes;
};

// What the handlers of one node share; outlives them. Any thread.
struct CellRpcResources {
  CellRpcResources(const CellRpcSettings& with_settings, CellRpcMetrics& with_metrics)
      : settings(with_settings),
        metrics(with_metrics),
        requests(settings.requests_max.get(), metrics.requests),
        bytes(settings.bytes_max.get(), metrics.bytes) {}

  const CellRpcSettings& settings;
  CellRpcMetrics& metrics;
  net::MemoryBudget requests;  // counts requests, not bytes
  net::MemoryBudget bytes;     // of what they bring, and of what is read for them
};

// One for each core that serves connections; `cell` and `resources` outlive it. A request that finds the node with as
// much in work as it may have is refused: unavailable, nothing was done. What is no message of the RPC is answered
// with 400, an unknown method with 404.
class CellRpcHandler final : public net::HttpHandler {
 public:
  CellRpcHandler(env::Core& core, NodeCell& cell, CellRpcResources& resources) noexcept
      : core_(core), cell_(cell), resources_(resources) {}

  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest& request) override;
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override;

 private:
  using Serve = env::Task<net::HttpResponse> (CellRpcHandler::*)(BytesView body, net::MemoryReservation& bytes);
  struct Method {
    std::string_view path;
    Serve serve;
    Counter& (*counter)(CellRpcMetrics& metrics);
  };
  [[nodiscard]] static const Method* find_method(std::string_view path) noexcept;

  [[nodiscard]] env::Task<net::HttpResponse> append(BytesView body, net::MemoryReservation& bytes);
  [[nodiscard]] env::Task<net::HttpResponse> reserve(BytesView body, net::MemoryReservation& bytes);
  [[nodiscard]] env::Task<net::HttpResponse> read(BytesView body, net::MemoryReservation& bytes);
  [[nodiscard]] env::Task<net::HttpResponse> locate(BytesView body, net::MemoryReservation& bytes);
  [[nodiscard]] env::Task<net::HttpResponse> close_shard(BytesView body, net::MemoryReservation& bytes);
  [[nodiscard]] env::Task<net::HttpResponse> reopen_shard(BytesView body, net::MemoryReservation& bytes);

  [[nodiscard]] MonotonicTime wait_deadline() const noexcept { return core_.now() + resources_.settings.wait.get(); }
  [[nodiscard]] net::HttpResponse answer_malformed(const Error& error);
  [[nodiscard]] net::HttpResponse answer_refusal(const LaneRefusal& refusal);
  [[nodiscard]] net::HttpResponse answer_overload();

  env::Core& core_;
  NodeCell& cell_;
  CellRpcResources& resources_;
};

}  // namespace weir::cell
