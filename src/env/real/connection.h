// RealConnection: one TCP connection on one core.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>

#include "env/network.h"
#include "env/real/core.h"
#include "env/real/descriptor.h"
#include "env/real/gather.h"
#include "env/real/operation.h"

namespace weir::env::real {

class RealConnection final : public Connection {
 public:
  // Takes over a stream socket. When the system refuses to watch it, the connection is closed from the start.
  RealConnection(RealCore& core, Descriptor descriptor, Endpoint peer);
  RealConnection(const RealConnection&) = delete;
  RealConnection& operator=(const RealConnection&) = delete;
  ~RealConnection() override { close(); }

  [[nodiscard]] Task<Result<std::size_t>> read_some(MutableBytes out, MonotonicTime deadline) override;
  [[nodiscard]] Task<Result<void>> write_all(std::span<const BytesView> parts, MonotonicTime deadline) override;
  void give_way(bool on) noexcept override;
  void rest(Duration time) noexcept override { rest_until_ = end_of_rest(core_.now(), time); }
  void interrupt_read() noexcept override;
  void close() noexcept override;
  [[nodiscard]] const Endpoint& peer() const noexcept override { return peer_; }

  // Closed from here on, while the socket itself goes on. No call is in flight.
  [[nodiscard]] Descriptor take_descriptor() noexcept;

  // Waits until a connect() that is under way has ended, and tells how. Errors: as Network::connect.
  [[nodiscard]] Task<Result<void>> finish_connect(MonotonicTime deadline);

 private:
  class ReadInFlight;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

  // One direction's wait and its deadline. Arming and disarming the queue at every read would cost more than the read,
  // so the timer stays armed from one wait to the next as long as it is early enough, and looks at the true deadline
  // when it fires.
  class Direction final : public Timer {
   public:
    explicit Direction(RealConnection& connection) : operation(connection.core_), connection_(connection) {}
    Direction(const Direction&) = delete;
    Direction& operator=(const Direction&) = delete;
    ~Direction() override { connection_.core_.disarm(*this); }
    void expect(MonotonicTime deadline);
    void finish() noexcept { deadline_ = no_deadline; }
    [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
    void interrupt() noexcept;  // as if the deadline of the wait under way had come
    void on_expiry() override;

    Operation operation;
    ReadTurns::Waiter turn;  // only reads wait so

   private:
    RealConnection& connection_;
    MonotonicTime deadline_ = no_deadline;   // of the wait under way
    MonotonicTime armed_for_ = no_deadline;  // no_deadline: not armed
    bool timed_out_ = false;
  };

  // The socket is watched either by the loop or apart, by the turns.
  [[nodiscard]] int descriptor() noexcept { return apart_.is_open() ? apart_.get() : socket_.native_handle(); }
  [[nodiscard]] bool watch_apart() noexcept;
  void watch_in_loop() noexcept;
  [[nodiscard]] bool rests() const noexcept { return gives_way_ && core_.now() < rest_until_; }
  // What is there; nothing where nothing is. Does not wait.
  [[nodiscard]] std::optional<Result<std::size_t>> read_now(MutableBytes out);
  [[nodiscard]] Result<std::size_t> outcome_of_read(std::size_t room);
  [[nodiscard]] Task<Result<void>> wait_writable(MonotonicTime deadline);
  [[nodiscard]] Error closed_error() const { return Error{ErrorCode::closed, "the connection is closed"}; }

  RealCore& core_;
  Socket socket_;
  Descriptor apart_;  // the socket while the turns watch it, and the loop does not
  Endpoint peer_;
  Direction reading_{*this};
  Direction writing_{*this};
  int reads_without_waiting_ = 0;
  std::size_t bytes_in_a_row_ = 0;  // read since this connection last let others run
  bool more_is_likely_ = false;     // the last read filled its buffer
  bool gives_way_ = false;
  MonotonicTime rest_until_{};  // while it gives way
  bool read_in_flight_ = false;
  bool interrupted_ = false;  // the read in flight is to come back
  bool at_end_ = false;       // the peer has finished sending
  bool closed_ = false;
};

}  // namespace weir::env::real
