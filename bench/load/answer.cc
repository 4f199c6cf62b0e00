#include "load/answer.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace weir::bench {
namespace {

constexpr std::size_t first_room_bytes = 4096;

// The decimal number at the start of the text, blanks before it skipped; 0 when there is none.
std::size_t number_at(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

char* Answer::room(std::size_t least) {
  if (buffer_.size() - used_ < least) buffer_.resize(std::max({buffer_.size() * 2, used_ + least, first_room_bytes}));
  return buffer_.data() + used_;
}

void Answer::find_http_end() noexcept {
  constexpr std::string_view name = "\r\ncontent-length:";
  const std::string_view text(buffer_.data(), used_);
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string_view::npos) return;
  std::size_t length = 0;
  for (std::size_t at = text.find("\r\n"); at < head; at = text.find("\r\n", at + 2)) {
    if (strncasecmp(text.data() + at, name.data(), name.size()) == 0) length = number_at(text.substr(at + name.size()));
  }
  end_ = head + 4 + length;
}

// A simple string, an error, a number: one line. A bulk string: a line with its length, and so many bytes.
void Answer::find_redis_end() noexcept {
  const std::string_view text(buffer_.data(), used_);
  const std::size_t line = text.find("\r\n");
  if (line == std::string_view::npos) return;
  end_ = line + 2;
  if (text.front() == '$' && text.substr(1, 1) != "-") end_ += number_at(text.substr(1)) + 2;
}

bool Answer::complete() noexcept {
  if (end_ == 0) protocol_ == Protocol::http ? find_http_end() : find_redis_end();
  return end_ != 0 && used_ >= end_;
}

bool Answer::good(std::string_view expected) const noexcept {
  const std::string_view all = text();
  if (protocol_ == Protocol::http ? !all.starts_with("HTTP/1.1 200") : all.starts_with('-')) return false;
  return expected.empty() || all.find(expected) != std::string_view::npos;
}

void Answer::clear() noexcept {
  used_ = 0;
  end_ = 0;
}

}  // namespace weir::bench
