#include "env/real/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cerrno>

#include "env/real/errors.h"

namespace weir::env::real {
namespace {

// So many reads in a row may be served without going through the loop; then the others get their turn.
constexpr int reads_without_waiting_max = 16;
// So many bytes may be read, and written, in a row. The kernel copies some gigabytes a second, and lets nobody in
// between. An answer in smaller pieces costs more: its reader, on the same machine, is woken for each.
constexpr std::size_t bytes_read_in_a_row_max = 256 * kibibyte;
constexpr std::size_t bytes_written_in_a_row_max = mebibyte;

}  // namespace

void RealConnection::Direction::expect(MonotonicTime deadline) {
  timed_out_ = false;
  deadline_ = deadline;
  if (deadline >= armed_for_) return;
  armed_for_ = deadline;
  connection_.core_.arm(*this, deadline);
}

void RealConnection::Direction::on_expiry() {
  armed_for_ = no_deadline;
  if (deadline_ == no_deadline || (!operation.pending() && !turn.waiting())) return;
  if (deadline_ > connection_.core_.now()) {
    armed_for_ = deadline_;
    connection_.core_.arm(*this, deadline_);
    return;
  }
  interrupt();
}

void RealConnection::Direction::interrupt() noexcept {
  if (!operation.pending() && !turn.waiting()) return;
  timed_out_ = true;
  if (turn.waiting()) {
    connection_.core_.read_turns().end_wait(turn);
    return;
  }
  // Ends the waits of both directions; the one that has time left starts again.
  boost::system::error_code ignored;
  ignored = connection_.socket_.cancel(ignored);
}

RealConnection::RealConnection(RealCore& core, Descriptor descriptor, Endpoint peer)
    : core_(core), socket_(core.io()), peer_(std::move(peer)) {
  const int on = 1;
  ::setsockopt(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  boost::system::error_code error;
  // The protocol given here only serves Asio's own records; none of the calls used depends on it.
  error = socket_.assign(boost::asio::ip::tcp::v4(), descriptor.get(), error);
  closed_ = static_cast<bool>(error);
  if (!closed_) static_cast<void>(descriptor.release());
}

void RealConnection::close() noexcept {
  if (closed_) return;
  closed_ = true;
  if (apart_.is_open()) {
    core_.read_turns().remove(apart_.get(), reading_.turn);
    apart_.reset();
    return;
  }
  boost::system::error_code ignored;
  ignored = socket_.close(ignored);
}

Descriptor RealConnection::take_descriptor() noexcept {
  WEIR_ASSERT_NOTE(!reading_.operation.pending() && !writing_.operation.pending(), "a call is in flight");
  watch_in_loop();
  if (closed_) return {};
  boost::system::error_code error;
  Descriptor descriptor(socket_.release(error));
  if (error) {
    static_cast<void>(descriptor.release());  // it is still the socket's
    close();
    return {};
  }
  closed_ = true;
  return descriptor;
}

// Leaves the socket where it is when that is impossible.
bool RealConnection::watch_apart() noexcept {
  if (apart_.is_open()) return true;
  if (writing_.operation.pending()) return false;  // the loop watches it for the writer
  boost::system::error_code error;
  Descriptor descriptor(socket_.release(error));
  if (error) {
    static_cast<void>(descriptor.release());
    return false;
  }
  apart_ = std::move(descriptor);
  if (core_.read_turns().add(apart_.get(), reading_.turn)) return true;
  watch_in_loop();
  return false;
}

void RealConnection::watch_in_loop() noexcept {
  if (!apart_.is_open()) return;
  core_.read_turns().remove(apart_.get(), reading_.turn);
  boost::system::error_code error;
  error = socket_.assign(boost::asio::ip::tcp::v4(), apart_.get(), error);
  if (error) {
    close();
  } else {
    static_cast<void>(apart_.release());
  }
}

void RealConnection::give_way(bool on) noexcept {
  if (gives_way_ == on) return;
  gives_way_ = on;
  // A read under way begins anew.
  core_.read_turns().end_wait(reading_.turn);
  if (!reading_.operation.pending()) return;
  boost::system::error_code ignored;
  ignored = socket_.cancel(ignored);
}

class RealConnection::ReadInFlight {
 public:
  explicit ReadInFlight(RealConnection& connection) noexcept : connection_(connection) {
    connection_.read_in_flight_ = true;
    connection_.interrupted_ = false;
  }
  ReadInFlight(const ReadInFlight&) = delete;
  ReadInFlight& operator=(const ReadInFlight&) = delete;
  ~ReadInFlight() { connection_.read_in_flight_ = false; }

 private:
  RealConnection& connection_;
};

void RealConnection::interrupt_read() noexcept {
  if (!read_in_flight_) return;
  interrupted_ = true;  // it may just let others go, and not wait yet
  reading_.interrupt();
}

std::optional<Result<std::size_t>> RealConnection::read_now(MutableBytes out) {
  ssize_t got = 0;
  do {
    got = ::recv(descriptor(), out.data(), out.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    return std::unexpected(socket_error(errno, "recv"));
  }
  at_end_ = got == 0;
  ++reads_without_waiting_;
  bytes_in_a_row_ += static_cast<std::size_t>(got);
  more_is_likely_ = static_cast<std::size_t>(got) == out.size();
  return static_cast<std::size_t>(got);
}

Result<std::size_t> RealConnection::outcome_of_read(std::size_t room) {
  const Operation& outcome = reading_.operation;
  if (outcome.error == boost::asio::error::eof) {
    at_end_ = true;
    return 0U;
  }
  if (closed_) return std::unexpected(closed_error());
  if (outcome.error) return std::unexpected(socket_error(outcome.error.value(), "recv"));
  more_is_likely_ = outcome.bytes == room;
  bytes_in_a_row_ += outcome.bytes;
  return outcome.bytes;
}

Task<Result<std::size_t>> RealConnection::read_some(MutableBytes out, MonotonicTime deadline) {
  WEIR_ASSERT(!out.empty());
  if (closed_) co_return std::unexpected(closed_error());
  if (at_end_) co_return 0;
  const ReadInFlight in_flight(*this);
  const bool many_in_a_row = reads_without_waiting_ >= reads_without_waiting_max;
  if (bytes_in_a_row_ >= bytes_read_in_a_row_max || (gives_way_ && many_in_a_row)) {
    bytes_in_a_row_ = 0;
    reads_without_waiting_ = 0;
    co_await core_.yield();
    if (closed_) co_return std::unexpected(closed_error());
  }
  out = out.first(std::min(out.size(), bytes_read_in_a_row_max));
  // Asio tries to read at once by itself, but hands the outcome through its queue. That detour is worth avoiding only
  // when there is probably something to read.
  const bool is_worth_a_try = gives_way_ || (more_is_likely_ && !many_in_a_row);
  if (is_worth_a_try && !rests()) {
    if (auto got = read_now(out)) co_return std::move(*got);
  }
  reads_without_waiting_ = 0;
  for (;;) {
    if (interrupted_) co_return fail(ErrorCode::timeout, "told to come back");
    if (gives_way_ && watch_apart()) {
      const bool resting = rests();
      const MonotonicTime until = resting ? rest_until_ : core_.now() + turns_quiet_max;
      reading_.expect(std::min(deadline, until));
      co_await core_.read_turns().wait(reading_.turn);
      reading_.finish();
      if (closed_) co_return std::unexpected(closed_error());
      if (!rests()) {
        if (auto got = read_now(out)) co_return std::move(*got);
      }
      if (reading_.timed_out() && until < deadline && core_.now() >= until) {
        if (!resting) gives_way_ = false;
        continue;
      }
    } else {
      reading_.expect(deadline);
      watch_in_loop();
      if (closed_) co_return std::unexpected(closed_error());
      co_await reading_.operation.wait([&](auto handler) {
        socket_.async_read_some(boost::asio::buffer(out.data(), out.size()), std::move(handler));
      });
      reading_.finish();
      // Aborted: closed, timed out, or to begin anew.
      if (closed_ || reading_.operation.error != boost::asio::error::operation_aborted) {
        co_return outcome_of_read(out.size());
      }
    }
    if (reading_.timed_out()) co_return fail(ErrorCode::timeout, "nothing to read before the deadline");
  }
}

Task<Result<void>> RealConnection::wait_writable(MonotonicTime deadline) {
  watch_in_loop();
  if (closed_) co_return std::unexpected(closed_error());
  const Operation& outcome = writing_.operation;
  do {
    writing_.expect(deadline);
    co_await writing_.operation.wait([&](auto handler) { socket_.async_wait(Socket::wait_write, std::move(handler)); });
    writing_.finish();
  } while (outcome.error == boost::asio::error::operation_aborted && !closed_ && !writing_.timed_out());

  if (!outcome.error) co_return Result<void>();
  if (closed_) co_return std::unexpected(closed_error());
  if (writing_.timed_out()) co_return fail(ErrorCode::timeout, "the peer takes nothing before the deadline");
  co_return std::unexpected(socket_error(outcome.error.value(), "wait for the socket"));
}

Task<Result<void>> RealConnection::write_all(std::span<const BytesView> parts, MonotonicTime deadline) {
  const auto send_some = [](int descriptor, const Gather& gather) {
    Gather::Pieces pieces;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = gather.next(pieces, bytes_written_in_a_row_max);
    return ::sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  };
  Gather gather(parts);
  for (std::size_t in_a_row = 0; !gather.done();) {
    if (in_a_row >= bytes_written_in_a_row_max) {
      in_a_row = 0;
      co_await core_.yield();
    }
    if (closed_) co_return std::unexpected(closed_error());
    const ssize_t sent = send_some(descriptor(), gather);
    if (sent >= 0) {
      gather.advance(static_cast<std::size_t>(sent));
      in_a_row += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      WEIR_CO_CHECK(co_await wait_writable(deadline));
    } else if (errno != EINTR) {
      co_return std::unexpected(socket_error(errno, "send"));
    }
  }
  co_return Result<void>();
}

Task<Result<void>> RealConnection::finish_connect(MonotonicTime deadline) {
  WEIR_CO_CHECK(co_await wait_writable(deadline));
  int number = 0;
  socklen_t length = sizeof(number);
  if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &number, &length) != 0) number = errno;
  if (number != 0) co_return std::unexpected(socket_error(number, "connect to " + to_string(peer_)));
  co_return Result<void>();
}

}  // namespace weir::env::real
