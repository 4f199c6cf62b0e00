// Result: the value every fallible function returns.
//
// Expected failures travel as values; exceptions never cross a module. A Result carries either the value or
// an Error: a small code that callers branch on, and a message for the operator who reads the log.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

// What went wrong, as far as a caller may want to branch on it.
enum class ErrorCode : std::uint8_t {
  invalid_argument,  // the caller passed something that cannot be right
  not_found,         // the named thing does not exist
  already_exists,    // the named thing exists and must not
  conflict,          // a compare-and-swap lost, or the state does not allow the step
  corrupt,           // stored bytes fail their checksum or their grammar
  io,                // the operating system reported a failed read, write or sync
  no_space,          // the disk is full, or a reserve that protects it is reached
  fenced,            // a newer epoch owns the lane; nothing was written
  closed,            // the peer, file, shard or component is closed
  timeout,           // the deadline passed
  limit_exceeded,    // a declared bound was reached
  unavailable,       // cannot serve now, may later (recovering, draining)
  unsupported,       // a format version or feature this binary does not know
  internal,          // a broken promise inside Weir itself
};

// The stable lower-case name of `code`, as it appears in logs and metrics.
[[nodiscard]] constexpr std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::already_exists: return "already_exists";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::corrupt: return "corrupt";
    case ErrorCode::io: return "io";
    case ErrorCode::no_space: return "no_space";
    case ErrorCode::fenced: return "fenced";
    case ErrorCode::closed: return "closed";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::limit_exceeded: return "limit_exceeded";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

// Builds the failed side of a Result: `return fail(ErrorCode::corrupt, "segment 7: bad magic");`
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// Passes an error on with what the caller was doing put before it.
[[nodiscard]] inline std::unexpected<Error> fail_while(std::string_view doing, Error error) {
  error.message.insert(0, ": ").insert(0, doing);
  return std::unexpected<Error>(std::move(error));
}

}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

// WEIR_TRY(auto x, expression): binds the value, or returns the error from this function.
#define WEIR_TRY(declaration, expression) \
  WEIR_TRY_IMPL(declaration, expression, return, WEIR_CONCAT(weir_try_, __LINE__))
// The same inside a coroutine.
#define WEIR_CO_TRY(declaration, expression) \
  WEIR_TRY_IMPL(declaration, expression, co_return, WEIR_CONCAT(weir_try_, __LINE__))
#define WEIR_TRY_IMPL(declaration, expression, leave, name)              \
  auto name = (expression);                                              \
  if (!name.has_value()) leave std::unexpected(std::move(name.error())); \
  declaration = std::move(*name)

// WEIR_CHECK(expression): for Result<void>; returns the error from this function.
#define WEIR_CHECK(expression) WEIR_CHECK_IMPL(expression, return, WEIR_CONCAT(weir_check_, __LINE__))
#define WEIR_CO_CHECK(expression) WEIR_CHECK_IMPL(expression, co_return, WEIR_CONCAT(weir_check_, __LINE__))
#define WEIR_CHECK_IMPL(expression, leave, name) \
  if (auto name = (expression); !name.has_value()) leave std::unexpected(std::move(name.error()))
