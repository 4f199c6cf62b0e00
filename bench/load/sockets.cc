// Connections to the server under load, and those that only stay open.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "load/load.h"

namespace weir::bench {

void fail(const std::string& message) {
  std::fflush(stdout);
  fmt::print(stderr, "weir-bench: {}\n", message);
  std::exit(1);
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket < 0 || connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail(fmt::format("connecting to port {}: {}", port, std::strerror(errno)));
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
  return socket;
}

namespace {

void serve_once(int socket, const std::string& request) {
  if (send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    fail("an idle connection does not take a request");
  }
  Answer answer(Protocol::http);
  while (!answer.complete()) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 10'000) != 1) fail("an idle connection gets no answer");
    char* room = answer.room(4096);
    const ssize_t got = recv(socket, room, answer.room_bytes(), 0);
    if (got <= 0) fail("an idle connection was closed");
    answer.received(static_cast<std::size_t>(got));
  }
}

}  // namespace

void hold_idle_connections(std::uint16_t port, unsigned connections, const std::string& request) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (unsigned i = 0; i < connections; ++i) serve_once(connect_to(port), request);
  fmt::print("{{\"open\": {}}}\n", connections);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

}  // namespace weir::bench
