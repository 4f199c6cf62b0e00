#include "net/http2/http2_stream.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "net/http_context.h"

namespace weir::net {

namespace {

// Room made at once for a body of known length; more only for bytes that have come.
constexpr std::size_t first_body_room_bytes = 1 * mebibyte;

std::size_t content_length_of(const HttpRequest& request) noexcept {
  const std::string_view text = request.header("content-length").value_or("0");
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  // nghttp2 has checked the grammar; what does not fit an integer is too large in any case.
  return error == std::errc() ? bytes : std::numeric_limits<std::size_t>::max();
}

}  // namespace

Http2Stream::Http2Stream(HttpContext& context, std::int32_t stream_id) : id(stream_id), context_(&context) {
  request.http_major = 2;
}

bool Http2Stream::reserve() { return memory_.resize(context_->resources.request_memory, overhead_bytes); }

void Http2Stream::move_to(HttpContext& context) noexcept {
  context_ = &context;
  body_.move_to(context.buffers);
}

void Http2Stream::refuse(std::uint16_t status) noexcept {
  if (refusal == 0) refusal = status;
}

Http2Stream::Part Http2Stream::keep(std::string_view text) {
  const Part part{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(text.size())};
  text_.append(text);
  return part;
}

void Http2Stream::add_header(std::string_view name, std::string_view value) {
  header_bytes_ += name.size() + value.size();
  if (refusal != 0) return;
  if (header_bytes_ > context_->settings.header_bytes_max.get() ||
      fields_.size() == context_->settings.header_count_max.get()) {
    refuse(431);
    return;
  }
  if (!memory_.resize(context_->resources.request_memory, overhead_bytes + 2 * header_bytes_)) {
    refuse(503);
    return;
  }
  if (name == ":method") {
    method_ = keep(value);
  } else if (name == ":path") {
    target_ = keep(value);
  } else if (name == ":authority") {
    authority_ = keep(value);
  } else if (!name.starts_with(':')) {
    const Part kept_name = keep(name);
    fields_.emplace_back(kept_name, keep(value));
  }
}

void Http2Stream::finish_head() {
  phase = Phase::body;
  if (refusal != 0) return;
  request.method = view(method_);
  const std::string_view target = view(target_);
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  request.query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  request.headers.reserve(fields_.size() + 1);
  if (authority_.has_value()) request.headers.push_back({"host", view(*authority_)});
  for (const auto& [name, value] : fields_) {
    const HeaderField field{view(name), view(value)};
    if (field.name == "host" && authority_.has_value()) {
      if (field.value != view(*authority_)) refuse(400);  // two names for one place: which one was signed?
      continue;
    }
    request.headers.push_back(field);
  }
  fields_ = {};
  if (content_length_of(request) > context_->settings.body_bytes_max.get()) refuse(413);
}

bool Http2Stream::make_body_room(std::size_t bytes) {
  const std::size_t needed = bytes + body_padding_bytes;
  if (needed <= body_.capacity()) return true;
  const std::size_t announced = std::min(content_length_of(request) + body_padding_bytes, first_body_room_bytes);
  const std::size_t capacity = BufferPool::capacity_for(std::max({needed, announced, 2 * body_.capacity()}));
  if (!memory_.resize(context_->resources.request_memory, overhead_bytes + 2 * header_bytes_ + capacity)) return false;
  PooledBuffer larger = context_->buffers.acquire(capacity);
  if (body_bytes_ != 0) std::memcpy(larger.data(), body_.data(), body_bytes_);
  body_ = std::move(larger);
  return true;
}

void Http2Stream::add_body(BytesView bytes) {
  phase_bytes += bytes.size();
  if (refusal != 0 || bytes.empty()) return;
  if (body_bytes_ + bytes.size() > context_->settings.body_bytes_max.get()) {
    refuse(413);
  } else if (!make_body_room(body_bytes_ + bytes.size())) {
    refuse(503);
  } else {
    std::memcpy(body_.data() + body_bytes_, bytes.data(), bytes.size());
    body_bytes_ += bytes.size();
  }
}

void Http2Stream::finish_body() noexcept {
  request_ended = true;
  if (phase != Phase::body) return;
  phase = Phase::ready;
  request.body = body_bytes_ == 0 ? MutableBytes(empty_body_).first(0) : MutableBytes(body_.data(), body_bytes_);
}

void Http2Stream::release_request() noexcept {
  request.headers = {};
  request.method = request.path = request.query = {};
  request.body = {};
  text_ = {};
  body_ = {};
  // Getting smaller never fails.
  static_cast<void>(memory_.resize(context_->resources.request_memory, overhead_bytes));
}

void Http2Stream::set_response(HttpResponse with_response) noexcept {
  response = std::move(with_response);
  response_left_ = response.body_bytes();
  response_part_ = as_bytes(response.body);
  response_parts_begun_ = 0;
}

void Http2Stream::take_response(std::size_t bytes, std::string& output) {
  WEIR_ASSERT(bytes <= response_left_);
  response_left_ -= bytes;
  while (bytes != 0) {
    const BytesView piece = response_part_.first(std::min(bytes, response_part_.size()));
    output.append(as_text(piece));
    bytes -= piece.size();
    response_part_ = response_part_.subspan(piece.size());
    if (bytes != 0) response_part_ = response.body_rest[response_parts_begun_++].bytes;
  }
}

}  // namespace weir::net
