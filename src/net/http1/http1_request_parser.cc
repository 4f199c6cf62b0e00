#include "net/http1/http1_request_parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>

#include "base/assert.h"

namespace weir::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;

namespace {

std::string_view view(BeastText text) noexcept { return {text.data(), text.size()}; }

// ASCII only, in place: `name` lies in the receive buffer.
void make_lower_case(std::string_view name) noexcept {
  char* const text = const_cast<char*>(name.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): our own buffer
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (text[i] >= 'A' && text[i] <= 'Z') text[i] = static_cast<char>(text[i] + ('a' - 'A'));
  }
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) noexcept {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
    if (c != lower_case[i]) return false;
  }
  return true;
}

// Receives the pieces of one request from Beast, whose parsers serve one message each.
class RequestReader final : public http::basic_parser<true> {
 public:
  RequestReader(MutableBytes head, std::size_t header_count_max, HttpRequest& request)
      : head_(head), header_count_max_(header_count_max), request_(request) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // the connection bounds the head before it is parsed
    body_limit(boost::none);                                  // and the body while it arrives
  }

  [[nodiscard]] bool has_too_many_headers() const noexcept { return too_many_headers_; }
  [[nodiscard]] bool is_1_1() const noexcept { return is_1_1_; }
  [[nodiscard]] std::size_t host_count() const noexcept { return host_count_; }
  [[nodiscard]] bool has_transfer_encoding() const noexcept { return transfer_encoding_; }
  [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }
  [[nodiscard]] bool has_other_expectation() const noexcept { return other_expectation_; }

  void write_chunks_to(std::byte* output) noexcept { output_ = output; }
  [[nodiscard]] std::byte* written_to() const noexcept { return output_; }

 private:
  static error_code malformed() { return make_error_code(http::error::bad_field); }

  // A value that Beast had to unfold from several lines lies in a buffer of its own.
  [[nodiscard]] bool lies_in_head(std::string_view text) const noexcept {
    const auto* const first = reinterpret_cast<const char*>(head_.data());
    return text.empty() ||
           (std::greater_equal<>()(text.data(), first) && std::less<>()(text.data(), first + head_.size()));
  }

  void on_request_impl(http::verb, BeastText method, BeastText target, int version, error_code& /*ec*/) override {
    is_1_1_ = version == 11;
    request_.method = view(method);
    const std::string_view whole = view(target);
    const std::size_t question = whole.find('?');
    request_.path = whole.substr(0, question);
    request_.query = question == std::string_view::npos ? std::string_view() : whole.substr(question + 1);
  }

  void on_response_impl(int /*status*/, BeastText /*reason*/, int /*version*/, error_code& /*ec*/) override {}

  void on_field_impl(http::field field, BeastText name, BeastText value, error_code& ec) override {
    if (in_body_) return;  // trailer fields carry nothing that Weir uses
    const HeaderField header{view(name), view(value)};
    if (!lies_in_head(header.value)) {
      ec = malformed();
      return;
    }
    if (request_.headers.size() == header_count_max_) {
      too_many_headers_ = true;
      ec = malformed();
      return;
    }
    if (field == http::field::host) ++host_count_;
    if (field == http::field::transfer_encoding) {
      // Any other coding would have to be undone before the handler sees the body.
      if (transfer_encoding_ || !equals_ignoring_case(header.value, "chunked")) ec = malformed();
      transfer_encoding_ = true;
    }
    if (field == http::field::expect) {
      (equals_ignoring_case(header.value, "100-continue") ? expects_continue_ : other_expectation_) = true;
    }
    make_lower_case(header.name);
    request_.headers.push_back(header);
  }

  void on_header_impl(error_code& /*ec*/) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, error_code& /*ec*/) override {}
  std::size_t on_body_impl(BeastText body, error_code& /*ec*/) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t /*size*/, BeastText /*extensions*/, error_code& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, BeastText body, error_code& /*ec*/) override {
    std::memmove(output_, body.data(), body.size());
    output_ += body.size();
    return body.size();
  }
  void on_finish_impl(error_code& /*ec*/) override {}

  MutableBytes head_;
  std::size_t header_count_max_;
  HttpRequest& request_;
  std::byte* output_ = nullptr;
  std::size_t host_count_ = 0;
  bool is_1_1_ = false;
  bool transfer_encoding_ = false;
  bool expects_continue_ = false;
  bool other_expectation_ = false;
  bool too_many_headers_ = false;
  bool in_body_ = false;
};

}  // namespace

class Http1RequestParser::Beast {
 public:
  std::optional<RequestReader> reader;
};

Http1RequestParser::Http1RequestParser() : beast_(std::make_unique<Beast>()) {}
Http1RequestParser::~Http1RequestParser() = default;

Http1Head Http1RequestParser::parse_head(MutableBytes head, std::size_t header_count_max, HttpRequest& request) {
  request.headers.clear();
  RequestReader& reader = beast_->reader.emplace(head, header_count_max, request);
  error_code error;
  const std::size_t parsed = reader.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error) return {.refusal = static_cast<std::uint16_t>(reader.has_too_many_headers() ? 431 : 400), .framing = {}};
  if (parsed != head.size() || !reader.is_header_done()) return {.refusal = 400, .framing = {}};
  if (reader.host_count() > 1 || (reader.is_1_1() && reader.host_count() == 0)) return {.refusal = 400, .framing = {}};
  if (reader.has_transfer_encoding() && !reader.is_1_1()) return {.refusal = 400, .framing = {}};
  if (reader.has_other_expectation()) return {.refusal = 417, .framing = {}};
  return {.refusal = 0,
          .framing = {.content_length = reader.chunked() ? 0 : reader.content_length().value_or(0),
                      .chunked = reader.chunked(),
                      .keep_alive = reader.keep_alive(),
                      .is_1_1 = reader.is_1_1(),
                      .expects_continue = reader.expects_continue() && reader.is_1_1()}};
}

ChunkProgress Http1RequestParser::decode_chunks(BytesView input, std::byte* output) {
  WEIR_ASSERT(beast_->reader.has_value() && beast_->reader->chunked());
  // Beast asserts that it never sees less than this behind the line of the last chunk.
  constexpr std::string_view shortest_end = "0\r\n\r\n";
  if (input.size() < shortest_end.size() && as_text(input).starts_with("0\r\n")) return {};
  RequestReader& reader = *beast_->reader;
  reader.eager(true);
  reader.write_chunks_to(output);
  error_code error;
  const std::size_t consumed = reader.put(boost::asio::const_buffer(input.data(), input.size()), error);
  return {.consumed = consumed,
          .produced = static_cast<std::size_t>(reader.written_to() - output),
          .done = !error && reader.is_done(),
          .malformed = error && error != make_error_code(http::error::need_more)};
}

std::size_t find_head_end(BytesView received, std::size_t searched) noexcept {
  constexpr std::string_view empty_line = "\r\n\r\n";
  const std::size_t from = searched < empty_line.size() ? 0 : searched - (empty_line.size() - 1);
  if (received.size() < from + empty_line.size()) return 0;
  const void* const found =
      memmem(received.data() + from, received.size() - from, empty_line.data(), empty_line.size());
  if (found == nullptr) return 0;
  return static_cast<std::size_t>(static_cast<const std::byte*>(found) - received.data()) + empty_line.size();
}

}  // namespace weir::net
