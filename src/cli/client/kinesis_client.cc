#include "cli/client/kinesis_client.h"

#include <cstdio>
#include <utility>

#include "cli/client/backoff.h"
#include "env/file.h"
#include "frontend/authentication/sigv4.h"
#include "net/tls/tls.h"

namespace weir::kinesis {

// What the API answers with when it refuses (API reference §1.8).
struct ErrorBody {
  std::optional<std::string_view> type;
  std::optional<std::string_view> message;
  std::optional<std::string_view> capital_message;
};
template <>
inline constexpr auto definition_of<ErrorBody> =
    shape("ErrorBody", member<&ErrorBody::type>("__type"), member<&ErrorBody::message>("message"),
          member<&ErrorBody::capital_message>("Message"));

}  // namespace weir::kinesis

namespace weir::cli {
namespace {

constexpr Duration call_time_max = seconds(30);
// Throttles shorter than this are everyday life.
constexpr Duration quiet_time = seconds(5);
constexpr std::uint64_t ca_file_bytes_max = 4 * mebibyte;
constexpr std::string_view target_prefix = "Kinesis_20131202.";
constexpr std::string_view signed_content_type = kinesis::content_type(kinesis::Encoding::json);

std::optional<kinesis::ApiErrorCode> find_code(std::string_view name) {
  for (std::size_t i = 0; i < kinesis::api_error_codes; ++i) {
    const auto code = static_cast<kinesis::ApiErrorCode>(i);
    if (kinesis::info(code).name == name) return code;
  }
  return std::nullopt;
}

// A server's words go to a terminal as one line and without control characters.
std::string printable_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

CallError refusal(std::uint16_t status, const kinesis::ErrorBody& body) {
  std::string_view name = body.type.value_or("");
  if (const std::size_t hash = name.find('#'); hash != std::string_view::npos) name.remove_prefix(hash + 1);
  CallError error{
      .fault = status >= 500 ? CallFault::passing : CallFault::refused, .code = find_code(name), .message = {}};
  if (error.code && kinesis::info(*error.code).retryable) error.fault = CallFault::passing;
  error.message = name.empty() ? "HTTP status " + std::to_string(status) : printable_line(name);
  const std::string_view words = body.message.value_or(body.capital_message.value_or(""));
  if (!words.empty()) error.message.append(": ").append(printable_line(words));
  return error;
}

env::Task<Result<std::shared_ptr<const net::TlsContext>>> client_tls(env::Core& core, std::string ca_file) {
  net::TlsClientOptions options;
  if (!ca_file.empty()) {
    WEIR_CO_TRY(options.trusted_pem, co_await env::read_whole_file(core.files(), ca_file, ca_file_bytes_max));
    if (options.trusted_pem.empty()) {
      co_return fail(ErrorCode::invalid_argument, "the CA file " + ca_file + " is empty");
    }
  }
  co_return net::TlsContext::client(options);
}

}  // namespace

Error to_error(CallError error) {
  if (error.fault == CallFault::unreachable) return {ErrorCode::unavailable, std::move(error.message)};
  if (error.fault == CallFault::interrupted) return {ErrorCode::closed, std::move(error.message)};
  if (error.code == kinesis::ApiErrorCode::resource_not_found) return {ErrorCode::not_found, std::move(error.message)};
  return {ErrorCode::invalid_argument, std::move(error.message)};
}

env::Task<Result<std::unique_ptr<KinesisClient>>> KinesisClient::make(env::Core& core, Interrupt& interrupt,
                                                                      KinesisClientOptions options) {
  WEIR_CO_TRY(ServerUrl url, parse_server_url(options.server.endpoint));
  net::HttpClientOptions http{.endpoint = url.endpoint, .host = url.host, .tls = nullptr};
  if (url.tls) {
    WEIR_CO_TRY(http.tls, co_await client_tls(core, options.server.ca_file));
  }
  co_return std::unique_ptr<KinesisClient>(
      new KinesisClient(core, interrupt, std::move(options), std::move(url), std::move(http)));
}

KinesisClient::KinesisClient(env::Core& core, Interrupt& interrupt, KinesisClientOptions options, ServerUrl url,
                             net::HttpClientOptions http)
    : core_(core),
      interrupt_(interrupt),
      options_(std::move(options)),
      url_(std::move(url)),
      http_(core, std::move(http)) {}

void KinesisClient::warn(std::string_view message) const {
  std::fprintf(stderr, "%s: %.*s\n", options_.command.c_str(), static_cast<int>(message.size()), message.data());
}

env::Task<std::expected<KinesisClient::Body, CallError>> KinesisClient::exchange(std::string_view operation,
                                                                                 std::string body, Retry retry) {
  const MonotonicTime began = core_.now();
  const MonotonicTime give_up = options_.patience == endless_patience ? no_deadline : began + options_.patience;
  Backoff backoff(core_);
  for (std::uint32_t failures = 0;; ++failures) {
    auto received = co_await exchange_once(operation, body);
    if (interrupt_.is_requested()) co_return std::unexpected(CallError{CallFault::interrupted, {}, "interrupted"});
    if (received) {
      was_reached_ = true;
      has_warned_ = false;
      co_return received;
    }
    if (received.error().fault != CallFault::unreachable) was_reached_ = true;
    if (!may_try_again(received.error(), retry) || core_.now() >= give_up) co_return received;
    // A connection that was idle may have been closed for that: then a new one is all it takes.
    const bool is_lost = received.error().fault == CallFault::unreachable;
    if (is_lost && failures == 0) continue;
    if (is_lost || core_.now() - began >= quiet_time) warn_once(received.error());
    co_await interrupt_.sleep_until(core_.now() + backoff.next());
  }
}

env::Task<std::expected<KinesisClient::Body, CallError>> KinesisClient::exchange_once(std::string_view operation,
                                                                                      const std::string& body) {
  auto response = co_await http_.send(signed_request(operation, body), core_.now() + call_time_max);
  if (!response) {
    if (response.error().code == ErrorCode::corrupt) co_return std::unexpected(not_the_api());
    co_return std::unexpected(unreachable(response.error()));
  }
  auto received = std::make_unique<std::string>(std::move(response->body));
  received->append(kinesis::body_padding_bytes, '\0');
  if (response->status == 200) co_return received;
  kinesis::ErrorBody error;
  if (!read_body(*received, kinesis::structure_of<kinesis::ErrorBody>, &error) && response->status < 500) {
    co_return std::unexpected(not_the_api());
  }
  co_return std::unexpected(refusal(response->status, error));
}

net::HttpClientRequest KinesisClient::signed_request(std::string_view operation, const std::string& body) const {
  net::HttpClientRequest request;
  request.headers = {{"content-type", std::string(signed_content_type)},
                     {"x-amz-target", std::string(target_prefix) + std::string(operation)}};
  request.body = body;
  net::HttpRequest to_sign;
  to_sign.method = request.method;
  to_sign.path = request.target;
  to_sign.headers.push_back({"host", url_.host});
  for (const auto& [name, value] : request.headers) to_sign.headers.push_back({name, value});
  to_sign.body = std::as_writable_bytes(std::span(request.body));
  const frontend::Credential credential{.access_key_id = options_.server.access_key_id,
                                        .secret_access_key = options_.server.secret_access_key,
                                        .account = {},
                                        .session_token = options_.server.session_token,
                                        .expires = {}};
  for (auto& header : frontend::sign_request(to_sign, credential, options_.server.region, core_.wall_now())) {
    request.headers.push_back(std::move(header));
  }
  return request;
}

bool KinesisClient::may_try_again(const CallError& error, Retry retry) const noexcept {
  if (error.fault == CallFault::unreachable) return was_reached_;
  return error.fault == CallFault::passing && retry == Retry::all_passing;
}

void KinesisClient::warn_once(const CallError& error) {
  if (!std::exchange(has_warned_, true)) warn(error.message + "; trying again");
}

bool KinesisClient::read_body(std::string& body, const kinesis::Structure& structure, void* output) {
  const std::size_t size = body.size() - kinesis::body_padding_bytes;
  if (size == 0) return true;  // operations without an output
  const MutableBytes bytes = std::as_writable_bytes(std::span(body)).first(size);
  return kinesis::decode(kinesis::Encoding::json, bytes, structure, output).has_value();
}

CallError KinesisClient::unreachable(const Error& error) const {
  const std::string where = env::to_string(url_.endpoint);
  std::string message = was_reached_ ? "lost " + where : "cannot reach " + where;
  if (!was_reached_ && error.code == ErrorCode::unavailable) message += ": is `weir serve` running?";
  if (!was_reached_ && error.code == ErrorCode::io && url_.tls) message += ": is --ca-file right?";
  return {CallFault::unreachable, {}, message + " (" + printable_line(error.message) + ")"};
}

CallError KinesisClient::not_the_api() const {
  return {
      CallFault::unusable, {}, env::to_string(url_.endpoint) + " does not speak the Kinesis API; see --endpoint-url"};
}

}  // namespace weir::cli
