#include "net/http2/http2_client.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "net/http2/http2_client_connection.h"

namespace weir::net {

namespace {

// How many connections in turn may send a request away before it has a stream.
constexpr int connections_tried_max = 3;

const std::uint8_t* octets(std::string_view text) noexcept {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

bool is_sendable(const HttpClientRequest& request) noexcept {
  if (nghttp2_check_method(octets(request.method), request.method.size()) == 0 ||
      nghttp2_check_path(octets(request.target), request.target.size()) == 0) {
    return false;
  }
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    if (name.starts_with(':') || nghttp2_check_header_name(octets(lower), lower.size()) == 0 ||
        nghttp2_check_header_value_rfc9113(octets(value), value.size()) == 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

Http2Client::Http2Client(env::Core& core, HttpClientOptions options) : core_(core), options_(std::move(options)) {
  if (options_.host.empty()) options_.host = to_string(options_.endpoint);
}

Http2Client::~Http2Client() {
  WEIR_ASSERT_NOTE(requests_ == 0, "no send() may be under way");
  close();
}

Result<void> Http2Client::admit(const HttpClientRequest& request) const {
  if (requests_ >= options_.requests_max) {
    return fail(ErrorCode::limit_exceeded,
                to_string(options_.endpoint) + ": " + std::to_string(requests_) + " requests are under way");
  }
  if (request.body.size() > options_.requests_bytes_max - requests_bytes_) {
    return fail(ErrorCode::limit_exceeded, to_string(options_.endpoint) + ": requests of " +
                                               std::to_string(requests_bytes_) + " bytes are under way");
  }
  if (!is_sendable(request)) return fail(ErrorCode::invalid_argument, "a request that HTTP/2 cannot carry");
  return {};
}

std::shared_ptr<Http2ClientConnection> Http2Client::connection() {
  if (current_ != nullptr && current_->takes_requests()) return current_;
  if (current_ != nullptr) leaving_.push_back(std::move(current_));
  std::erase_if(leaving_, [](const auto& one) { return one->has_ended(); });
  current_ = Http2ClientConnection::open(core_, options_);
  return current_;
}

env::Task<Result<HttpClientResponse>> Http2Client::send(HttpClientRequest request, MonotonicTime deadline) {
  WEIR_CO_CHECK(admit(request));
  const std::uint64_t bytes = request.body.size();
  ++requests_;
  requests_bytes_ += bytes;
  Http2Exchange exchange(core_, std::move(request));
  const auto late = [&](ErrorCode code) { return fail(code, to_string(options_.endpoint) + ": the deadline passed"); };
  for (int tried = 0; !exchange.outcome.has_value(); ++tried) {
    if (deadline <= core_.now()) {
      exchange.outcome.emplace(late(ErrorCode::unavailable));
      break;
    }
    if (tried == connections_tried_max) {
      exchange.outcome.emplace(fail(ErrorCode::unavailable, to_string(options_.endpoint) + " takes no requests"));
      break;
    }
    exchange.turned_away = false;
    const std::shared_ptr<Http2ClientConnection> taken_by = connection();
    taken_by->add(exchange);
    co_await exchange.finished.wait_until(deadline);
    if (!exchange.outcome.has_value() && !exchange.turned_away) {
      exchange.outcome.emplace(late(taken_by->drop(exchange) ? ErrorCode::timeout : ErrorCode::unavailable));
    }
  }
  --requests_;
  requests_bytes_ -= bytes;
  co_return std::move(*exchange.outcome);
}

void Http2Client::close() noexcept {
  for (const auto& one : leaving_) one->close();
  if (current_ != nullptr) current_->close();
}

env::Task<void> Http2Client::stop() {
  close();
  std::vector<std::shared_ptr<Http2ClientConnection>> ending = std::exchange(leaving_, {});
  if (current_ != nullptr) ending.push_back(std::exchange(current_, nullptr));
  for (const auto& one : ending) co_await one->wait_for_end();
}

bool Http2Client::is_connected() const noexcept { return current_ != nullptr && current_->is_ready(); }

}  // namespace weir::net
