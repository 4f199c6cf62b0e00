#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "env/process.h"
#include "env/real/errors.h"

namespace weir::env {
namespace {

// Whoever shares the terminal or pipe may have made it non-blocking.
bool is_worth_another_try(int number, int descriptor, short events) {
  if (number == EINTR) return true;
  if (number != EAGAIN) return false;
  pollfd waiting{.fd = descriptor, .events = events, .revents = 0};
  static_cast<void>(::poll(&waiting, 1, -1));
  return true;
}

Result<std::size_t> read_input(MutableBytes out) {
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, out.data(), out.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!is_worth_another_try(errno, STDIN_FILENO, POLLIN)) {
      return std::unexpected(real::file_error(errno, "read", "standard input"));
    }
  }
}

Result<void> write_output(std::string_view rest) {
  while (!rest.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (put >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EPIPE) {
      return fail(ErrorCode::closed, "standard output: nobody reads it any more");
    } else if (!is_worth_another_try(errno, STDOUT_FILENO, POLLOUT)) {
      return std::unexpected(real::file_error(errno, "write", "standard output"));
    }
  }
  return {};
}

}  // namespace

Task<Result<std::size_t>> read_standard_input(Core& core, MutableBytes out) {
  Result<std::size_t> got = 0;
  co_await core.run_blocking([&got, out] { got = read_input(out); });
  co_return got;
}

Task<Result<void>> write_standard_output(Core& core, std::string text) {
  Result<void> written;
  co_await core.run_blocking([&written, &text] { written = write_output(text); });
  co_return written;
}

}  // namespace weir::env
