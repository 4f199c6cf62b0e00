// CborWriter: builds a CBOR item from front to back, with the same calls as JsonWriter. Maps and lists are of
// indefinite length, as AWS sends them; timestamps are tag 1 with whole milliseconds (API reference §1.5). Any one
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace weir::kinesis {

class CborWriter {
 public:
  // `bytes_expected` of the finished item, so that memory is taken once.
  explicit CborWriter(std::size_t bytes_expected = 0) { out_.reserve(bytes_expected); }

  void begin_map() { out_ += '\xBF'; }
  void end_map() { out_ += '\xFF'; }
  void begin_list() { out_ += '\x9F'; }
  void end_list() { out_ += '\xFF'; }
  void key(std::string_view literal) { text(literal); }
  void text_key(std::string_view value) { text(value); }
  void text(std::string_view value) {
    head(major_text, value.size());
    out_ += value;
  }
  void integer(std::int64_t value) {
    if (value < 0)
      head(major_negative, ~static_cast<std::uint64_t>(value));
    else
      head(major_unsigned, static_cast<std::uint64_t>(value));
  }
  void boolean(bool value) { out_ += value ? '\xF5' : '\xF4'; }
  void timestamp(WallTime value) {
    head(major_tag, 1);
    integer(unix_milliseconds(value));
  }
  void blob(BytesView value) {
    head(major_bytes, value.size());
    out_ += as_text(value);
  }

  // How many bytes a blob of `bytes` takes at most, for bytes_expected.
  [[nodiscard]] static constexpr std::size_t blob_size(std::size_t bytes) { return bytes + 9; }

  [[nodiscard]] std::string finish() && { return std::move(out_); }

 private:
  static constexpr unsigned major_unsigned = 0;
  static constexpr unsigned major_negative = 1;
  static constexpr unsigned major_bytes = 2;
  static constexpr unsigned major_text = 3;
  static constexpr unsigned major_tag = 6;

  // The first byte and the argument in the shortest form.
  void head(unsigned major, std::uint64_t argument) {
    if (argument < 24) {
      out_ += static_cast<char>(major << 5 | argument);
      return;
    }
    const unsigned size_log2 = argument <= 0xFF ? 0 : argument <= 0xFFFF ? 1 : argument <= 0xFFFFFFFF ? 2 : 3;
    out_ += static_cast<char>(major << 5 | (24 + size_log2));
    for (unsigned shift = 8U << size_log2; shift > 0; shift -= 8) out_ += static_cast<char>(argument >> (shift - 8));
  }
  std::string out_;
};

}  // namespace weir::kinesis
