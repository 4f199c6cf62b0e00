#include "metastore/etcd_client.h"

#include <utility>

#include "metastore/etcd_messages.h"

namespace weir::metastore {
namespace {

constexpr std::uint16_t status_ok = 200;
constexpr std::uint16_t status_server_error = 500;
constexpr std::size_t quoted_answer_bytes_max = 200;

}  // namespace

ErrorCode code_of_etcd_refusal(std::int64_t grpc_code, std::string_view message) noexcept {
  constexpr std::int64_t invalid_argument = 3;
  constexpr std::int64_t not_found = 5;
  constexpr std::int64_t permission_denied = 7;
  constexpr std::int64_t out_of_range = 11;
  constexpr std::int64_t unimplemented = 12;
  constexpr std::int64_t unauthenticated = 16;
  for (const std::string_view text :
       {"too many operations in txn request", "request is too large", "received message larger than max"}) {
    if (message.contains(text)) return ErrorCode::limit_exceeded;
  }
  if (message.contains("has been compacted")) return ErrorCode::unsupported;
  switch (grpc_code) {
    case invalid_argument:
    case not_found:
    case permission_denied:
    case out_of_range:
    case unimplemented:
    case unauthenticated: return ErrorCode::io;
    // A full database among them: the transaction that fills it is refused and yet applied.
    default: return ErrorCode::unavailable;
  }
}

EtcdClient::EtcdClient(env::Core& core, const EtcdOptions& options)
    : core_(core),
      options_(options),
      endpoint_(core.random_u64() % options.endpoints.size()),
      line_free_(core),
      calls_over_(core) {}

net::HttpClientOptions EtcdClient::http_options(std::size_t endpoint) const {
  return {.endpoint = options_.endpoints[endpoint],
          .host = options_.server_name,
          .tls = options_.tls,
          .response_bytes_max = etcd_answer_bytes_max};
}

void EtcdClient::leave(std::size_t endpoint) {
  if (endpoint_ == endpoint) endpoint_ = (endpoint + 1) % options_.endpoints.size();
  std::erase_if(lines_, [endpoint](const auto& line) { return line->endpoint == endpoint && !line->busy; });
}

env::Task<void> EtcdClient::close() {
  closed_ = true;
  for (const auto& line : lines_) line->http.close();
  line_free_.notify_all();
  while (calls_ != 0) co_await calls_over_.wait();
  lines_.clear();
}

std::unexpected<Error> EtcdClient::failed(std::size_t endpoint, ErrorCode code, std::string_view what) const {
  return fail(code, options_.name + " at " + to_string(options_.endpoints[endpoint]) + ": " + std::string(what));
}

env::Task<Result<std::string>> EtcdClient::post(std::string path, std::string body, Repeat repeat) {
  if (closed_) co_return fail(ErrorCode::closed, options_.name + " is closed");
  ++calls_;
  const Call call{.path = std::move(path), .body = std::move(body), .repeat = repeat};
  Result<std::string> answer = co_await try_in_turn(call);
  if (--calls_ == 0) calls_over_.notify_all();
  if (!answer && closed_) co_return fail(ErrorCode::closed, options_.name + " is closed");
  co_return answer;
}

env::Task<Result<std::string>> EtcdClient::try_in_turn(const Call& call) {
  // One more than there are endpoints: the first try may meet a connection that an etcd which has been restarted since
  // does not know any more.
  const std::size_t tries = options_.endpoints.size() + 1;
  const MonotonicTime deadline = core_.now() + options_.request_timeout;
  for (std::size_t left = tries;; --left) {
    const std::size_t endpoint = endpoint_;
    const MonotonicTime now = core_.now();
    const MonotonicTime share = now + (deadline - now) / static_cast<std::int64_t>(left);
    Attempt attempt = co_await try_once(call, endpoint, share, deadline);
    const bool may_go_on = attempt.reached != Reached::nothing && !closed_ && !attempt.answer &&
                           attempt.answer.error().code == ErrorCode::unavailable;
    if (may_go_on) leave(endpoint);
    const bool may_repeat = call.repeat == Repeat::allowed || attempt.reached != Reached::sent;
    if (!may_go_on || !may_repeat || left == 1 || core_.now() >= deadline) co_return std::move(attempt.answer);
  }
}

env::Task<EtcdClient::Attempt> EtcdClient::try_once(const Call& call, std::size_t endpoint, MonotonicTime share,
                                                    MonotonicTime deadline) {
  auto line = co_await acquire(endpoint, share);
  if (!line) co_return Attempt{Reached::nothing, std::unexpected(std::move(line.error()))};
  Attempt attempt = co_await send(call, **line, share, deadline);
  (*line)->busy = false;
  line_free_.notify_one();
  co_return attempt;
}

env::Task<EtcdClient::Attempt> EtcdClient::send(const Call& call, Line& line, MonotonicTime share,
                                                MonotonicTime deadline) {
  if (auto connected = co_await line.http.connect(share); !connected) {
    co_return Attempt{Reached::endpoint,
                      failed(line.endpoint, ErrorCode::unavailable, "no connection: " + connected.error().message)};
  }
  if (closed_) co_return Attempt{Reached::endpoint, failed(line.endpoint, ErrorCode::closed, "closed")};
  const bool may_repeat = call.repeat == Repeat::allowed;
  auto response = co_await line.http.send({.method = "POST", .target = call.path, .headers = {}, .body = call.body},
                                          may_repeat ? share : deadline);
  if (response) co_return Attempt{Reached::sent, read_answer(line.endpoint, std::move(*response))};
  // To ask for less helps only who may ask again.
  const bool too_large = response.error().code == ErrorCode::limit_exceeded && may_repeat;
  const ErrorCode code = too_large ? ErrorCode::limit_exceeded : ErrorCode::unavailable;
  co_return Attempt{Reached::sent, failed(line.endpoint, code, "no answer: " + response.error().message)};
}

Result<std::string> EtcdClient::read_answer(std::size_t endpoint, net::HttpClientResponse response) const {
  if (response.status == status_ok) return std::move(response.body);
  const std::string status = "answered " + std::to_string(response.status) + ": ";
  const auto refusal = parse_etcd_refusal(response.body);
  if (!refusal || refusal->message.empty()) {
    const ErrorCode code = response.status >= status_server_error ? ErrorCode::unavailable : ErrorCode::io;
    return failed(endpoint, code, status + response.body.substr(0, quoted_answer_bytes_max));
  }
  return failed(endpoint, code_of_etcd_refusal(refusal->code, refusal->message), status + refusal->message);
}

EtcdClient::Line* EtcdClient::find_idle(std::size_t endpoint) {
  Line* other = nullptr;
  for (const auto& line : lines_) {
    if (line->busy) continue;
    if (line->endpoint == endpoint) return line.get();
    other = line.get();
  }
  if (lines_.size() >= etcd_connections_max) {
    if (other == nullptr) return nullptr;
    std::erase_if(lines_, [other](const auto& line) { return line.get() == other; });
  }
  lines_.push_back(std::make_unique<Line>(core_, endpoint, http_options(endpoint)));
  return lines_.back().get();
}

env::Task<Result<EtcdClient::Line*>> EtcdClient::acquire(std::size_t endpoint, MonotonicTime deadline) {
  if (waiting_ >= etcd_calls_waiting_max) {
    co_return failed(endpoint, ErrorCode::unavailable, std::to_string(waiting_) + " calls wait already");
  }
  ++waiting_;
  Line* line = nullptr;
  while (!closed_ && (line = find_idle(endpoint)) == nullptr) {
    if (!co_await line_free_.wait_until(deadline)) break;
  }
  --waiting_;
  if (closed_) co_return failed(endpoint, ErrorCode::closed, "closed");
  if (line == nullptr) co_return failed(endpoint, ErrorCode::unavailable, "all connections to it were busy");
  line->busy = true;
  co_return line;
}

}  // namespace weir::metastore
