// Nodes that answer as a test wants them to, at any time, and a front end of one core in front of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cell/remote/remote_cell.h"
#include "cell/remote/rpc_codec.h"
#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell::scripted {

using Response = Result<net::HttpClientResponse>;

// A request that a node has got.
struct Received {
  std::string address;
  std::string path;
  std::string body;
};

// All nodes: `serve` answers, or hangs.
struct Nodes {
  std::vector<Received> received;
  std::function<env::Task<Response>(env::Core&, Received)> serve;
  std::uint64_t open_connections = 0;

  [[nodiscard]] net::ConnectToPeer connector();
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    for (const Received& request : received) all.push_back(request.address);
    return all;
  }
};

class ScriptedConnection final : public net::RpcConnection {
 public:
  ScriptedConnection(env::Core& core, Nodes& nodes, std::string address)
      : core_(core), nodes_(nodes), address_(std::move(address)), closed_(core) {
    ++nodes_.open_connections;
  }
  ~ScriptedConnection() override { --nodes_.open_connections; }
  env::Task<Response> send(std::string_view path, std::string body, MonotonicTime deadline) override {
    Received request{.address = address_, .path = std::string(path), .body = std::move(body)};
    nodes_.received.push_back(request);
    struct Exchange {
      explicit Exchange(env::Core& core) : done(core) {}
      std::optional<Response> response;
      env::Event done;
    };
    // An answer that comes after the deadline finds nobody.
    const auto exchange = std::make_shared<Exchange>(core_);
    env::spawn([](env::Core& core, Nodes& nodes, Received got, std::shared_ptr<Exchange> into) -> env::Task<void> {
      into->response = co_await nodes.serve(core, std::move(got));
      into->done.notify_all();
    }(core_, nodes_, std::move(request), exchange));
    while (!exchange->response.has_value()) {
      if (is_closed_) co_return fail(ErrorCode::closed, "closed");
      if (!co_await exchange->done.wait_until(std::min<MonotonicTime>(deadline, core_.now() + milliseconds(1))) &&
          core_.now() >= deadline) {
        co_return fail(ErrorCode::timeout, "no answer");
      }
    }
    co_return *std::move(exchange->response);
  }
  void close() noexcept override { is_closed_ = true; }
  env::Task<void> stop() override {
    close();
    co_return;
  }

 private:
  env::Core& core_;
  Nodes& nodes_;
  std::string address_;
  env::Event closed_;
  bool is_closed_ = false;
};

inline net::ConnectToPeer Nodes::connector() {
  return [this](env::Core& core, const env::Endpoint& endpoint) {
    return std::make_unique<ScriptedConnection>(core, *this, endpoint.address);
  };
}

inline Response ok(std::string body) {
  return net::HttpClientResponse{.status = 200, .headers = {}, .body = std::move(body)};
}

// What a node says that accepts everything.
inline Response accept(const Received& request) {
  const auto call = decode_append_call(as_bytes(request.body));
  WEIR_ASSERT(call.has_value());
  std::vector<AppendReply> replies;
  for (const AppendRequest& append : call->requests) {
    replies.push_back({.first_index = {7}, .accepted = append.fragment.record_count()});
  }
  return ok(encode_append_answer(replies));
}

inline directory::LaneOwner owner(std::string address, std::uint64_t epoch) {
  return {.node = "node " + address, .address = std::move(address), .port = 1, .epoch = Epoch{epoch}};
}

inline directory::ShardMapPointer map_of(std::uint64_t version,
                                         const std::map<std::uint32_t, directory::LaneOwner>& owners) {
  directory::ShardMapBuilder builder;
  for (const auto& [lane, lane_owner] : owners) builder.set_owner(LaneId{lane}, lane_owner);
  return builder.build(version);
}

inline Response not_mine(std::optional<directory::LaneOwner> known = std::nullopt) {
  return ok(encode_refusal({.refusal = Refusal::not_mine, .reason = "not mine", .owner = std::move(known)}));
}

// A front end of one core in front of scripted nodes.
struct FrontEnd {
  explicit FrontEnd(std::initializer_list<std::pair<std::string_view, std::string_view>> values = {}) {
    for (const auto& [name, value] : values) must(registry.set(name, value));
  }
  void open(env::Simulation& simulation) {
    cell = std::make_unique<RemoteCell>(simulation, simulation.core(0), nodes.connector(), settings, metrics);
  }
  Nodes nodes;
  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  RemoteCellSettings settings{registry};
  RemoteCellMetrics metrics{metrics_registry};
  std::unique_ptr<RemoteCell> cell;
};

inline void run(FrontEnd& front_end, std::function<env::Task<void>(env::Core&)> test,
                const std::optional<env::TaskGroup>* tasks_of_test = nullptr) {
  env::Simulation simulation({.seed = 1});
  const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    front_end.open(simulation);
    co_await test(simulation.core(0));
    co_await front_end.cell->stop();
    while (tasks_of_test != nullptr && (*tasks_of_test)->running() != 0) {
      co_await simulation.core(0).yield();
    }
    EXPECT_EQ(front_end.nodes.open_connections, 0U);
    EXPECT_EQ(front_end.metrics.append_bytes.value(), 0);
    EXPECT_EQ(front_end.metrics.append_calls.value(), 0);
    EXPECT_EQ(front_end.metrics.in_flight.value(), 0);
    EXPECT_EQ(front_end.metrics.connections.value(), 0);
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

inline env::Task<AppendReply> put(env::Core& core, RemoteCell& cell, std::uint32_t lane, std::uint64_t bytes = 10) {
  auto replies = co_await cell.append(core, LaneId{lane}, one_request(make_fragment(first_shard, "x", 1, bytes)));
  WEIR_ASSERT(replies.size() == 1);
  co_return std::move(replies.front());
}

inline env::Task<void> put_into(env::Core& core, RemoteCell& cell, std::uint32_t lane, std::uint64_t bytes,
                                std::vector<AppendReply>& replies) {
  replies.push_back(co_await put(core, cell, lane, bytes));
}

}  // namespace weir::cell::scripted
