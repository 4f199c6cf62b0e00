// Network: byte streams. TLS and HTTP are built on top of this in src/net and therefore run in a simulation too.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "env/task.h"

namespace weir::env {

// A numeric IPv4 or IPv6 address and a port. Port 0 in listen() asks for any free port.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
  [[nodiscard]] bool is_loopback() const noexcept;  // 127.0.0.0/8 or ::1
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
[[nodiscard]] std::string to_string(const Endpoint& endpoint);  // "127.0.0.1:4567", "[::1]:4567"

// One connected stream. Belongs to one core. At most one read and one write at a time.
class Connection {
 public:
  // Between two turns of connections that give way: short for who waits, and long enough for many to come together.
  static constexpr Duration turn_interval = milliseconds(20);
  // After so long without a word a connection no longer gives way: the turns would wake the core for nothing.
  static constexpr Duration turns_quiet_max = seconds(3);
  // The first turn after `time`, and where a rest of `time` ends that begins `now`: the same for all connections.
  [[nodiscard]] static constexpr MonotonicTime turn_after(MonotonicTime time) noexcept {
    return MonotonicTime((time.time_since_epoch() / turn_interval + 1) * turn_interval);
  }
  [[nodiscard]] static constexpr MonotonicTime end_of_rest(MonotonicTime now, Duration time) noexcept {
    return time > Duration(0) ? turn_after(now + time) : now;
  }

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // Reads at least one byte, at most out.size(), which is not 0; 0 when the peer has finished sending. After a timeout
  // the connection is as good as before. Errors: timeout, closed (also when the peer resets), io.
  [[nodiscard]] virtual Task<Result<std::size_t>> read_some(MutableBytes out, MonotonicTime deadline) = 0;
  // Writes all of `parts`, in order. After an error any part of them may have been sent. Errors: timeout, closed, io.
  [[nodiscard]] virtual Task<Result<void>> write_all(std::span<const BytesView> parts, MonotonicTime deadline) = 0;
  // While on: what comes in wakes nobody, and is looked at at the next turn, together with that of all connections of
  // the core that give way; what is there already when a read begins is read at once. For a peer that costs the others
  // too much. A read in flight goes by it, too. Ends by itself when a read has waited for turns_quiet_max. A connection
  // for which it is impossible goes on as before.
  virtual void give_way(bool on) noexcept { static_cast<void>(on); }
  // While it gives way: nothing is read for so long from now on, and then to the next turn, whatever has come; 0: no
  // longer. A read meets its deadline and interrupt_read() all the same.
  virtual void rest(Duration time) noexcept { static_cast<void>(time); }
  // A read in flight comes back: with what has come, or with `timeout`.
  virtual void interrupt_read() noexcept = 0;
  // Ends both directions; a read or write in flight comes back with `closed`. May be called more than once.
  virtual void close() noexcept = 0;
  [[nodiscard]] virtual const Endpoint& peer() const noexcept = 0;
};

// A connection that no core owns: accepted and not yet adopted, or released. Moves between cores.
class PendingConnection {
 public:
  virtual ~PendingConnection() = default;
};

class Listener {
 public:
  virtual ~Listener() = default;
  // The next connection. Errors: closed after close(); limit_exceeded when descriptors ran out (wait, then go on); io.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<PendingConnection>>> accept() = 0;
  virtual void close() noexcept = 0;
  [[nodiscard]] virtual const Endpoint& local() const noexcept = 0;  // with the port that the system chose
};

class Network {
 public:
  virtual ~Network() = default;
  // Errors: invalid_argument for an address that is not numeric, already_exists when the port is taken, unavailable
  // when the address is not this machine's, limit_exceeded, io. The listener belongs to the calling core.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Listener>>> listen(Endpoint endpoint, std::uint32_t backlog) = 0;
  // Makes a connection this core's own. TCP_NODELAY is on. Should the system refuse to watch it, its reads and writes
  // come back with `closed`.
  [[nodiscard]] virtual std::unique_ptr<Connection> adopt(std::unique_ptr<PendingConnection> pending) = 0;
  // Takes a connection of this core's, made by adopt(), away from it. No call on it is in flight. Nothing that has come
  // and was not read is lost. One that is closed stays so.
  [[nodiscard]] virtual std::unique_ptr<PendingConnection> release(std::unique_ptr<Connection> connection) = 0;
  // Errors: invalid_argument for an address that is not numeric, unavailable when nobody listens or no way leads there,
  // timeout, limit_exceeded when descriptors ran out, io.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Connection>>> connect(Endpoint endpoint,
                                                                          MonotonicTime deadline) = 0;
};

}  // namespace weir::env
