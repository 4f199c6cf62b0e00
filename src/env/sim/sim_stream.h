// What a simulated connection is made of: one pipe for each direction, and its two ends. Only for env/sim.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "env/event.h"
#include "env/network.h"
#include "env/sim/scheduler.h"

namespace weir::env {

class SimulatedConnection;

inline constexpr std::size_t client_side = 0;
inline constexpr std::size_t server_side = 1;

// The bytes on their way to one side.
struct Pipe {
  struct Chunk {
    MonotonicTime due;  // arrives no earlier, and never before the chunk ahead of it
    std::string bytes;
    bool last = false;  // nothing follows: the sender has closed
  };
  std::deque<Chunk> on_the_way;
  std::string arrived;  // not yet read
  std::uint64_t bytes_on_the_way = 0;
  bool finished = false;  // the last chunk has arrived
};

// Lives until both ends are gone and nothing is on its way.
struct SimulatedStream {
  struct Side {
    Machine* machine = nullptr;
    Endpoint endpoint;
    Pipe incoming;
    SimulatedConnection* connection = nullptr;  // null before it is adopted and after it is destroyed
    bool closed = false;                        // by its owner
    bool reset = false;                         // by the network or by the other side
  };
  std::array<Side, 2> sides;
};

// One end, owned by the program.
class SimulatedConnection final : public Connection {
 public:
  SimulatedConnection(SimulatedCore& core, std::shared_ptr<SimulatedStream> stream, std::size_t side);
  ~SimulatedConnection() override;
  [[nodiscard]] Task<Result<std::size_t>> read_some(MutableBytes out, MonotonicTime deadline) override;
  [[nodiscard]] Task<Result<void>> write_all(std::span<const BytesView> parts, MonotonicTime deadline) override;
  void give_way(bool on) noexcept override;
  void rest(Duration time) noexcept override { rest_until_ = end_of_rest(core_.now(), time); }
  void interrupt_read() noexcept override;
  void close() noexcept override;
  [[nodiscard]] const Endpoint& peer() const noexcept override { return other().endpoint; }

  // Leaves the stream as it is, for another end to go on with it. No call is in flight.
  [[nodiscard]] std::shared_ptr<SimulatedStream> release() noexcept;

  // Something has changed: bytes came, room came, or the connection broke. Called by the network, not by code of a
  // core.
  void wake() noexcept;

 private:
  [[nodiscard]] SimulatedStream::Side& self() const noexcept { return stream_->sides[side_]; }
  [[nodiscard]] SimulatedStream::Side& other() const noexcept { return stream_->sides[1 - side_]; }
  [[nodiscard]] Result<std::size_t> take(MutableBytes out);
  [[nodiscard]] Task<void> wait_for_turn();
  [[nodiscard]] Task<Result<void>> write_part(BytesView part, MonotonicTime deadline);

  SimulatedCore& core_;
  SimulatedNetwork& network_;
  std::shared_ptr<SimulatedStream> stream_;
  std::size_t side_;
  Event readable_;
  Event writable_;
  bool gives_way_ = false;
  MonotonicTime rest_until_{};  // while it gives way
  bool reading_ = false;
  bool interrupted_ = false;
  bool writing_ = false;
};

class SimulatedPending final : public PendingConnection {
 public:
  SimulatedPending(SimulatedNetwork& network, std::shared_ptr<SimulatedStream> stream)
      : network_(network), stream_(std::move(stream)) {}
  ~SimulatedPending() override;
  [[nodiscard]] std::shared_ptr<SimulatedStream> release() noexcept { return std::move(stream_); }

 private:
  SimulatedNetwork& network_;
  std::shared_ptr<SimulatedStream> stream_;
};

class SimulatedListener final : public Listener {
 public:
  SimulatedListener(SimulatedCore& core, Endpoint local, std::uint32_t backlog);
  ~SimulatedListener() override;
  [[nodiscard]] Task<Result<std::unique_ptr<PendingConnection>>> accept() override;
  void close() noexcept override;
  [[nodiscard]] const Endpoint& local() const noexcept override { return local_; }

  [[nodiscard]] const Machine& machine() const noexcept { return core_.machine(); }
  [[nodiscard]] bool serves(const Endpoint& endpoint) const noexcept;
  [[nodiscard]] bool is_full() const noexcept { return waiting_.size() >= backlog_; }
  void offer(std::shared_ptr<SimulatedStream> stream);

 private:
  SimulatedCore& core_;
  SimulatedNetwork& network_;
  Endpoint local_;
  std::uint32_t backlog_;
  bool closed_ = false;
  std::deque<std::unique_ptr<SimulatedPending>> waiting_;
  Event arrived_;
};

}  // namespace weir::env
