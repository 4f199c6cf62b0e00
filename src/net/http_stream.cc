#include "net/http_stream.h"

#include <array>
#include <utility>

#include "net/http1/http1_call.h"
#include "net/http1/http1_response_parser.h"

namespace weir::net {

namespace {
constexpr std::size_t read_bytes = 32 * kibibyte;
// Of what one call of receive() may add: what it read, and what the parser had left of the call before.
constexpr std::size_t piece_bytes_max = 2 * read_bytes;
}  // namespace

HttpStream::HttpStream(env::Core& core, HttpClientOptions options) : core_(core), options_(std::move(options)) {
  if (options_.host.empty()) options_.host = to_string(options_.endpoint);
}

HttpStream::~HttpStream() { close(); }

void HttpStream::close() noexcept {
  closed_ = true;
  if (connection_ != nullptr) connection_->close();
}

env::Task<Result<void>> HttpStream::open(HttpClientRequest request, MonotonicTime deadline) {
  WEIR_ASSERT_NOTE(parser_ == nullptr, "a stream is opened once");
  parser_ = std::make_unique<Http1ResponseParser>(request.method == "HEAD", piece_bytes_max, response_);
  WEIR_CO_CHECK(co_await connect_to_server(core_, options_, connection_, deadline));
  if (closed_) co_return fail(ErrorCode::closed, "the stream is closed");
  const std::string head = http1_request_head(request, options_.host);
  const std::array<BytesView, 2> parts{as_bytes(head), as_bytes(request.body)};
  WEIR_CO_CHECK(co_await connection_->write_all(parts, deadline));
  while (!parser_->has_head()) WEIR_CO_CHECK(co_await receive(deadline));
  co_return Result<void>();
}

env::Task<Result<std::string>> HttpStream::read(MonotonicTime deadline) {
  while (response_.body.empty() && !parser_->is_done()) WEIR_CO_CHECK(co_await receive(deadline));
  co_return std::exchange(response_.body, std::string());
}

env::Task<Result<void>> HttpStream::receive(MonotonicTime deadline) {
  const std::size_t had = received_.size();
  received_.resize(had + read_bytes);
  const Result<std::size_t> got =
      co_await connection_->read_some(std::as_writable_bytes(std::span(received_)).subspan(had), deadline);
  received_.resize(had + got.value_or(0));
  if (!got.has_value()) co_return std::unexpected(got.error());
  if (*got == 0) co_return parser_->end();
  WEIR_CO_TRY(const std::size_t consumed, parser_->parse(received_));
  received_.erase(0, consumed);
  co_return Result<void>();
}

}  // namespace weir::net
