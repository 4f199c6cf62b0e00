// WireValue: a request or an answer of the API as a tree, with both encodings written again for the tests, so that the
// server's codecs are not held against themselves.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"

namespace weir::frontend::test {

class WireValue {
 public:
  using List = std::vector<WireValue>;
  using Map = std::vector<std::pair<std::string, WireValue>>;
  // JSON has it as Base64, CBOR as a byte string.
  struct Blob {
    std::string bytes;
  };

  WireValue() = default;
  WireValue(std::same_as<bool> auto value) : value_(value) {}
  WireValue(std::integral auto value)
    requires(!std::same_as<decltype(value), bool>)
      : value_(static_cast<std::int64_t>(value)) {}
  WireValue(const char* text) : value_(std::string(text)) {}
  WireValue(std::string text) : value_(std::move(text)) {}
  WireValue(WallTime time) : value_(time) {}
  WireValue(Blob blob) : value_(std::move(blob)) {}
  WireValue(List list) : value_(std::move(list)) {}
  WireValue(Map map) : value_(std::move(map)) {}

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] bool is_map() const { return std::holds_alternative<Map>(value_); }
  [[nodiscard]] bool has(std::string_view key) const { return !(*this)[key].is_null(); }
  // A missing key gives null.
  [[nodiscard]] const WireValue& operator[](std::string_view key) const;
  // A missing item is a test failure and gives null.
  [[nodiscard]] const WireValue& item(std::size_t position) const;
  [[nodiscard]] const List& items() const;  // empty when it is not a list
  [[nodiscard]] std::size_t size() const;   // of a list or map

  // Any other type is a test failure and gives an empty value.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::int64_t integer() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] WallTime time() const;
  [[nodiscard]] std::string blob() const;
  [[nodiscard]] std::vector<std::string> texts() const;  // of a list

  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] std::string to_cbor() const;
  // A malformed text is a test failure and gives null.
  [[nodiscard]] static WireValue from_json(std::string_view json);
  [[nodiscard]] static WireValue from_cbor(std::string_view cbor);

 private:
  void write_cbor(std::string& out) const;

  std::variant<std::monostate, bool, std::int64_t, std::string, Blob, WallTime, List, Map> value_;
};

}  // namespace weir::frontend::test
