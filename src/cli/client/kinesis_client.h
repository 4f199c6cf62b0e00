// KinesisClient: a small client of the API, for the commands that people type. One connection, one request at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/client/interrupt.h"
#include "cli/client/server_url.h"
#include "cli/commands.h"
#include "env/core.h"
#include "kinesis/decode.h"
#include "kinesis/encode.h"
#include "kinesis/errors.h"
#include "kinesis/operations.h"
#include "net/client.h"

namespace weir::cli {

// Why a call has no answer, as far as a command may want to branch on it.
enum class CallFault : std::uint8_t {
  refused,      // the API's own error
  passing,      // the same, of the kind that another try may not meet: a throttle, a server that starts or stops
  unreachable,  // no answer; whether the request took effect is not known
  unusable,     // an answer that is not the API's
  interrupted,
};

struct CallError {
  CallFault fault = CallFault::unusable;
  std::optional<kinesis::ApiErrorCode> code;  // when the API gave one that is known
  std::string message;                        // one line for a person
};
// The same for those who only report it.
[[nodiscard]] Error to_error(CallError error);

// An output together with the body that its views point into.
template <class Output>
class Answer {
 public:
  explicit Answer(std::unique_ptr<std::string> body) noexcept : body_(std::move(body)) {}
  [[nodiscard]] const Output& operator*() const noexcept { return output_; }
  [[nodiscard]] const Output* operator->() const noexcept { return &output_; }

 private:
  friend class KinesisClient;
  std::unique_ptr<std::string> body_;
  Output output_;
};

template <class Output>
using CallResult = std::expected<Answer<Output>, CallError>;

// Which failures a call tries again by itself, with growing pauses, until the client's patience is at its end. Before
// the server was reached for the first time, no lost connection is: it is more likely not there.
enum class Retry : std::uint8_t {
  lost_connections,
  all_passing,  // those, and what CallFault::passing says
};

inline constexpr Duration endless_patience = Duration::max();

struct KinesisClientOptions {
  ClientOptions server;
  std::string command;  // "weir tail", before warnings on standard error
  Duration patience = seconds(30);
};

// Belongs to one core.
class KinesisClient {
 public:
  // Reads the CA file if one is named; connects with the first call. `interrupt` outlives the client.
  // Errors: invalid_argument for an endpoint URL or a CA file that cannot be used; as reading a file.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<KinesisClient>>> make(env::Core& core, Interrupt& interrupt,
                                                                              KinesisClientOptions options);
  KinesisClient(const KinesisClient&) = delete;
  KinesisClient& operator=(const KinesisClient&) = delete;

  // `input` need not outlive the call. A lost answer to a put that is tried again may put its records twice. An outage
  // that goes on is told to the user, once.
  template <class Output, class Input>
  [[nodiscard]] env::Task<CallResult<Output>> call(kinesis::Operation operation, const Input& input,
                                                   Retry retry = Retry::all_passing) {
    return call_encoded<Output>(operation, kinesis::encode(kinesis::Encoding::json, input), retry);
  }

  // Ends a call under way; interrupt first.
  void close() noexcept { http_.close(); }
  [[nodiscard]] env::Core& core() noexcept { return core_; }
  [[nodiscard]] Interrupt& interrupt() noexcept { return interrupt_; }
  // One line on standard error, after the command's name.
  void warn(std::string_view message) const;

 private:
  // A JSON body followed by kinesis::body_padding_bytes of padding. Its address matters: answers point into it.
  using Body = std::unique_ptr<std::string>;

  KinesisClient(env::Core& core, Interrupt& interrupt, KinesisClientOptions options, ServerUrl url,
                net::HttpClientOptions http);

  template <class Output>
  [[nodiscard]] env::Task<CallResult<Output>> call_encoded(kinesis::Operation operation, std::string body,
                                                           Retry retry) {
    auto received = co_await exchange(kinesis::info(operation).name, std::move(body), retry);
    if (!received) co_return std::unexpected(std::move(received.error()));
    Answer<Output> answer(std::move(*received));
    if (!read_body(*answer.body_, kinesis::structure_of<Output>, &answer.output_)) {
      co_return std::unexpected(not_the_api());
    }
    co_return answer;
  }

  [[nodiscard]] env::Task<std::expected<Body, CallError>> exchange(std::string_view operation, std::string body,
                                                                   Retry retry);
  [[nodiscard]] env::Task<std::expected<Body, CallError>> exchange_once(std::string_view operation,
                                                                        const std::string& body);
  [[nodiscard]] net::HttpClientRequest signed_request(std::string_view operation, const std::string& body) const;
  [[nodiscard]] bool may_try_again(const CallError& error, Retry retry) const noexcept;
  void warn_once(const CallError& error);
  [[nodiscard]] static bool read_body(std::string& body, const kinesis::Structure& structure, void* output);
  [[nodiscard]] CallError unreachable(const Error& error) const;
  [[nodiscard]] CallError not_the_api() const;

  env::Core& core_;
  Interrupt& interrupt_;
  KinesisClientOptions options_;
  ServerUrl url_;
  net::HttpClient http_;
  bool was_reached_ = false;
  bool has_warned_ = false;  // of the outage that goes on
};

}  // namespace weir::cli
