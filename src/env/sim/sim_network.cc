#include "env/sim/sim_network.h"

#include <algorithm>
#include <utility>

#include "env/sim/scheduler.h"
#include "env/sim/sim_stream.h"

namespace weir::env {
namespace {

// After this long a connection attempt that nobody answers is given up, whatever its deadline.
constexpr Duration connect_duration_max = seconds(130);
constexpr Duration connect_retry_interval = seconds(1);

}  // namespace

SimulatedNetwork::SimulatedNetwork(Scheduler& scheduler) : scheduler_(scheduler) {}
SimulatedNetwork::~SimulatedNetwork() = default;

Duration SimulatedNetwork::draw_latency() {
  const bool slow = scheduler_.random().chance(options_.slow_probability);
  return scheduler_.draw_duration(options_.latency_min, slow ? options_.slow_latency_max : options_.latency_max);
}

bool SimulatedNetwork::is_blocked(const std::string& from, const std::string& to) const {
  if (from != to && (isolated_.contains(from) || isolated_.contains(to))) return true;
  return blocked_.contains({from, to});
}

void SimulatedNetwork::block(const std::string& from, const std::string& to) {
  scheduler_.record("block", from + ">" + to);
  blocked_.emplace(from, to);
}

void SimulatedNetwork::partition(const std::string& a, const std::string& b) {
  block(a, b);
  block(b, a);
}

void SimulatedNetwork::isolate(const std::string& address) {
  scheduler_.record("isolate", address);
  isolated_.insert(address);
}

void SimulatedNetwork::heal() {
  scheduler_.record("heal", "network");
  blocked_.clear();
  isolated_.clear();
  for (const auto& stream : streams()) {
    for (const std::size_t side : {client_side, server_side}) {
      if (!stream->sides[side].incoming.on_the_way.empty()) schedule_pump(stream, side, draw_latency());
    }
  }
}

void SimulatedNetwork::reset_connections(const std::string& a, const std::string& b) {
  for (const auto& stream : streams()) {
    const std::string& client = stream->sides[client_side].machine->address();
    const std::string& server = stream->sides[server_side].machine->address();
    if (!(client == a && server == b) && !(client == b && server == a)) continue;
    reset(stream, client_side);
    reset(stream, server_side);
  }
}

std::vector<std::shared_ptr<SimulatedStream>> SimulatedNetwork::streams() {
  std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
  std::vector<std::shared_ptr<SimulatedStream>> alive;
  alive.reserve(streams_.size());
  for (const auto& stream : streams_) alive.push_back(stream.lock());
  return alive;
}

bool SimulatedNetwork::is_idle() const {
  return listeners_.empty() && std::ranges::none_of(streams_, [](const std::weak_ptr<SimulatedStream>& weak) {
           const auto stream = weak.lock();
           return stream != nullptr && std::ranges::any_of(stream->sides, [](const SimulatedStream::Side& side) {
                    return side.connection != nullptr;
                  });
         });
}

SimulatedListener* SimulatedNetwork::find_listener(const Machine& machine, const Endpoint& endpoint) const {
  const auto at = std::ranges::find_if(listeners_, [&](const SimulatedListener* listener) {
    return &listener->machine() == &machine && listener->serves(endpoint);
  });
  return at != listeners_.end() ? *at : nullptr;
}

void SimulatedNetwork::send(const std::shared_ptr<SimulatedStream>& stream, std::size_t from_side, std::string bytes,
                            bool last) {
  const std::size_t to_side = 1 - from_side;
  Pipe& pipe = stream->sides[to_side].incoming;
  const Duration latency = draw_latency();
  pipe.bytes_on_the_way += bytes.size();
  scheduler_.record("send", to_string(stream->sides[to_side].endpoint), bytes.size(), last ? 1 : 0);
  pipe.on_the_way.push_back({scheduler_.now() + latency, std::move(bytes), last});
  schedule_pump(stream, to_side, latency);
}

void SimulatedNetwork::schedule_pump(const std::shared_ptr<SimulatedStream>& stream, std::size_t to_side,
                                     Duration after) {
  scheduler_.schedule(after, [this, stream, to_side] { pump(stream, to_side); });
}

// Lets what is due arrive, unless the way is blocked; then heal() calls again.
void SimulatedNetwork::pump(const std::shared_ptr<SimulatedStream>& stream, std::size_t to_side) {
  SimulatedStream::Side& to = stream->sides[to_side];
  SimulatedStream::Side& from = stream->sides[1 - to_side];
  if (is_blocked(from.machine->address(), to.machine->address())) return;
  if (!to.machine->is_alive()) {
    // Who has been started anew at that address knows nothing of this connection; an absent machine says nothing.
    if (scheduler_.find_machine(to.machine->address()) != nullptr) schedule_reset(stream, 1 - to_side);
    return;
  }
  Pipe& pipe = to.incoming;
  while (!pipe.on_the_way.empty() && pipe.on_the_way.front().due <= scheduler_.now()) {
    Pipe::Chunk chunk = std::move(pipe.on_the_way.front());
    pipe.on_the_way.pop_front();
    pipe.bytes_on_the_way -= chunk.bytes.size();
    if (to.reset) continue;
    scheduler_.record("arrive", to_string(to.endpoint), chunk.bytes.size(), chunk.last ? 1 : 0);
    if (to.closed && !chunk.bytes.empty()) schedule_reset(stream, 1 - to_side);
    if (!to.closed) pipe.arrived += chunk.bytes;
    pipe.finished = pipe.finished || chunk.last;
  }
  if (to.connection != nullptr) to.connection->wake();
  if (from.connection != nullptr) from.connection->wake();
}

void SimulatedNetwork::reset(const std::shared_ptr<SimulatedStream>& stream, std::size_t side) {
  SimulatedStream::Side& broken = stream->sides[side];
  if (broken.reset || !broken.machine->is_alive()) return;
  scheduler_.record("reset", to_string(broken.endpoint));
  broken.reset = true;
  notify(stream, side);
}

// Wakes whoever waits at that side, as an event of its own: the caller may be running on another core.
void SimulatedNetwork::notify(const std::shared_ptr<SimulatedStream>& stream, std::size_t side) {
  scheduler_.schedule({}, [stream, side] {
    if (stream->sides[side].connection != nullptr) stream->sides[side].connection->wake();
  });
}

void SimulatedNetwork::schedule_reset(const std::shared_ptr<SimulatedStream>& stream, std::size_t side) {
  scheduler_.schedule(draw_latency(), [this, stream, side] {
    const SimulatedStream::Side& to = stream->sides[side];
    if (!is_blocked(stream->sides[1 - side].machine->address(), to.machine->address())) reset(stream, side);
  });
}

void SimulatedNetwork::drop_machine(const Machine& machine, bool tell_peers) {
  std::erase_if(listeners_, [&machine](const SimulatedListener* listener) { return &listener->machine() == &machine; });
  if (!tell_peers) return;
  for (const auto& stream : streams()) {
    for (const std::size_t side : {client_side, server_side}) {
      if (stream->sides[1 - side].machine == &machine) schedule_reset(stream, side);
    }
  }
}

Task<Result<std::unique_ptr<Listener>>> CoreNetwork::listen(Endpoint endpoint, std::uint32_t backlog) {
  core_.check_current();
  SimulatedNetwork& network = core_.scheduler().network();
  if (endpoint.port == 0) {
    do {
      endpoint.port = network.next_port_++;
    } while (network.find_listener(core_.machine(), endpoint) != nullptr);
  } else if (network.find_listener(core_.machine(), endpoint) != nullptr) {
    co_return fail(ErrorCode::already_exists, "listen on " + to_string(endpoint) + ": the port is taken");
  }
  co_return std::make_unique<SimulatedListener>(core_, std::move(endpoint), backlog);
}

std::unique_ptr<Connection> CoreNetwork::adopt(std::unique_ptr<PendingConnection> pending) {
  core_.check_current();
  auto& accepted = static_cast<SimulatedPending&>(*pending);  // no network makes other ones in a simulation
  return std::make_unique<SimulatedConnection>(core_, accepted.release(), server_side);
}

std::unique_ptr<PendingConnection> CoreNetwork::release(std::unique_ptr<Connection> connection) {
  core_.check_current();
  return std::make_unique<SimulatedPending>(core_.scheduler().network(),
                                            static_cast<SimulatedConnection&>(*connection).release());
}

Machine* CoreNetwork::find_machine(const Endpoint& endpoint) {
  return endpoint.is_loopback() ? &core_.machine() : core_.scheduler().find_machine(endpoint.address);
}

Task<Result<std::unique_ptr<Connection>>> CoreNetwork::connect(Endpoint endpoint, MonotonicTime deadline) {
  core_.check_current();
  SimulatedNetwork& network = core_.scheduler().network();
  const std::string& here = core_.machine().address();
  const MonotonicTime give_up_at = std::min(deadline, core_.now() + connect_duration_max);
  for (;;) {
    const Duration round_trip = network.draw_latency() + network.draw_latency();
    if (core_.now() + round_trip >= give_up_at) break;
    co_await core_.wait_for(round_trip);
    Machine* const there = find_machine(endpoint);
    const bool reachable =
        there != nullptr && !network.is_blocked(here, there->address()) && !network.is_blocked(there->address(), here);
    SimulatedListener* const listener = reachable ? network.find_listener(*there, endpoint) : nullptr;
    if (reachable && listener == nullptr) {
      co_return fail(ErrorCode::unavailable, "connect to " + to_string(endpoint) + ": refused, nobody listens");
    }
    if (listener != nullptr && !listener->is_full()) {
      auto stream = std::make_shared<SimulatedStream>();
      stream->sides[client_side].machine = &core_.machine();
      stream->sides[client_side].endpoint = {endpoint.is_loopback() ? endpoint.address : here, network.next_port_++};
      stream->sides[server_side].machine = there;
      stream->sides[server_side].endpoint = endpoint;
      static_cast<void>(network.streams());
      network.streams_.push_back(stream);
      core_.scheduler().record("connect", to_string(endpoint), stream->sides[client_side].endpoint.port);
      auto connection = std::make_unique<SimulatedConnection>(core_, stream, client_side);
      listener->offer(std::move(stream));
      co_return connection;
    }
    // Nobody answered: the attempt is repeated, as TCP does it.
    if (core_.now() + connect_retry_interval >= give_up_at) break;
    co_await core_.sleep_for(connect_retry_interval);
  }
  co_await core_.sleep_until(give_up_at);
  co_return fail(ErrorCode::timeout, "connect to " + to_string(endpoint) + ": no answer in time");
}

}  // namespace weir::env
