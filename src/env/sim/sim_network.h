// SimulatedNetwork: byte streams between the machines of a simulation, cut into chunks and delayed as the seed has it.
//
// Each machine has its address, and the loopback addresses for itself alone. Bytes of one direction arrive in order;
// nothing is lost without the connection being reset. A connection that is closed with unread bytes, or written to
// after its peer has gone, is reset, as with TCP. Buffers are bounded: a writer waits for a slow reader.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/network.h"

namespace weir::env {

class Machine;
class Scheduler;
class SimulatedCore;
class SimulatedListener;
struct SimulatedStream;

struct SimulatedNetworkOptions {
  Duration latency_min = microseconds(20);  // of a chunk, one way, uniform up to latency_max
  Duration latency_max = microseconds(500);
  double slow_probability = 0.005;  // of a chunk that takes up to slow_latency_max
  Duration slow_latency_max = milliseconds(40);
  std::uint64_t chunk_bytes_max = 64 * kibibyte;    // bytes are cut into chunks of 1 to this many
  std::uint64_t buffer_bytes_max = 256 * kibibyte;  // of one direction: sent and not yet read
};

// What a test may do to the network at any time. Addresses are those of machines; a machine's address with itself
// stands for its loopback connections.
class SimulatedNetwork {
 public:
  explicit SimulatedNetwork(Scheduler& scheduler);
  SimulatedNetwork(const SimulatedNetwork&) = delete;
  SimulatedNetwork& operator=(const SimulatedNetwork&) = delete;
  ~SimulatedNetwork();

  void set_options(const SimulatedNetworkOptions& options) noexcept { options_ = options; }

  // Holds back everything from one address to the other until it is let through again: connections stall and new ones
  // run into their deadline. partition() does so both ways, isolate() towards and from every other machine.
  void block(const std::string& from, const std::string& to);
  void partition(const std::string& a, const std::string& b);
  void isolate(const std::string& address);
  void heal();  // everything that is blocked; what was held back arrives, in order
  // Breaks every connection between the two at once, at both ends.
  void reset_connections(const std::string& a, const std::string& b);
  // The next `count` calls of accept() anywhere fail with limit_exceeded, as when descriptors run out.
  void fail_accepts(std::uint32_t count) noexcept { accepts_to_fail_ = count; }
  // True when no listener and no connection is left.
  [[nodiscard]] bool is_idle() const;

 private:
  friend class CoreNetwork;
  friend class Machine;
  friend class SimulatedConnection;
  friend class SimulatedListener;
  friend class SimulatedPending;

  [[nodiscard]] Duration draw_latency();
  [[nodiscard]] bool is_blocked(const std::string& from, const std::string& to) const;
  [[nodiscard]] SimulatedListener* find_listener(const Machine& machine, const Endpoint& endpoint) const;
  void send(const std::shared_ptr<SimulatedStream>& stream, std::size_t from_side, std::string bytes, bool last);
  void pump(const std::shared_ptr<SimulatedStream>& stream, std::size_t to_side);
  void schedule_pump(const std::shared_ptr<SimulatedStream>& stream, std::size_t to_side, Duration after);
  void reset(const std::shared_ptr<SimulatedStream>& stream, std::size_t side);
  void schedule_reset(const std::shared_ptr<SimulatedStream>& stream, std::size_t side);
  void notify(const std::shared_ptr<SimulatedStream>& stream, std::size_t side);
  void drop_machine(const Machine& machine, bool tell_peers);
  [[nodiscard]] std::vector<std::shared_ptr<SimulatedStream>> streams();

  Scheduler& scheduler_;
  SimulatedNetworkOptions options_;
  std::set<std::pair<std::string, std::string>> blocked_;
  std::set<std::string> isolated_;
  std::vector<SimulatedListener*> listeners_;
  std::vector<std::weak_ptr<SimulatedStream>> streams_;
  std::uint32_t accepts_to_fail_ = 0;
  std::uint16_t next_port_ = 20'000;
};

// What a core sees of it.
class CoreNetwork final : public Network {
 public:
  explicit CoreNetwork(SimulatedCore& core) noexcept : core_(core) {}
  [[nodiscard]] Task<Result<std::unique_ptr<Listener>>> listen(Endpoint endpoint, std::uint32_t backlog) override;
  [[nodiscard]] std::unique_ptr<Connection> adopt(std::unique_ptr<PendingConnection> pending) override;
  [[nodiscard]] std::unique_ptr<PendingConnection> release(std::unique_ptr<Connection> connection) override;
  [[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(Endpoint endpoint, MonotonicTime deadline) override;

 private:
  [[nodiscard]] Machine* find_machine(const Endpoint& endpoint);
  SimulatedCore& core_;
};

}  // namespace weir::env
