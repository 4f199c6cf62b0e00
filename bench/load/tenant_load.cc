#include "load/tenant_load.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <memory>
#include <queue>
#include <tuple>

#include "load/answer.h"
#include "load/load.h"

namespace weir::bench {
namespace {

constexpr double given_up_s = 20;
constexpr double again_s = 0.3;
// Sent and received at a time: a process that yields to everybody yields only between two calls of the kernel.
constexpr std::size_t piece_bytes = 64 * 1024;
constexpr int events_max = 256;

// Seconds of the steady clock.
double clock_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string_view behind(std::string_view text, std::string_view what) {
  const std::size_t at = text.find(what);
  return at == std::string_view::npos ? std::string_view{} : text.substr(at + what.size());
}

// "" for success, else the error's name or the status.
std::string code_of(std::string_view answer) {
  const std::string_view status = answer.substr(9, 3);
  if (status == "200") return {};
  const std::string_view name = behind(answer, "\"__type\":\"");
  return std::string(name.empty() ? status : name.substr(0, name.find('"')));
}

std::uint64_t failed_records_of(std::string_view answer) {
  const std::string_view number = behind(answer, "\"FailedRecordCount\":");
  std::uint64_t failed = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), failed).ec != std::errc{}) {
    fail(fmt::format("an answer without FailedRecordCount: {}", answer.substr(0, 400)));
  }
  return failed;
}

// A connection's part of its mix's requests, one after the other.
struct Connection {
  const MixPlan* mix = nullptr;
  MixResult* result = nullptr;
  std::uint16_t port = 0;
  std::size_t number = 0;  // among those of the mix
  std::size_t turn = 0;
  double offset_s = 0;
  Moment moment;
  double sent_s = 0;
  int socket = -1;
  bool is_waiting = false;
  bool wants_write = false;
  const std::string* request = nullptr;
  std::size_t sent_bytes = 0;
  Answer answer{Protocol::http};

  [[nodiscard]] double interval_s() const { return static_cast<double>(mix->connections) / mix->per_second; }
  // Sets what is sent next; false when nothing is left. `now_s`: since the beginning.
  [[nodiscard]] bool advance(double now_s);
};

bool Connection::advance(double now_s) {
  if (mix->moments.has_value()) {
    const std::size_t next = number + turn++ * mix->connections;
    if (next >= mix->moments->size()) return false;
    moment = (*mix->moments)[next];
    return true;
  }
  if (turn == 0) {
    offset_s = interval_s() * static_cast<double>(number) / static_cast<double>(mix->connections);
  } else {
    offset_s += interval_s();
    // A rate is kept by sending less late, not by sending at once.
    for (; offset_s + interval_s() < now_s; offset_s += interval_s()) ++result->late;
  }
  const std::size_t body = (number + turn++) % mix->bodies.size();
  moment = {.due_s = offset_s, .body = body, .records = mix->bodies[body].records()};
  return true;
}

