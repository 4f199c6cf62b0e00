#include "tests/frontend/wire_value.h"

#include <cmath>
#include <optional>

#include "base/base64.h"
#include "base/bytes.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "simdjson.h"

namespace weir::frontend::test {
namespace {

std::string to_base64(std::string_view bytes) {
  std::string text(base64_encoded_size(bytes.size()), '\0');
  base64_encode(as_bytes(bytes), text.data());
  return text;
}

std::string from_base64(std::string text) {
  const auto decoded = base64_decode(text, reinterpret_cast<std::byte*>(text.data()));
  if (decoded.fault != Base64Fault::none) ADD_FAILURE() << "no Base64: " << text;
  text.resize(decoded.size);
  return text;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

WireValue tree_of(simdjson::dom::element element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::NULL_VALUE: return {};
    case Type::BOOL: return bool{element};
    case Type::INT64:
    case Type::UINT64: return std::int64_t{element};
    // The only fractions of the API are those of timestamps.
    case Type::DOUBLE: return wall_time_ms(std::llround(double{element} * 1000));
    case Type::STRING: return std::string(std::string_view(element));
    case Type::ARRAY: {
      WireValue::List list;
      for (const auto item : simdjson::dom::array(element)) list.push_back(tree_of(item));
      return list;
    }
    case Type::OBJECT: {
      WireValue::Map map;
      for (const auto field : simdjson::dom::object(element)) {
        map.emplace_back(std::string(field.key), tree_of(field.value));
      }
      return map;
    }
  }
  return {};
}

// Reads just what the server may send.
class CborReader {
 public:
  explicit CborReader(std::string_view bytes) : rest_(bytes) {}

  std::optional<WireValue> whole() {
    WireValue value = next();
    if (failed_ || !rest_.empty()) return std::nullopt;
    return value;
  }

 private:
  static constexpr std::uint64_t indefinite = ~std::uint64_t{0};

