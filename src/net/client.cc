#include "net/client.h"

#include <array>

#include "net/http1/http1_call.h"
#include "net/http1/http1_response_parser.h"

namespace weir::net {

namespace {
constexpr std::size_t read_bytes = 64 * kibibyte;
}  // namespace

std::optional<std::string_view> HttpClientResponse::header(std::string_view lower_case_name) const noexcept {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return std::nullopt;
}

HttpClient::HttpClient(env::Core& core, HttpClientOptions options) : core_(core), options_(std::move(options)) {
  if (options_.host.empty()) options_.host = to_string(options_.endpoint);
}

HttpClient::~HttpClient() { close(); }

void HttpClient::close() noexcept {
  if (connection_ != nullptr) connection_->close();
}

env::Task<Result<void>> HttpClient::connect(MonotonicTime deadline) {
  if (connection_ != nullptr) co_return Result<void>();
  received_.clear();
  const Result<void> connected = co_await connect_to_server(core_, options_, connection_, deadline);
  if (!connected.has_value()) connection_.reset();
  co_return connected;
}

env::Task<Result<HttpClientResponse>> HttpClient::send(HttpClientRequest request, MonotonicTime deadline) {
  WEIR_CO_CHECK(co_await connect(deadline));
  keep_ = false;
  Result<HttpClientResponse> response = co_await exchange(request, deadline);
  if (!response.has_value() || !keep_) {
    connection_->close();
    connection_.reset();
  }
  co_return response;
}

env::Task<Result<HttpClientResponse>> HttpClient::exchange(const HttpClientRequest& request, MonotonicTime deadline) {
  const std::string head = http1_request_head(request, options_.host);
  const std::array<BytesView, 2> parts{as_bytes(head), as_bytes(request.body)};
  const Result<void> sent = co_await connection_->write_all(parts, deadline);
  // A server that refuses a request answers before it has read all of it; then the answer matters, not the write.
  Result<HttpClientResponse> response = co_await receive(request.method == "HEAD", deadline);
  if (!sent.has_value()) {
    keep_ = false;
    if (!response.has_value()) co_return std::unexpected(sent.error());
  }
  co_return response;
}

env::Task<Result<HttpClientResponse>> HttpClient::receive(bool has_no_body, MonotonicTime deadline) {
  HttpClientResponse response;
  Http1ResponseParser parser(has_no_body, options_.response_bytes_max, response);
  for (;;) {
    WEIR_CO_TRY(const std::size_t consumed, parser.parse(received_));
    received_.erase(0, consumed);
    if (parser.is_done()) break;
    const std::size_t had = received_.size();
    received_.resize(had + read_bytes);
    const Result<std::size_t> got =
        co_await connection_->read_some(std::as_writable_bytes(std::span(received_)).subspan(had), deadline);
    received_.resize(had + got.value_or(0));
    if (!got.has_value()) co_return std::unexpected(got.error());
    if (*got == 0) {
      WEIR_CO_CHECK(parser.end());
      break;
    }
  }
  keep_ = parser.keep_alive();
  co_return response;
}

}  // namespace weir::net
