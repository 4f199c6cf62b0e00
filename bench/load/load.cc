#include "load/load.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

constexpr std::size_t read_bytes_least = 64 * 1024;
constexpr int events_max = 256;

struct Connection {
  explicit Connection(Protocol protocol) noexcept : answer(protocol) {}
  int socket = -1;
  std::size_t next_request = 0;
  const std::string* request = nullptr;  // in flight
  std::size_t sent = 0;
  bool wants_write = false;
  Time due;
  Answer answer;
};

// One thread's share of the load.
class Worker {
 public:
  Worker(const LoadOptions& options, unsigned index, Time start)
      : options_(options),
        start_(start),
        measure_from_(start + as_duration(options.warm_up_seconds)),
        end_(measure_from_ + as_duration(options.seconds)),
        epoll_(epoll_create1(0)) {
    for (unsigned i = index; i < options.connections; i += options.threads) {
      auto connection = std::make_unique<Connection>(options.protocol);
      connection->socket = connect_to(options.port);
      connection->next_request = i % options.requests.size();
      epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->socket, &event);
      idle_.push_back(connection.get());
      connections_.push_back(std::move(connection));
    }
    if (options.rate_per_second > 0) interval_ = as_duration(options.threads / options.rate_per_second);
    if (options.requests_max > 0) remaining_ = std::max<std::uint64_t>(1, options.requests_max / options.threads);
  }

  ~Worker() {
    for (const auto& connection : connections_) close(connection->socket);
    close(epoll_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  LoadResult run() {
    next_due_ = start_;
    Time now = Clock::now();
    while (now < end_ && (remaining_ > 0 || idle_.size() < connections_.size())) {
      send_what_is_due(now);
      wait(now);
      now = Clock::now();
    }
    result_.seconds = std::chrono::duration<double>(std::min(now, end_) - measure_from_).count();
    if (interval_.count() > 0 && next_due_ < end_)
      result_.never_sent = static_cast<std::uint64_t>((end_ - next_due_) / interval_);
    return std::move(result_);
  }

 private:
  static Clock::duration as_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  // Closed loop: every idle connection. Open loop: as many as are due, each with the moment it was due.
  void send_what_is_due(Time now) {
    while (!idle_.empty() && remaining_ > 0) {
      Time due = now;
      if (interval_.count() > 0) {
        if (next_due_ > now) return;
        due = next_due_;
        next_due_ += interval_;
      }
      --remaining_;
      Connection& connection = *idle_.front();
      idle_.pop_front();
      connection.due = due;
      connection.sent = 0;
      connection.request = &options_.requests[connection.next_request];
      connection.next_request = (connection.next_request + 1) % options_.requests.size();
      write_some(connection);
    }
  }

  void wait(Time now) {
    Time until = end_;
    if (interval_.count() > 0 && !idle_.empty()) until = std::min(until, next_due_);
    const auto left = std::max(Clock::duration::zero(), until - now);
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
    std::array<epoll_event, events_max> events;
    const int ready = epoll_pwait2(epoll_, events.data(), events_max, &timeout, nullptr);
    if (ready < 0 && errno != EINTR) fail(fmt::format("epoll: {}", std::strerror(errno)));
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection.wants_write) write_some(connection);
      read_some(connection);
    }
  }

  void watch(Connection& connection, bool wants_write) {
    if (connection.wants_write == wants_write) return;
    connection.wants_write = wants_write;
    epoll_event event{.events = wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event);
  }

  void write_some(Connection& connection) {
    const std::string& request = *connection.request;
    while (connection.sent < request.size()) {
      const ssize_t wrote =
          send(connection.socket, request.data() + connection.sent, request.size() - connection.sent, MSG_NOSIGNAL);
      if (wrote < 0 && errno == EAGAIN) return watch(connection, true);
      if (wrote < 0) fail(fmt::format("sending to port {}: {}", options_.port, std::strerror(errno)));
      connection.sent += static_cast<std::size_t>(wrote);
    }
    watch(connection, false);
  }

  void read_some(Connection& connection) {
    for (;;) {
      char* room = connection.answer.room(read_bytes_least);
      const std::size_t asked = connection.answer.room_bytes();
      const ssize_t got = recv(connection.socket, room, asked, 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0)
        fail(fmt::format("port {} closed a connection: {}", options_.port, got < 0 ? std::strerror(errno) : "end"));
      connection.answer.received(static_cast<std::size_t>(got));
      if (connection.answer.complete()) return finish(connection);
      if (static_cast<std::size_t>(got) < asked) return;
    }
  }

  void finish(Connection& connection) {
    const Time now = Clock::now();
    const bool good = connection.answer.good(options_.expected);
    if (!good && result_.first_bad_answer.empty()) result_.first_bad_answer = connection.answer.text().substr(0, 600);
    if (now >= measure_from_ && now < end_) {
      (good ? result_.good : result_.bad) += 1;
      const std::uint64_t bytes = connection.answer.bytes();
      result_.bytes_received += bytes;
      result_.answer_bytes_least =
          result_.answer_bytes_least == 0 ? bytes : std::min(result_.answer_bytes_least, bytes);
      result_.answer_bytes_most = std::max(result_.answer_bytes_most, bytes);
      result_.latency.record(std::chrono::duration_cast<std::chrono::nanoseconds>(now - connection.due).count());
    }
    connection.answer.clear();
    idle_.push_back(&connection);
  }

  const LoadOptions& options_;
  Time start_;
  Time measure_from_;
  Time end_;
  int epoll_;
  Clock::duration interval_{0};
  Time next_due_;
  std::uint64_t remaining_ = UINT64_MAX;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;
  LoadResult result_;
};

void add(LoadResult& sum, LoadResult&& part) {
  sum.latency.add(part.latency);
  sum.good += part.good;
  sum.bad += part.bad;
  sum.bytes_received += part.bytes_received;
  sum.never_sent += part.never_sent;
  sum.answer_bytes_least =
      sum.answer_bytes_least == 0 ? part.answer_bytes_least : std::min(sum.answer_bytes_least, part.answer_bytes_least);
  sum.answer_bytes_most = std::max(sum.answer_bytes_most, part.answer_bytes_most);
  sum.seconds = std::max(sum.seconds, part.seconds);
  if (sum.first_bad_answer.empty()) sum.first_bad_answer = std::move(part.first_bad_answer);
}

}  // namespace

LoadResult run_load(const LoadOptions& options) {
  const Time start = Clock::now() + std::chrono::milliseconds(20);
  std::vector<LoadResult> parts(options.threads);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options.threads; ++i) {
      threads.emplace_back([&options, &parts, i, start] {
        Worker worker(options, i, start);
        std::this_thread::sleep_until(start);
        parts[i] = worker.run();
      });
    }
  }
  LoadResult sum;
  for (LoadResult& part : parts) add(sum, std::move(part));
  return sum;
}

}  // namespace weir::bench
