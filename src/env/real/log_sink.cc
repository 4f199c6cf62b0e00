#include "env/real/log_sink.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

#include "base/time.h"
#include "env/process.h"

namespace weir::env {
namespace {

// While a reader takes nothing: how often the thread looks whether it shall end, and for how many looks it then still
// waits in all.
constexpr int poll_ms = 100;
constexpr int polls_while_stopping_max = 5;

std::int64_t wall_clock_ms() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

RealLogSink::RealLogSink(int descriptor, Counter& dropped_lines)
    : descriptor_(descriptor), dropped_lines_(dropped_lines) {
  filling_.reserve(buffered_bytes_max);
  writing_.reserve(buffered_bytes_max);
  thread_ = std::thread([this] { drain(); });
  set_log_sink(this, wall_clock_ms);
}

Result<std::unique_ptr<RealLogSink>> RealLogSink::start(int descriptor, Counter& dropped_lines) {
  try {
    return std::unique_ptr<RealLogSink>(new RealLogSink(descriptor, dropped_lines));
  } catch (const std::system_error&) {
    return no_more_threads();
  }
}

RealLogSink::~RealLogSink() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
  set_log_sink(nullptr, nullptr);
}

// The lock is held for one copy here and for one exchange of two buffers in the thread, never for a write.
void RealLogSink::write(std::string_view line) noexcept {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (filling_.size() + line.size() > buffered_bytes_max) {
      dropped_lines_.add();
      ++dropped_when_full_;
      return;
    }
    was_empty = filling_.empty();
    filling_.append(line);
  }
  if (was_empty) arrived_.notify_one();
}

bool RealLogSink::stopping() noexcept {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void RealLogSink::drain() noexcept {
  pthread_setname_np(pthread_self(), "weir-log");
  for (;;) {
    std::size_t dropped = 0;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !filling_.empty(); });
      if (filling_.empty()) return;
      filling_.swap(writing_);
      dropped = std::exchange(dropped_when_full_, 0);
    }
    write_out(writing_);
    writing_.clear();
    // The gap shows in the log itself, where the reader would look for what is missing.
    if (dropped != 0) log_warning("log", "lines were dropped, the reader is too slow", {{"lines", dropped}});
  }
}

// In pieces of whole lines, none larger than what a writable pipe takes without blocking.
void RealLogSink::write_out(std::string_view lines) noexcept {
  while (!lines.empty()) {
    const std::size_t last_newline = lines.substr(0, PIPE_BUF).rfind('\n');
    const std::size_t length =
        last_newline != std::string_view::npos ? last_newline + 1 : std::min<std::size_t>(lines.size(), PIPE_BUF);
    if (!write_piece(lines.substr(0, length))) {
      dropped_lines_.add(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')));
      return;
    }
    lines.remove_prefix(length);
  }
}

// False when the descriptor takes nothing any more.
bool RealLogSink::write_piece(std::string_view piece) noexcept {
  while (!piece.empty()) {
    pollfd ready{descriptor_, POLLOUT, 0};
    const int count = ::poll(&ready, 1, poll_ms);
    if (count == 0 && stopping() && ++polls_while_stopping_ >= polls_while_stopping_max) return false;
    if (count <= 0) continue;
    const ssize_t written = ::write(descriptor_, piece.data(), piece.size());
    if (written > 0) {
      piece.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    }
  }
  return true;
}

}  // namespace weir::env
