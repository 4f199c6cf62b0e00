#include "net/http1/http1_response_parser.h"

#include <boost/beast/http/basic_parser.hpp>

namespace weir::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;

namespace {
constexpr std::uint32_t header_bytes_max = 64 * kibibyte;
}  // namespace

class Http1ResponseParser::Beast final : public http::basic_parser<false> {
 public:
  Beast(bool has_no_body, std::uint64_t body_bytes_max, HttpClientResponse& response)
      : body_bytes_max_(body_bytes_max), response_(response) {
    header_limit(header_bytes_max);
    body_limit(boost::none);
    eager(true);
    skip(has_no_body);
  }

 private:
  void on_request_impl(http::verb, BeastText, BeastText, int, error_code&) override {}
  void on_response_impl(int status, BeastText /*reason*/, int /*version*/, error_code& /*ec*/) override {
    response_.status = static_cast<std::uint16_t>(status);
  }
  void on_field_impl(http::field, BeastText name, BeastText value, error_code& /*ec*/) override {
    if (in_body_) return;  // a trailer
    std::string lower(name.data(), name.size());
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    response_.headers.emplace_back(std::move(lower), std::string(value.data(), value.size()));
  }
  void on_header_impl(error_code& /*ec*/) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, error_code& /*ec*/) override {}
  std::size_t on_body_impl(BeastText body, error_code& ec) override { return append(body, ec); }
  void on_chunk_header_impl(std::uint64_t /*size*/, BeastText /*extensions*/, error_code& /*ec*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, BeastText body, error_code& ec) override {
    return append(body, ec);
  }
  void on_finish_impl(error_code& /*ec*/) override {}

  std::size_t append(BeastText body, error_code& ec) {
    if (response_.body.size() + body.size() > body_bytes_max_) {
      ec = make_error_code(http::error::body_limit);
      return 0;
    }
    response_.body.append(body.data(), body.size());
    return body.size();
  }

  std::uint64_t body_bytes_max_;
  HttpClientResponse& response_;
  bool in_body_ = false;
};

Http1ResponseParser::Http1ResponseParser(bool has_no_body, std::uint64_t body_bytes_max, HttpClientResponse& response)
    : has_no_body_(has_no_body), body_bytes_max_(body_bytes_max), response_(response) {
  start();
}

Http1ResponseParser::~Http1ResponseParser() = default;

void Http1ResponseParser::start() {
  response_ = {};
  beast_ = std::make_unique<Beast>(has_no_body_, body_bytes_max_, response_);
}

Result<std::size_t> Http1ResponseParser::parse(std::string_view bytes) {
  std::size_t consumed = 0;
  while (consumed < bytes.size() && !beast_->is_done()) {
    error_code error;
    consumed += beast_->put(boost::asio::const_buffer(bytes.data() + consumed, bytes.size() - consumed), error);
    if (error == make_error_code(http::error::need_more)) break;
    if (error == make_error_code(http::error::body_limit)) {
      return fail(ErrorCode::limit_exceeded, "response of more than " + std::to_string(body_bytes_max_) + " bytes");
    }
    if (error) return fail(ErrorCode::corrupt, "response that is not HTTP: " + error.message());
    constexpr std::uint16_t first_final_status = 200;
    if (beast_->is_done() && response_.status < first_final_status) start();
  }
  return consumed;
}

Result<void> Http1ResponseParser::end() {
  error_code error = make_error_code(http::error::partial_message);
  if (beast_->got_some()) beast_->put_eof(error);
  if (error) return fail(ErrorCode::closed, "the server closed the connection before its response was whole");
  return {};
}

bool Http1ResponseParser::has_head() const noexcept { return beast_->is_header_done(); }

bool Http1ResponseParser::is_done() const noexcept { return beast_->is_done(); }

bool Http1ResponseParser::keep_alive() const noexcept { return beast_->keep_alive(); }

}  // namespace weir::net
