#include "env/real/log_sink.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/time.h"

namespace weir::env {
namespace {

// How often the thread looks whether it shall end, while a reader takes nothing, and how often it looks before it does.
constexpr int poll_ms = 100;
constexpr int polls_while_stopping_max = 10;

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

RealLogSink::~RealLogSink() {
  set_log_sink(nullptr, nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

// The lock is held for one copy here and for one exchange of two buffers in the thread, never for a write.
void RealLogSink::write(std::string_view line) noexcept {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (filling_.size() + line.size() > buffered_bytes_max) {
      dropped_lines_.add();
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
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !filling_.empty(); });
      if (filling_.empty()) return;
      filling_.swap(writing_);
    }
    write_lines(writing_);
    writing_.clear();
  }
}

void RealLogSink::write_lines(std::string_view lines) noexcept {
  while (!lines.empty()) {
    const std::size_t length = std::min(lines.find('\n'), lines.size() - 1) + 1;
    if (!write_line(lines.substr(0, length))) dropped_lines_.add();
    lines.remove_prefix(length);
  }
}

// One line is at most what a pipe takes in one piece, so that a writable pipe never blocks here.
bool RealLogSink::write_line(std::string_view line) noexcept {
  int polls_while_stopping = 0;
  while (!line.empty()) {
    pollfd ready{descriptor_, POLLOUT, 0};
    const int count = ::poll(&ready, 1, poll_ms);
    if (count == 0 && stopping() && ++polls_while_stopping >= polls_while_stopping_max) return false;
    if (count <= 0) continue;
    const ssize_t written = ::write(descriptor_, line.data(), line.size());
    if (written > 0) {
      line.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    }
  }
  return true;
}

}  // namespace weir::env
