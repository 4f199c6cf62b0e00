#include "env/real/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <limits>

#include "env/real/connection.h"
#include "env/real/errors.h"

namespace weir::env::real {
namespace {

// So many connections in a row are taken without going through the loop; then the others get their turn.
constexpr int accepted_without_waiting_max = 16;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<SocketAddress> to_address(const Endpoint& endpoint) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (::inet_pton(AF_INET, endpoint.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET6, endpoint.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    address.length = sizeof(sockaddr_in6);
    return address;
  }
  return fail(ErrorCode::invalid_argument, "\"" + endpoint.address + "\" is not a numeric IPv4 or IPv6 address");
}

Endpoint to_endpoint(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return Endpoint{text.data(), ntohs(v4->sin_port)};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
  ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  return Endpoint{text.data(), ntohs(v6->sin6_port)};
}

Descriptor make_socket(const SocketAddress& address) {
  return Descriptor(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

}  // namespace

RealListener::RealListener(RealCore& core, Descriptor descriptor, Endpoint local)
    : socket_(core.io()), arrival_(core), local_(std::move(local)) {
  boost::system::error_code error;
  error = socket_.assign(descriptor.get(), error);
  if (!error) static_cast<void>(descriptor.release());
}

Task<Result<std::unique_ptr<PendingConnection>>> RealListener::accept() {
  for (;;) {
    if (!socket_.is_open()) co_return fail(ErrorCode::closed, "the listener is closed");
    if (accepted_without_waiting_ < accepted_without_waiting_max) {
      SocketAddress address;
      Descriptor accepted(
          ::accept4(socket_.native_handle(), address.get(), &address.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted.is_open()) {
        ++accepted_without_waiting_;
        co_return std::make_unique<RealPendingConnection>(std::move(accepted), to_endpoint(address));
      }
      // These concern one connection that is gone already, and not the listener.
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) co_return std::unexpected(socket_error(errno, "accept"));
    }
    accepted_without_waiting_ = 0;
    co_await arrival_.wait(
        [&](auto handler) { socket_.async_wait(boost::asio::posix::descriptor_base::wait_read, std::move(handler)); });
    if (arrival_.error && arrival_.error != boost::asio::error::operation_aborted) {
      co_return std::unexpected(socket_error(arrival_.error.value(), "wait for a connection"));
    }
  }
}

void RealListener::close() noexcept {
  boost::system::error_code ignored;
  ignored = socket_.close(ignored);
}

Task<Result<std::unique_ptr<Listener>>> RealNetwork::listen(Endpoint endpoint, std::uint32_t backlog) {
  WEIR_CO_TRY(SocketAddress address, to_address(endpoint));
  Descriptor descriptor = make_socket(address);
  if (!descriptor.is_open()) co_return std::unexpected(socket_error(errno, "socket"));
  const int on = 1;
  ::setsockopt(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const int waiting_max = static_cast<int>(std::min<std::uint32_t>(backlog, std::numeric_limits<int>::max()));
  if (::bind(descriptor.get(), address.get(), address.length) != 0 || ::listen(descriptor.get(), waiting_max) != 0 ||
      ::getsockname(descriptor.get(), address.get(), &address.length) != 0) {
    co_return std::unexpected(socket_error(errno, "listen on " + to_string(endpoint)));
  }
  co_return std::make_unique<RealListener>(core_, std::move(descriptor), to_endpoint(address));
}

std::unique_ptr<Connection> RealNetwork::adopt(std::unique_ptr<PendingConnection> pending) {
  auto& real = static_cast<RealPendingConnection&>(*pending);
  return std::make_unique<RealConnection>(core_, real.take_descriptor(), real.peer());
}

std::unique_ptr<PendingConnection> RealNetwork::release(std::unique_ptr<Connection> connection) {
  auto& real = static_cast<RealConnection&>(*connection);
  return std::make_unique<RealPendingConnection>(real.take_descriptor(), real.peer());
}

Task<Result<std::unique_ptr<Connection>>> RealNetwork::connect(Endpoint endpoint, MonotonicTime deadline) {
  WEIR_CO_TRY(SocketAddress address, to_address(endpoint));
  Descriptor descriptor = make_socket(address);
  if (!descriptor.is_open()) co_return std::unexpected(socket_error(errno, "socket"));
  const bool under_way = ::connect(descriptor.get(), address.get(), address.length) != 0;
  if (under_way && errno != EINPROGRESS && errno != EINTR) {
    co_return std::unexpected(socket_error(errno, "connect to " + to_string(endpoint)));
  }
  auto connection = std::make_unique<RealConnection>(core_, std::move(descriptor), std::move(endpoint));
  if (under_way) WEIR_CO_CHECK(co_await connection->finish_connect(deadline));
  co_return connection;
}

}  // namespace weir::env::real
