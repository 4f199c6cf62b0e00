#include "base/log.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "base/time.h"

namespace weir {
namespace {

// A line never exceeds this, so that the ring that carries lines has a known size. Values are cut well before it, and
// fields that no longer fit are left out and counted in the line itself.
constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t value_bytes_max = 1024;
constexpr std::size_t line_end_reserve = 32;

class StandardErrorSink final : public LogSink {
 public:
  // stderr is unbuffered, so a line is one write.
  void write(std::string_view line) noexcept override { std::fwrite(line.data(), 1, line.size(), stderr); }
};

StandardErrorSink standard_error_sink;
LogSink* current_sink = &standard_error_sink;
std::int64_t (*current_wall_clock_ms)() = nullptr;
LogLevel current_level = LogLevel::info;

constexpr std::string_view level_name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

// True for characters that need no quotes around them.
constexpr bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./:@+,[]%").find(c) != std::string_view::npos;
}

// Everything that is not printable ASCII is escaped: what comes from outside must not be able to forge a line or to
// reach the operator's terminal.
void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (c >= ' ' && c <= '~') {
    out += c;
  } else {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (out.size() >= value_bytes_max) {
      out += "...";
      break;
    }
    append_escaped(out, c);
  }
  out += '"';
  return out;
}

std::string value_text(std::string_view text) {
  bool plain = !text.empty() && text.size() <= value_bytes_max;
  for (std::size_t i = 0; plain && i < text.size(); ++i) plain = is_plain(text[i]);
  return plain ? std::string(text) : quoted(text);
}

void append_time(std::string& out, std::int64_t unix_ms) {
  if (unix_ms == 0) return;
  const std::chrono::sys_time<milliseconds> time{milliseconds(unix_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z ", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                 clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace

LogField::LogField(std::string_view key, std::string_view text) : key_(key), text_(value_text(text)) {}
LogField::LogField(std::string_view key, bool value) : key_(key), text_(value ? "true" : "false") {}
LogField::LogField(std::string_view key, double value) : key_(key), text_(fmt::format("{:.6g}", value)) {}

void set_log_sink(LogSink* sink, std::int64_t (*wall_clock_ms)()) noexcept {
  current_sink = sink != nullptr ? sink : &standard_error_sink;
  current_wall_clock_ms = wall_clock_ms;
}

void set_log_level(LogLevel least) noexcept { current_level = least; }

bool log_enabled(LogLevel level) noexcept { return level >= current_level; }

void log(LogLevel level, std::string_view module, std::string_view message, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  std::string line;
  line.reserve(256);
  append_time(line, current_wall_clock_ms != nullptr ? current_wall_clock_ms() : 0);
  line.append(level_name(level)).append(" ").append(module).append(" ").append(quoted(message));
  std::size_t left_out = 0;
  for (const LogField& field : fields) {
    if (line.size() + field.key().size() + field.text().size() + 2 > line_bytes_max - line_end_reserve) {
      ++left_out;
      continue;
    }
    line.append(" ").append(field.key()).append("=").append(field.text());
  }
  if (left_out != 0) fmt::format_to(std::back_inserter(line), " fields_left_out={}", left_out);
  line += '\n';
  current_sink->write(line);
}

}  // namespace weir
