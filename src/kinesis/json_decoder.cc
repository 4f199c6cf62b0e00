#include "kinesis/json_decoder.h"

#include <cstring>
#include <memory>

#include "simdjson.h"

namespace weir::kinesis::detail {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(body_padding_bytes >= simdjson::SIMDJSON_PADDING);

// A thread keeps a parser for bodies up to this size. A parser's memory is several times its largest body, so larger
// ones get their own for the time of one request.
constexpr std::size_t kept_parser_body_bytes_max = std::size_t{1024} * 1024;

struct JsonItem {
  What what = What::malformed;
  std::string_view token;  // scalars; a text with its quotes
  ondemand::value value;
};

// The parser's token reaches to the next one. Only these four are blanks of JSON.
std::string_view without_blanks_behind(std::string_view token) {
  return token.substr(0, token.find_last_not_of(" \t\n\r") + 1);
}

JsonItem classify(ondemand::value value) {
  const std::string_view token = without_blanks_behind(value.raw_json_token());
  JsonItem item{.token = token, .value = value};
  if (token.empty()) return item;
  switch (token[0]) {
    case '{': item.what = What::map; break;
    case '[': item.what = What::list; break;
    case '"': item.what = token.size() >= 2 && token.back() == '"' ? What::text : What::malformed; break;
    case 'n': item.what = token == "null" ? What::null : What::malformed; break;
    case 't': item.what = token == "true" ? What::boolean : What::malformed; break;
    case 'f': item.what = token == "false" ? What::boolean : What::malformed; break;
    default: item.what = is_json_number(token) ? What::number : What::malformed;
  }
  return item;
}

class JsonSource {
 public:
  using Item = JsonItem;

  JsonSource(ondemand::parser& parser, MutableBytes body) : body_(body) {
    const auto* text = reinterpret_cast<const char*>(body.data());
    readable_ = parser.iterate(text, body.size(), body.size() + body_padding_bytes).get(document_) == simdjson::SUCCESS;
  }

  [[nodiscard]] JsonItem first() {
    ondemand::value value;
    if (!readable_ || document_.get_value().get(value) != simdjson::SUCCESS) return {};
    return classify(value);
  }
  [[nodiscard]] bool at_end() { return document_.current_location().error() == simdjson::OUT_OF_BOUNDS; }

  [[nodiscard]] bool text(JsonItem& item, Text& out) {
    // The parser must see the value as taken before its bytes change.
    if (item.value.get_raw_json_string().error() != simdjson::SUCCESS) return false;
    return inside(item.token.data() + 1, item.token.size() - 2, out);
  }
  [[nodiscard]] static bool bytes(JsonItem&, BytesView&) { return false; }
  [[nodiscard]] static std::int64_t integer(const JsonItem& item, std::int64_t least, std::int64_t most) {
    return json_integer(item.token, least, most);
  }
  [[nodiscard]] static WallTime timestamp(const JsonItem& item) { return json_timestamp(item.token); }
  [[nodiscard]] static bool boolean(const JsonItem& item) { return item.token[0] == 't'; }

  template <class Visit>
  [[nodiscard]] bool fields(JsonItem& item, Visit&& visit) {
    ondemand::object object;
    if (depth_ == nesting_max || item.value.get_object().get(object) != simdjson::SUCCESS) return false;
    ++depth_;
    for (auto result : object) {
      ondemand::field field;
      Text key;
      if (std::move(result).get(field) != simdjson::SUCCESS || !take_key(field, key)) return false;
      JsonItem inner = classify(field.value());
      if (!visit(view(key), inner)) return false;
    }
    --depth_;
    return true;
  }

  template <class Visit>
  [[nodiscard]] bool items(JsonItem& item, Visit&& visit) {
    ondemand::array array;
    if (depth_ == nesting_max || item.value.get_array().get(array) != simdjson::SUCCESS) return false;
    ++depth_;
    for (auto result : array) {
      ondemand::value value;
      if (std::move(result).get(value) != simdjson::SUCCESS) return false;
      JsonItem inner = classify(value);
      if (!visit(inner)) return false;
    }
    --depth_;
    return true;
  }

 private:
  // The characters at `from` within the body, escapes resolved in place.
  [[nodiscard]] bool inside(const char* from, std::size_t size, Text& out) const {
    char* const body = reinterpret_cast<char*>(body_.data());
    out = Text(body + (from - body), size);
    if (std::memchr(from, '\\', size) == nullptr) return true;
    const std::optional<Text> unescaped = unescape_in_place(out);
    if (unescaped.has_value()) out = *unescaped;
    return unescaped.has_value();
  }

  // The parser has found the key's closing quote, so there is one.
  [[nodiscard]] bool take_key(ondemand::field& field, Text& out) const {
    const char* const from = field.key().raw();
    const char* end = from;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return inside(from, static_cast<std::size_t>(end - from), out);
  }

  MutableBytes body_;
  ondemand::document document_;
  bool readable_ = false;
  int depth_ = 0;
};

template <class Use>
auto with_parser(MutableBytes body, Use&& use) {
  if (body.size() > kept_parser_body_bytes_max) {
    ondemand::parser parser;
    JsonSource source(parser, body);
    return use(source);
  }
  thread_local ondemand::parser kept(kept_parser_body_bytes_max);
  JsonSource source(kept, body);
  return use(source);
}

}  // namespace

std::expected<void, ApiError> decode_json(MutableBytes body, const Structure& structure, void* object) {
  return with_parser(body, [&](JsonSource& source) { return decode_body(source, structure, object); });
}

bool is_json_map(MutableBytes body) {
  return with_parser(body, [](JsonSource& source) { return is_whole_map(source); });
}

}  // namespace weir::kinesis::detail
