#include "env/real/errors.h"

#include <cerrno>
#include <system_error>

namespace weir::env::real {
namespace {

std::string described(int number, std::string_view call, std::string_view subject) {
  std::string text(call);
  if (!subject.empty()) text.append(" ").append(subject);
  return text.append(": ").append(std::system_category().message(number));
}

}  // namespace

Error file_error(int number, std::string_view call, std::string_view path) {
  ErrorCode code = ErrorCode::io;
  if (number == ENOSPC || number == EDQUOT) code = ErrorCode::no_space;
  if (number == ENOENT) code = ErrorCode::not_found;
  if (number == EEXIST) code = ErrorCode::already_exists;
  return Error{code, described(number, call, path)};
}

Error socket_error(int number, std::string_view call) {
  ErrorCode code = ErrorCode::io;
  switch (number) {
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN: code = ErrorCode::closed; break;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: code = ErrorCode::limit_exceeded; break;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL: code = ErrorCode::unavailable; break;
    case ETIMEDOUT: code = ErrorCode::timeout; break;
    case EADDRINUSE: code = ErrorCode::already_exists; break;
    default: break;
  }
  return Error{code, described(number, call, "")};
}

}  // namespace weir::env::real
