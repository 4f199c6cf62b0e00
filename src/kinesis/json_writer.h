// JsonWriter: builds a JSON text from front to back, without a tree. One instance writes one document; any one thread.
//
//   JsonWriter writer;
//   writer.begin_map();
//   writer.key("ShardId");
//   writer.text("shardId-000000000000");
//   writer.end_map();
//   std::string body = std::move(writer).finish();
//
// The caller keeps maps, lists and keys balanced. Text is UTF-8 and is escaped; keys are literals that need no
// escaping.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace weir::kinesis {

class JsonWriter {
 public:
  // `bytes_expected` of the finished text, so that memory is taken once.
  explicit JsonWriter(std::size_t bytes_expected = 0) { out_.reserve(bytes_expected); }

  void begin_map() { out_ += '{'; }
  void end_map() { close('}'); }
  void begin_list() { out_ += '['; }
  void end_list() { close(']'); }
  void key(std::string_view literal) {
    char* to = grow(literal.size() + 3);
    *to = '"';
    literal.copy(to + 1, literal.size());
    to[literal.size() + 1] = '"';
    to[literal.size() + 2] = ':';
  }
  // A key that comes from outside.
  void text_key(std::string_view value) {
    text(value);
    out_.back() = ':';
  }
  void text(std::string_view value);
  void integer(std::int64_t value);
  void boolean(bool value) { out_ += value ? "true," : "false,"; }
  void timestamp(WallTime value);  // seconds with three decimals
  void blob(BytesView value);      // Base64

  // How many bytes a blob or text of `bytes` takes at least, for bytes_expected.
  [[nodiscard]] static constexpr std::size_t blob_size(std::size_t bytes) { return (bytes + 2) / 3 * 4 + 3; }

  [[nodiscard]] std::string finish() && {
    out_.pop_back();
    return std::move(out_);
  }

 private:
  // Each value leaves a comma behind; the end of its map or list takes the last one away.
  void close(char end) {
    if (out_.back() == ',')
      out_.back() = end;
    else
      out_ += end;
    out_ += ',';
  }
  // `count` more characters, uninitialised.
  char* grow(std::size_t count) {
    const std::size_t before = out_.size();
    // libstdc++ 12 hands over the capacity instead of the size that was asked for.
    out_.resize_and_overwrite(before + count, [=](char*, std::size_t) { return before + count; });
    return out_.data() + before;
  }
  std::string out_;
};

}  // namespace weir::kinesis
