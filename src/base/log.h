// Logging: one line per event, `key=value` after a short sentence, so that both a person at 3 am and a machine can
// read it. Never blocks: lines go into a bounded ring that a thread of env drains; what does not fit is dropped and
// counted. A line has at most 4 KiB, a value 1 KiB, and both are printable ASCII: what came from outside is escaped.
// Any thread.
//
//   log_info("journal", "lane recovered", {{"lane", 3}, {"batches", 17}, {"cut_bytes", 512}});
//   2026-11-23T15:11:29.123Z info journal "lane recovered" lane=3 batches=17 cut_bytes=512
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weir {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

class LogField {
 public:
  LogField(std::string_view key, std::string_view text);
  LogField(std::string_view key, const char* text) : LogField(key, std::string_view(text)) {}
  LogField(std::string_view key, const std::string& text) : LogField(key, std::string_view(text)) {}
  LogField(std::string_view key, bool value);
  template <std::integral T>
  LogField(std::string_view key, T value) : key_(key), text_(std::to_string(value)) {}
  LogField(std::string_view key, double value);

  [[nodiscard]] std::string_view key() const noexcept { return key_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }  // quoted and escaped where needed

 private:
  std::string_view key_;
  std::string text_;
};

// Takes finished lines (with the newline). Must not block. Default: standard error, directly.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(std::string_view line) noexcept = 0;
};

// Both are called by the starting thread before others run, and before the sink goes. `wall_clock_ms` gives the time
// (0 leaves it out, as in a simulation's default).
void set_log_sink(LogSink* sink, std::int64_t (*wall_clock_ms)()) noexcept;
void set_log_level(LogLevel least) noexcept;
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

void log(LogLevel level, std::string_view module, std::string_view message,
         std::initializer_list<LogField> fields = {});
inline void log_debug(std::string_view module, std::string_view message, std::initializer_list<LogField> fields = {}) {
  if (log_enabled(LogLevel::debug)) log(LogLevel::debug, module, message, fields);
}
inline void log_info(std::string_view module, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, module, message, fields);
}
inline void log_warning(std::string_view module, std::string_view message,
                        std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warning, module, message, fields);
}
inline void log_error(std::string_view module, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, module, message, fields);
}

}  // namespace weir
