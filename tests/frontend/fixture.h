// A whole server but for its ports, in a simulation: front ends on two cores over the directory, the cell and the
// journals of the simulated back end (tests/simulation/backend_world.h), and clients that sign what they send.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/map_publisher.h"
#include "directory/local_directory.h"
#include "frontend/front_end.h"
#include "frontend/local_call_rates.h"
#include "kinesis/encoding.h"
#include "tests/frontend/authentication_support.h"
#include "tests/frontend/wire_value.h"
#include "tests/simulation/backend_world.h"

namespace weir::frontend::test {

using Map = WireValue::Map;
using List = WireValue::List;
using Blob = WireValue::Blob;

// The accounts that have a credential; key id and secret are the account itself.
inline constexpr std::string_view account = "000000000000";
inline constexpr std::string_view other_account = "111111111111";

struct ServerOptions {
  std::uint64_t seed = 1;
  bool enforce_rates = false;
  std::vector<std::string> settings;  // "name=value"
  std::uint64_t account_connections_max = 1'000'000;
  std::uint64_t account_connections_in_background_max = 1'000'000;
  bool core_1_in_background = false;
  // When set, what CellClient::may_take says.
  std::function<std::size_t(ShardKey, std::span<const std::uint64_t>)> may_take;
};

struct Reply {
  std::uint16_t status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string raw;
  WireValue body;  // null when it is empty or neither JSON nor CBOR
  bool ends_connection = false;
  bool gives_way = false;
  bool in_vain = false;

  [[nodiscard]] bool ok() const { return status == 200; }
  // "Code: message", and nothing for a success.
  [[nodiscard]] std::string error() const;
  [[nodiscard]] std::string code() const;
  // Empty when it was not sent.
  [[nodiscard]] std::string header(std::string_view name) const;
};

// The cell of the back end, and what is known of its throttles without asking it.
class CellThatKnows final : public cell::CellClient {
 public:
  CellThatKnows(cell::CellClient& cell, const ServerOptions& options) : cell_(cell), may_take_(options.may_take) {}

  [[nodiscard]] std::size_t may_take(env::Core& caller, ShardKey shard,
                                     std::span<const std::uint64_t> record_bytes) override {
    return may_take_ ? may_take_(shard, record_bytes) : cell_.may_take(caller, shard, record_bytes);
  }
  [[nodiscard]] env::Task<std::vector<cell::AppendReply>> append(env::Core& caller, LaneId lane,
                                                                 std::vector<cell::AppendRequest> requests) override {
    return cell_.append(caller, lane, std::move(requests));
  }
  [[nodiscard]] env::Task<cell::ReadReply> read(env::Core& caller, LaneId lane, journal::ReadRequest request) override {
    return cell_.read(caller, lane, std::move(request));
  }
  [[nodiscard]] env::Task<cell::LocateReply> locate(env::Core& caller, LaneId lane, ShardKey shard,
                                                    cell::StartFrom from, WallTime time) override {
    return cell_.locate(caller, lane, shard, from, time);
  }

 private:
  cell::CellClient& cell_;
  std::function<std::size_t(ShardKey, std::span<const std::uint64_t>)> may_take_;
};

class TestServer {
 public:
  TestServer(env::Simulation& simulation, simulation::World& world, const ServerOptions& options);

  [[nodiscard]] env::Task<Result<void>> open();
  [[nodiscard]] env::Task<void> close() { return process_.close(); }

  [[nodiscard]] env::Core& home() noexcept { return process_.home; }
  [[nodiscard]] env::Simulation& simulation() noexcept { return process_.simulation; }
  [[nodiscard]] simulation::Process& process() noexcept { return process_; }
  [[nodiscard]] FrontEnd& front_end(std::uint32_t core) { return *front_ends_.at(core); }
  [[nodiscard]] const FrontEndMetrics& metrics() const noexcept { return metrics_; }
  [[nodiscard]] WallTime now() { return home().wall_now(); }

  // The stream as clients of core 0 see it; null when there is none.
  [[nodiscard]] std::shared_ptr<const directory::Stream> find(const std::string& name);
  // Waits until the stream is ACTIVE or gone.
  [[nodiscard]] env::Task<void> settle(std::string name);

 private:
  simulation::Process process_;
  ServerOptions options_;
  std::unique_ptr<CellThatKnows> cell_;
  FrontEndSettings settings_;
  FrontEndMetrics metrics_;
  CallRateMetrics call_rate_metrics_;
  LocalCallRates call_rates_;
  std::unique_ptr<directory::LocalDirectory> directory_client_;
  std::unique_ptr<Services> services_;
  std::vector<std::unique_ptr<Authenticator>> authenticators_;
  std::vector<std::unique_ptr<FrontEnd>> front_ends_;
  std::unique_ptr<cli::MapPublisher> publisher_;
};

// Calls the server on one of its cores, in one encoding, for one account and Region. Use it on the home core; calls
// come back there.
struct Client {
  TestServer& server;
  std::uint32_t core = 0;
  kinesis::Encoding encoding = kinesis::Encoding::json;
  std::string account_id = std::string(account);
  std::string region = "us-east-1";

  [[nodiscard]] TestRequest request(std::string_view operation, const WireValue& input) const;
  // Signs and sends; `sign` false: sends it as it is.
  [[nodiscard]] env::Task<Reply> send(TestRequest request, bool sign = true) const;
  [[nodiscard]] env::Task<Reply> call(std::string operation, Map input) const;

  // What most tests begin with. Anything but a success is a test failure. create() waits until the stream is ACTIVE.
  [[nodiscard]] env::Task<void> create(std::string name, std::uint32_t shards) const;
  [[nodiscard]] env::Task<WireValue> expect(std::string operation, Map input) const;
  // The iterator of a shard; `more` are the members that the type asks for.
  [[nodiscard]] env::Task<std::string> iterator(std::string stream, std::string shard, std::string type,
                                                Map more = {}) const;
  // Puts `text` under its own name as the key.
  [[nodiscard]] env::Task<WireValue> put(std::string stream, std::string text) const;
  // The data of all records of the shard, from TRIM_HORIZON to its tip or end.
  [[nodiscard]] env::Task<std::vector<std::string>> read_all(std::string stream, std::string shard) const;
};

// Splits or merges some open shard and waits until it is done. Whatever the server answers is fine.
[[nodiscard]] env::Task<void> reshard_somehow(Client client, std::string stream, env::SeededRandom& random);

[[nodiscard]] std::string shard_name(std::uint32_t index);
[[nodiscard]] std::string stream_arn(std::string_view name, std::string_view of_account = account,
                                     std::string_view region = "us-east-1");

// Opens a server, runs `test` on its home core, and closes the server. Anything but a clean end is a test failure.
void run_server(const ServerOptions& options, const std::function<env::Task<void>(TestServer&)>& test);

}  // namespace weir::frontend::test