class Driver {
 public:
  explicit Driver(const TenantPlan& plan) : plan_(plan), results_(plan.mixes.size()), poll_(epoll_create1(0)) {
    for (std::size_t m = 0; m < plan.mixes.size(); ++m) {
      for (std::size_t number = 0; number < plan.mixes[m].connections; ++number) {
        auto connection = std::make_unique<Connection>();
        connection->mix = &plan.mixes[m];
        connection->result = &results_[m];
        connection->port = plan.ports[connections_.size() % plan.ports.size()];
        connection->number = number;
        connections_.push_back(std::move(connection));
      }
    }
    sign_all();
  }
  ~Driver() {
    for (const auto& connection : connections_) {
      if (connection->socket >= 0) close(connection->socket);
    }
    close(poll_);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  std::vector<MixResult> run() {
    begin_s_ = clock_s() + 0.2;
    for (const auto& connection : connections_) {
      if (connection->advance(now_s())) plan_next(*connection);
    }
    double look_at_patience_s = 0;
    while (!due_.empty() || waiting_ != 0) {
      const double now = now_s();
      if (now >= look_at_patience_s) {
        look_at_patience_s = now + 1;
        give_up(now);
      }
      if (!due_.empty() && due_.top().first <= now) {
        Connection& next = *due_.top().second;
        due_.pop();
        begin_request(next);
      } else {
        wait(due_.empty() ? 1 : std::min(1.0, due_.top().first - now));
      }
    }
    return std::move(results_);
  }

 private:
  using Due = std::pair<double, Connection*>;
  using Kind = std::tuple<std::uint16_t, const MixPlan*, std::size_t, std::size_t>;

  [[nodiscard]] double now_s() const { return clock_s() - begin_s_; }

  // What can be known beforehand; what is left of a refused request, when it is sent again.
  void sign_all() {
    for (const auto& connection : connections_) {
      const MixPlan& mix = *connection->mix;
      if (mix.moments.has_value()) {
        for (const Moment& moment : *mix.moments) static_cast<void>(request_of(*connection, moment));
      } else {
        for (std::size_t body = 0; body < mix.bodies.size(); ++body)
          static_cast<void>(request_of(*connection, {.body = body, .records = mix.bodies[body].records()}));
      }
    }
  }

  const std::string& request_of(const Connection& connection, const Moment& moment) {
    std::string& request = requests_[Kind(connection.port, connection.mix, moment.body, moment.records)];
    if (request.empty()) {
      request =
          kinesis_request(fmt::format("127.0.0.1:{}", connection.port), connection.mix->operation,
                          connection.mix->bodies[moment.body].text(moment.records), plan_.signing, std::time(nullptr));
    }
    return request;
  }

  void plan_next(Connection& connection) {
    if (connection.moment.due_s < plan_.seconds) due_.emplace(connection.moment.due_s, &connection);
  }

  void begin_request(Connection& connection) {
    if (connection.socket < 0) {
      connection.socket = connect_to(connection.port);
      connection.wants_write = false;
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      epoll_ctl(poll_, EPOLL_CTL_ADD, connection.socket, &event);
    }
    connection.is_waiting = true;
    ++waiting_;
    connection.request = &request_of(connection, connection.moment);
    connection.sent_bytes = 0;
    connection.sent_s = now_s();
    send_on(connection);
  }

  void watch(Connection& connection, bool wants_write) {
    if (connection.wants_write == wants_write) return;
    connection.wants_write = wants_write;
    epoll_event event{.events = wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(poll_, EPOLL_CTL_MOD, connection.socket, &event);
  }

  void send_on(Connection& connection) {
    const std::string& request = *connection.request;
    while (connection.sent_bytes < request.size()) {
      const std::size_t piece = std::min(piece_bytes, request.size() - connection.sent_bytes);
      const ssize_t sent = send(connection.socket, request.data() + connection.sent_bytes, piece, MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) return watch(connection, true);
      if (sent < 0) return broke(connection, strerrorname_np(errno));
      connection.sent_bytes += static_cast<std::size_t>(sent);
    }
    watch(connection, false);
  }

  void wait(double for_s) {
    const auto nanoseconds = static_cast<std::int64_t>(std::max(0.0, for_s) * 1e9);
    const timespec timeout{.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
    std::array<epoll_event, events_max> events;
    const int ready = epoll_pwait2(poll_, events.data(), events_max, &timeout, nullptr);
    if (ready < 0 && errno != EINTR) fail(fmt::format("epoll: {}", std::strerror(errno)));
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      if ((event.events & EPOLLOUT) != 0 && connection.is_waiting) send_on(connection);
      if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && connection.socket >= 0) receive(connection);
    }
  }

  void receive(Connection& connection) {
    char* const room = connection.answer.room(piece_bytes);
    const ssize_t got = recv(connection.socket, room, connection.answer.room_bytes(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return broke(connection, got < 0 ? strerrorname_np(errno) : "ConnectionEnded");
    connection.answer.received(static_cast<std::size_t>(got));
    if (!connection.is_waiting) return broke(connection, {});  // says something unasked
    if (connection.answer.complete()) done(connection, code_of(connection.answer.text()));
  }

  // The connection has come to its end; that matters when something is under way.
  void broke(Connection& connection, const std::string& code) {
    close(connection.socket);  // leaves the poll, too
    connection.socket = -1;
    connection.answer.clear();
    if (connection.is_waiting) done(connection, code);
  }

  void give_up(double now) {
    for (const auto& connection : connections_) {
      if (connection->is_waiting && connection->moment.due_s + given_up_s < now) broke(*connection, "TimeoutError");
    }
  }

  void done(Connection& connection, const std::string& code) {
    const double now = now_s();
    connection.is_waiting = false;
    --waiting_;
    const std::size_t again = note(connection, code, now);
    connection.answer.clear();
    if (again != 0) {
      connection.moment = {.due_s = now + again_s, .body = connection.moment.body, .records = again};
      plan_next(connection);
    } else if (connection.advance(std::min(now, plan_.seconds))) {  // what is due later is not late
      plan_next(connection);
    }
  }

  // Returns how many of the records are to be sent again.
  std::size_t note(Connection& connection, const std::string& code, double now) {
    MixResult& result = *connection.result;
    const Moment& moment = connection.moment;
    const bool is_planned = connection.mix->moments.has_value();
    ++result.answers[code];
    result.latencies_ms.push_back((now - moment.due_s) * 1000);
    if (!code.empty()) {
      const bool is_throttled = code == "ProvisionedThroughputExceededException" || code == "LimitExceededException";
      return is_planned && is_throttled ? moment.records : 0;
    }
    const std::uint64_t failed =
        connection.mix->operation == "PutRecords" ? failed_records_of(connection.answer.text()) : 0;
    result.failed_records += failed;
    if (failed < moment.records) {
      result.taken.push_back({.due_s = connection.sent_s, .body = moment.body, .records = moment.records - failed});
    }
    return is_planned ? failed : 0;
  }

  const TenantPlan& plan_;
  std::vector<MixResult> results_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::map<Kind, std::string> requests_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::size_t waiting_ = 0;
  int poll_;
  double begin_s_ = 0;
};

std::string mix_json(const MixResult& result) {
  std::string answers;
  for (const auto& [code, count] : result.answers)
    answers += fmt::format("{}\"{}\": {}", answers.empty() ? "" : ", ", code, count);
  std::vector<Moment> by_time = result.taken;
  std::ranges::sort(by_time, {}, &Moment::due_s);
  std::string taken;
  for (const Moment& each : by_time)
    taken += fmt::format("{}[{:.6f}, {}, {}]", taken.empty() ? "" : ", ", each.due_s, each.body, each.records);
  return fmt::format(R"({{"answers": {{{}}}, "latencies": [{:.3f}], "failed_records": {}, "taken": [{}], "late": {}}})",
                     answers, fmt::join(result.latencies_ms, ", "), result.failed_records, taken, result.late);
}

}  // namespace

std::vector<MixResult> run_tenant(const TenantPlan& plan) { return Driver(plan).run(); }

std::string tenant_json(const TenantPlan& plan, const std::vector<MixResult>& results) {
  std::string json;
  for (std::size_t m = 0; m < results.size(); ++m)
    json += fmt::format("{}\"{}\": {}", json.empty() ? "" : ", ", plan.mixes[m].name, mix_json(results[m]));
  return "{" + json + "}";
}

}  // namespace weir::bench
