#include "net/http1/http1_connection.h"

#include <algorithm>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "net/http1/http1_response_head.h"

namespace weir::net {

namespace {

// Responses up to this size are bounded by the number of connections alone.
constexpr std::size_t unbudgeted_response_bytes = 16 * kibibyte;

// Header fields that a connection keeps room for between requests.
constexpr std::size_t kept_header_count = 32;

// Room made at once for a body of known length.
constexpr std::size_t first_body_room_bytes = 2 * mebibyte;

// The first byte of a method. Anything else (a TLS hello, say) is refused without waiting for an end that never comes.
bool may_begin_request(std::byte first) noexcept {
  const char c = static_cast<char>(first);
  return c > ' ' && c < 0x7f;
}

// `view` in bytes that lay at address `from` and now lie at `to`.
std::string_view moved(std::string_view view, std::uintptr_t from, const std::byte* to) noexcept {
  if (view.data() == nullptr) return view;
  return {reinterpret_cast<const char*>(to) + (reinterpret_cast<std::uintptr_t>(view.data()) - from), view.size()};
}

}  // namespace

Http1Connection::Http1Connection(HttpContext& context, env::Connection& connection, ConnectionTraits traits,
                                 ReceiveBuffer received)
    : context_(&context), connection_(&connection), buffer_(std::move(received)) {
  request_.http_major = 1;
  request_.over_tls = traits.over_tls;
  request_.peer = traits.peer;
  request_.peer_is_loopback = traits.peer_is_loopback;
  request_.connection_label = &label_;
}

void Http1Connection::begin_drain() noexcept {
  draining_ = true;
  if (idle_) connection_->close();
}

void Http1Connection::arrive(HttpContext& context, env::Connection& connection) noexcept {
  context_ = &context;
  connection_ = &connection;
  buffer_.move_to(context.buffers);
  moves_ = false;
}

env::Task<HttpConnection::Ending> Http1Connection::run() {
  while (co_await receive_head()) {
    const Http1Head head =
        parser_.parse_head(buffer_.filled().first(head_bytes_), context_->settings.header_count_max.get(), request_);
    if (head.refusal != 0) {
      co_await refuse(head.refusal);
      break;
    }
    is_head_request_ = request_.method == "HEAD";
    if (body_is_here(head.framing)) {
      set_body(head.framing.content_length);
    } else if (head.framing.chunked) {
      if (!co_await receive_chunked_body(head.framing)) break;
    } else {
      if (!co_await receive_sized_body(head.framing)) break;
    }
    if (!co_await serve_request(head.framing)) break;
    if (moves_ && !draining_) co_return Ending::moves;
  }
  co_return Ending::done;
}

env::Task<bool> Http1Connection::receive_head() {
  const std::size_t bytes_max = context_->settings.header_bytes_max.get();
  bool begun = !buffer_.empty();
  const milliseconds patience =
      begun || first_request_ ? context_->settings.header_timeout.get() : context_->settings.idle_timeout.get();
  MonotonicTime deadline = context_->core.now() + patience;
  first_request_ = false;
  is_head_request_ = false;
  for (std::size_t searched = 0;;) {
    // Some old clients send an empty line after a body.
    while (buffer_.size() >= 2 && as_text(buffer_.filled()).starts_with("\r\n")) buffer_.drop_front(2);
    head_bytes_ = find_head_end(buffer_.filled(), searched);
    searched = buffer_.size();
    if (head_bytes_ != 0 && head_bytes_ <= bytes_max) co_return true;
    if (searched > bytes_max) {
      co_await refuse(431);
      co_return false;
    }
    if (searched != 0 && buffer_.filled().front() != std::byte{'\r'} && !may_begin_request(buffer_.filled().front())) {
      co_await refuse(400);
      co_return false;
    }
    if (draining_ && searched == 0) co_return false;
    if (!make_room(searched + 1)) {
      co_await refuse(503);
      co_return false;
    }
    idle_ = searched == 0;
    const Result<std::size_t> got = co_await connection_->read_some(buffer_.free_space(), deadline);
    idle_ = false;
    if (!got.has_value() || *got == 0) {
      const bool too_slow = !got.has_value() && got.error().code == ErrorCode::timeout && searched != 0;
      if (too_slow) co_await refuse(408);
      co_return false;
    }
    buffer_.append(*got);
    if (!begun) deadline = context_->core.now() + context_->settings.header_timeout.get();
    begun = true;
  }
}

bool Http1Connection::body_is_here(const Http1Framing& framing) const noexcept {
  return !framing.chunked && framing.content_length <= context_->settings.body_bytes_max.get() &&
         framing.content_length <= buffer_.size() - head_bytes_ &&
         // What follows the body in the block is readable, whatever it is.
         buffer_.has_room(head_bytes_ + framing.content_length);
}

void Http1Connection::set_body(std::size_t body_bytes) noexcept {
  request_bytes_ = head_bytes_ + body_bytes;
  request_.body = buffer_.filled().subspan(head_bytes_, body_bytes);
}

env::Task<bool> Http1Connection::receive_sized_body(Http1Framing framing) {
  if (framing.content_length > context_->settings.body_bytes_max.get()) {
    co_await refuse(413);
    co_return false;
  }
  const std::size_t whole = head_bytes_ + framing.content_length;
  if (!co_await invite_body(framing)) co_return false;
  const MonotonicTime deadline = context_->core.now() + Duration(context_->settings.body_timeout.get());
  const std::size_t had = buffer_.size();
  while (buffer_.size() < whole) {
    // A length costs its sender nothing; memory beyond the first step goes only to who sends.
    if (!make_room(std::min(whole, std::max(first_body_room_bytes, 2 * buffer_.size())))) {
      co_await refuse(503);
      co_return false;
    }
    const Duration earned = transfer_allowance(context_->settings, milliseconds(0), buffer_.size() - had);
    if (!co_await read_more(deadline + earned)) co_return false;
  }
  set_body(framing.content_length);
  co_return true;
}

env::Task<bool> Http1Connection::receive_chunked_body(Http1Framing framing) {
  const std::size_t body_bytes_max = context_->settings.body_bytes_max.get();
  if (!co_await invite_body(framing)) co_return false;
  const MonotonicTime deadline = context_->core.now() + Duration(context_->settings.body_timeout.get());
  std::size_t received = 0;
  std::size_t body_bytes = 0;
  for (;;) {
    // The buffer holds the head, the body as far as decoded, and chunks that are still to decode.
    const MutableBytes input = buffer_.filled().subspan(head_bytes_ + body_bytes);
    const ChunkProgress progress = parser_.decode_chunks(input, input.data());
    const BytesView rest = input.subspan(progress.consumed);
    body_bytes += progress.produced;
    if (progress.consumed != progress.produced) {
      std::memmove(input.data() + progress.produced, rest.data(), rest.size());
    }
    buffer_.cut_to(head_bytes_ + body_bytes + rest.size());
    const bool endless_line = !progress.done && rest.size() > context_->settings.header_bytes_max.get();
    if (progress.malformed || endless_line || body_bytes > body_bytes_max) {
      co_await refuse(body_bytes > body_bytes_max ? 413 : 400);
      co_return false;
    }
    if (progress.done) {
      set_body(body_bytes);
      co_return true;
    }
    if (!make_room(buffer_.size() + 1)) {
      co_await refuse(503);
      co_return false;
    }
    const std::size_t before = buffer_.size();
    const Duration earned = transfer_allowance(context_->settings, milliseconds(0), received);
    if (!co_await read_more(deadline + earned)) co_return false;
    received += buffer_.size() - before;
  }
}

env::Task<bool> Http1Connection::read_more(MonotonicTime deadline) {
  const Result<std::size_t> got = co_await connection_->read_some(buffer_.free_space(), deadline);
  if (got.has_value() && *got != 0) {
    buffer_.append(*got);
    co_return true;
  }
  if (!got.has_value() && got.error().code == ErrorCode::timeout) co_await refuse(408);
  co_return false;
}

env::Task<bool> Http1Connection::invite_body(Http1Framing framing) {
  if (!framing.expects_continue || buffer_.size() != head_bytes_) co_return true;
  const BytesView invitation = as_bytes("HTTP/1.1 100 Continue\r\n\r\n");
  const MonotonicTime deadline = context_->core.now() + Duration(context_->settings.write_timeout.get());
  co_return (co_await connection_->write_all({&invitation, 1}, deadline)).has_value();
}

env::Task<bool> Http1Connection::serve_request(Http1Framing framing) {
  context_->metrics.requests_http1.add();
  context_->metrics.received_bytes.add(request_bytes_);
  HttpResponse response = co_await context_->handler.handle(request_);
  moves_ = context_->moves_after(response);
  context_->settle(*connection_, request_bytes_, response, moves_, rests_);
  finish_request();
  MemoryReservation reserved;
  if (const std::size_t bytes = response.body_bytes();
      bytes > unbudgeted_response_bytes && !reserved.resize(context_->resources.response_memory, bytes)) {
    context_->metrics.count_refusal(503);
    response = context_->handler.refuse(503);
  }
  const bool stays_open = framing.keep_alive && !draining_ && !response.ends_connection;
  const std::string_view connection = !stays_open ? "close" : framing.is_1_1 ? "" : "keep-alive";
  co_return co_await write_response(response, connection, !is_head_request_) && stays_open;
}

void Http1Connection::finish_request() {
  buffer_.drop_front(request_bytes_);
  buffer_.shrink();
  request_.method = request_.path = request_.query = {};
  request_.headers.clear();
  if (request_.headers.capacity() > kept_header_count) request_.headers.shrink_to_fit();
  request_.body = {};
}

env::Task<bool> Http1Connection::write_response(const HttpResponse& response, std::string_view connection,
                                                bool body_follows) {
  write_http1_response_head(response, context_->date.text(context_->core.wall_now()), connection, response_head_);
  absl::InlinedVector<BytesView, 2> parts{as_bytes(response_head_)};
  std::size_t bytes = response_head_.size();
  if (body_follows && status_has_body(response.status)) {
    parts.push_back(as_bytes(response.body));
    for (const SharedBytes& part : response.body_rest) parts.push_back(part.bytes);
    bytes += response.body_bytes();
  }
  const MonotonicTime deadline =
      context_->core.now() + transfer_allowance(context_->settings, context_->settings.write_timeout.get(), bytes);
  const Result<void> written = co_await connection_->write_all(parts, deadline);
  if (written.has_value()) context_->metrics.sent_bytes.add(bytes);
  co_return written.has_value();
}

env::Task<void> Http1Connection::refuse(std::uint16_t status) {
  context_->metrics.count_refusal(status);
  const HttpResponse response = context_->handler.refuse(status);
  buffer_.cut_to(0);
  buffer_.shrink();
  if (!co_await write_response(response, "close", !is_head_request_)) co_return;
  if (status != 408) co_await linger();
}

env::Task<void> Http1Connection::linger() {
  // Closing a socket with unread bytes resets the connection, and the peer may lose the answer. So read on for a while.
  const MonotonicTime deadline = context_->core.now() + Duration(context_->settings.lingering_timeout.get());
  const std::uint64_t bytes_max = context_->settings.body_bytes_max.get();
  for (std::uint64_t dropped = 0; dropped < bytes_max;) {
    const Result<std::size_t> got = co_await connection_->read_some(buffer_.free_space(), deadline);
    if (!got.has_value() || *got == 0) co_return;
    dropped += *got;
  }
}

bool Http1Connection::make_room(std::size_t bytes) {
  const auto from = reinterpret_cast<std::uintptr_t>(buffer_.filled().data());
  if (!buffer_.make_room(bytes)) return false;
  const std::byte* const to = buffer_.filled().data();
  if (reinterpret_cast<std::uintptr_t>(to) == from) return true;
  request_.method = moved(request_.method, from, to);
  request_.path = moved(request_.path, from, to);
  request_.query = moved(request_.query, from, to);
  for (HeaderField& field : request_.headers) field = {moved(field.name, from, to), moved(field.value, from, to)};
  return true;
}

}  // namespace weir::net
