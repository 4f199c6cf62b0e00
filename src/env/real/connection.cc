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
  if (deadline_ == no_deadline || !operation.pending()) return;
  if (deadline_ > connection_.core_.now()) {
    armed_for_ = deadline_;
    connection_.core_.arm(*this, deadline_);
    return;
  }
  timed_out_ = true;
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
  boost::system::error_code ignored;
  ignored = socket_.close(ignored);
}

Task<Result<std::size_t>> RealConnection::read_some(MutableBytes out, MonotonicTime deadline) {
  WEIR_ASSERT(!out.empty());
  if (closed_) co_return std::unexpected(closed_error());
  if (at_end_) co_return 0;
  if (bytes_in_a_row_ >= bytes_read_in_a_row_max) {
    bytes_in_a_row_ = 0;
    co_await core_.yield();
    if (closed_) co_return std::unexpected(closed_error());
  }
  out = out.first(std::min(out.size(), bytes_read_in_a_row_max));
  // Asio tries to read at once by itself, but hands the outcome through its queue. That detour is worth avoiding only
  // when there is probably something to read.
  if (more_is_likely_ && reads_without_waiting_ < reads_without_waiting_max) {
    const ssize_t got = ::recv(socket_.native_handle(), out.data(), out.size(), MSG_DONTWAIT);
    if (got > 0) {
      ++reads_without_waiting_;
      bytes_in_a_row_ += static_cast<std::size_t>(got);
      more_is_likely_ = static_cast<std::size_t>(got) == out.size();
      co_return static_cast<std::size_t>(got);
    }
  }
  reads_without_waiting_ = 0;
  const Operation& outcome = reading_.operation;
  do {
    reading_.expect(deadline);
    co_await reading_.operation.wait([&](auto handler) {
      socket_.async_read_some(boost::asio::buffer(out.data(), out.size()), std::move(handler));
    });
    reading_.finish();
  } while (outcome.error == boost::asio::error::operation_aborted && !closed_ && !reading_.timed_out());

  if (!outcome.error) {
    more_is_likely_ = outcome.bytes == out.size();
    bytes_in_a_row_ += outcome.bytes;
    co_return outcome.bytes;
  }
  if (outcome.error == boost::asio::error::eof) {
    at_end_ = true;
    co_return 0;
  }
  if (closed_) co_return std::unexpected(closed_error());
  if (reading_.timed_out()) co_return fail(ErrorCode::timeout, "nothing to read before the deadline");
  co_return std::unexpected(socket_error(outcome.error.value(), "recv"));
}

Task<Result<void>> RealConnection::wait_writable(MonotonicTime deadline) {
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
    const ssize_t sent = send_some(socket_.native_handle(), gather);
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
