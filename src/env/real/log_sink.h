// RealLogSink: log lines go into a bounded buffer, and one thread writes them out.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/bytes.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"

namespace weir::env {

inline constexpr int standard_error_descriptor = 2;

// From its making to its end the process logs through it, with the time of the wall clock. Made by the starting thread
// before others run, ends after they have. Threads: exactly one.
class RealLogSink final : public LogSink {
 public:
  // What waits to be written; a line that no longer fits is dropped and counted.
  static constexpr std::size_t buffered_bytes_max = mebibyte;

  // Writes to `descriptor`, which stays the caller's. Counts lines that were dropped, because the buffer was full or
  // because writing failed, in `dropped_lines`, which must outlive the sink. Errors: limit_exceeded when the system
  // gives no thread.
  [[nodiscard]] static Result<std::unique_ptr<RealLogSink>> start(int descriptor, Counter& dropped_lines);
  RealLogSink(const RealLogSink&) = delete;
  RealLogSink& operator=(const RealLogSink&) = delete;
  // Writes what is buffered; gives up on a reader that takes nothing for half a second. Logging goes back to the
  // default.
  ~RealLogSink() override;

  void write(std::string_view line) noexcept override;

 private:
  RealLogSink(int descriptor, Counter& dropped_lines);

  void drain() noexcept;
  void write_out(std::string_view lines) noexcept;
  [[nodiscard]] bool write_piece(std::string_view piece) noexcept;
  [[nodiscard]] bool stopping() noexcept;

  const int descriptor_;
  Counter& dropped_lines_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::string filling_;  // these three under mutex_
  std::size_t dropped_when_full_ = 0;
  bool stopping_ = false;
  std::string writing_;  // these two are the thread's own
  int polls_while_stopping_ = 0;
  std::thread thread_;
};

}  // namespace weir::env