  WireValue next() {
    const unsigned head = byte();
    const unsigned kind = head >> 5;
    if (kind == 7) return simple(head & 31);
    const std::uint64_t argument = argument_of(head & 31);
    switch (kind) {
      case 0: return static_cast<std::int64_t>(argument);
      case 1: return -1 - static_cast<std::int64_t>(argument);
      case 2: return WireValue::Blob{take(argument)};
      case 3: return take(argument);
      case 4: return list(argument);
      case 5: return map(argument);
      default: return tagged(argument);
    }
  }
  WireValue simple(unsigned what) {
    if (what == 20 || what == 21) return what == 21;
    failed_ = failed_ || what != 22;
    return {};
  }
  WireValue tagged(std::uint64_t tag) {
    const WireValue value = next();
    if (tag != 1 || failed_) return fail();
    return wall_time_ms(value.integer());
  }
  WireValue list(std::uint64_t count) {
    WireValue::List items;
    while (!at_end(count)) items.push_back(next());
    return items;
  }
  WireValue map(std::uint64_t count) {
    WireValue::Map fields;
    while (!at_end(count)) {
      std::string key = next().text();
      fields.emplace_back(std::move(key), next());
    }
    return fields;
  }
  // Counts down, or looks for the break.
  bool at_end(std::uint64_t& count) {
    if (failed_ || rest_.empty()) return true;
    if (count != indefinite) return count-- == 0;
    if (rest_.front() != '\xff') return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::uint64_t argument_of(unsigned low) {
    if (low < 24) return low;
    if (low == 31) return indefinite;
    std::uint64_t value = 0;
    for (unsigned bytes = low <= 27 ? 1U << (low - 24) : 0; bytes != 0; --bytes) value = value << 8 | byte();
    return value;
  }
  unsigned byte() { return static_cast<unsigned char>(take(1).front()); }
  std::string take(std::uint64_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      return std::string(1, '\0');
    }
    std::string taken(rest_.substr(0, count));
    rest_.remove_prefix(count);
    return taken;
  }
  WireValue fail() {
    failed_ = true;
    return {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

void write_head(std::string& out, unsigned kind, std::uint64_t argument) {
  const auto first = [&](unsigned low) { out += static_cast<char>(kind << 5 | low); };
  if (argument < 24) return first(static_cast<unsigned>(argument));
  first(27);
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(argument >> shift & 0xff);
}

void write_number(std::string& out, std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  write_head(out, number < 0 ? 1 : 0, number < 0 ? ~bits : bits);
}

void write_string(std::string& out, unsigned kind, std::string_view text) {
  write_head(out, kind, text.size());
  out += text;
}

}  // namespace

const WireValue& WireValue::operator[](std::string_view key) const {
  static const WireValue null;
  if (const auto* map = std::get_if<Map>(&value_)) {
    for (const auto& [name, value] : *map) {
      if (name == key) return value;
    }
  }
  return null;
}

const WireValue::List& WireValue::items() const {
  static const List none;
  const auto* list = std::get_if<List>(&value_);
  return list != nullptr ? *list : none;
}

const WireValue& WireValue::item(std::size_t position) const {
  static const WireValue null;
  if (position < items().size()) return items()[position];
  ADD_FAILURE() << "no item " << position << " in " << to_json();
  return null;
}

std::size_t WireValue::size() const {
  const auto* map = std::get_if<Map>(&value_);
  return map != nullptr ? map->size() : items().size();
}

std::string WireValue::text() const {
  if (const auto* text = std::get_if<std::string>(&value_)) return *text;
  ADD_FAILURE() << "no text: " << to_json();
  return {};
}

std::int64_t WireValue::integer() const {
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return *number;
  ADD_FAILURE() << "no integer: " << to_json();
  return 0;
}

bool WireValue::boolean() const {
  if (const auto* boolean = std::get_if<bool>(&value_)) return *boolean;
  ADD_FAILURE() << "no boolean: " << to_json();
  return false;
}

WallTime WireValue::time() const {
  if (const auto* time = std::get_if<WallTime>(&value_)) return *time;
  return wall_time_ms(integer() * 1000);  // whole seconds, in JSON
}

std::string WireValue::blob() const {
  if (const auto* blob = std::get_if<Blob>(&value_)) return blob->bytes;
  return from_base64(text());
}

std::vector<std::string> WireValue::texts() const {
  std::vector<std::string> texts;
  for (const WireValue& item : items()) texts.push_back(item.text());
  return texts;
}

std::string WireValue::to_json() const {
  struct Writer {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(const std::string& value) const { return json_text(value); }
    std::string operator()(const Blob& value) const { return json_text(to_base64(value.bytes)); }
    std::string operator()(WallTime value) const {
      return fmt::format("{:.3f}", static_cast<double>(unix_milliseconds(value)) / 1000);
    }
    std::string operator()(const List& value) const {
      std::string out;
      for (const WireValue& item : value) out += (out.empty() ? "" : ",") + item.to_json();
      return "[" + out + "]";
    }
    std::string operator()(const Map& value) const {
      std::string out;
      for (const auto& [key, item] : value) out += (out.empty() ? "" : ",") + json_text(key) + ":" + item.to_json();
      return "{" + out + "}";
    }
  };
  return std::visit(Writer{}, value_);
}

void WireValue::write_cbor(std::string& out) const {
  struct Writer {
    std::string& out;
    void operator()(std::monostate) const { out += '\xf6'; }
    void operator()(bool value) const { out += value ? '\xf5' : '\xf4'; }
    void operator()(std::int64_t value) const { write_number(out, value); }
    void operator()(const std::string& value) const { write_string(out, 3, value); }
    void operator()(const Blob& value) const { write_string(out, 2, value.bytes); }
    void operator()(WallTime value) const {
      out += '\xc1';
      write_number(out, unix_milliseconds(value));
    }
    void operator()(const List& value) const {
      write_head(out, 4, value.size());
      for (const WireValue& item : value) item.write_cbor(out);
    }
    void operator()(const Map& value) const {
      write_head(out, 5, value.size());
      for (const auto& [key, item] : value) {
        write_string(out, 3, key);
        item.write_cbor(out);
      }
    }
  };
  std::visit(Writer{out}, value_);
}

std::string WireValue::to_cbor() const {
  std::string out;
  write_cbor(out);
  return out;
}

WireValue WireValue::from_json(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS) {
    ADD_FAILURE() << "no JSON: " << json;
    return {};
  }
  return tree_of(root);
}

WireValue WireValue::from_cbor(std::string_view cbor) {
  if (auto value = CborReader(cbor).whole()) return *std::move(value);
  ADD_FAILURE() << "no CBOR of the server's kind";
  return {};
}

namespace {

TEST(WireValue, ComesBackTheSameFromBothEncodings) {
  const WireValue::Map value = {{"Text", "a\"b"},
                                {"Number", -3},
                                {"Yes", true},
                                {"Data", WireValue::Blob{"hi"}},
                                {"List", WireValue::List{WireValue::Map{{"Key", 70'000}}}}};
  for (const WireValue& read :
       {WireValue::from_json(WireValue(value).to_json()), WireValue::from_cbor(WireValue(value).to_cbor())}) {
    EXPECT_EQ(read["Text"].text(), "a\"b");
    EXPECT_EQ(read["Number"].integer(), -3);
    EXPECT_TRUE(read["Yes"].boolean());
    EXPECT_EQ(read["Data"].blob(), "hi");
    EXPECT_EQ(read["List"].item(0)["Key"].integer(), 70'000);
    EXPECT_FALSE(read.has("Other"));
  }
}

// API reference, section 8.5.
TEST(WireValue, ReadsTheReferencesCbor) {
  const WireValue read = WireValue::from_cbor(
      "\xa3\x64"
      "Data"
      "\x42\x68\x69\x6c"
      "PartitionKey"
      "\x61"
      "a"
      "\x69"
      "Timestamp"
      "\xc1\x1b" +
      std::string("\0\0\x01\x8b\xcf\xe5\x68\x7b", 8));
  EXPECT_EQ(read["Data"].blob(), "hi");
  EXPECT_EQ(read["PartitionKey"].text(), "a");
  EXPECT_EQ(read["Timestamp"].time(), wall_time_ms(1'700'000'000'123));
}

}  // namespace
}  // namespace weir::frontend::test
