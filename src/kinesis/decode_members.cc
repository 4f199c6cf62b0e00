#include "kinesis/decode_members.h"

#include <algorithm>

#include "fmt/format.h"
#include "kinesis/text.h"

namespace weir::kinesis::detail {
namespace {

std::string_view java_class(What what) {
  switch (what) {
    case What::boolean: return "java.lang.Boolean";
    case What::text: return "java.lang.String";
    case What::bytes: return "java.nio.HeapByteBuffer";
    default: return "com.amazon.coral.value.json.numbers.TruncatingBigNumber";
  }
}

// The target as the messages name it, with the article they use.
std::string_view target_name(Kind kind) {
  switch (kind) {
    case Kind::boolean: return "an Boolean";
    case Kind::integer: return "an Integer";
    case Kind::long_integer: return "an Long";
    case Kind::blob: return "a Blob";
    case Kind::timestamp: return "milliseconds since epoch";
    default: return "an String";
  }
}

std::string upper_cased(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// The whole UTF-8 character at `position`.
std::string_view character_at(std::string_view text, std::size_t position) {
  std::size_t end = position + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return text.substr(position, end - position);
}

}  // namespace

std::string cannot_convert(What what, Kind kind) {
  if (what == What::list) return "Start of list found where not expected";
  if (what == What::map) return "Start of structure or map found where not expected.";
  if (kind == Kind::list) return "Expected list or null";
  if (kind == Kind::map) return "Expected map or null";
  if (kind == Kind::structure) return "Expected null";
  return fmt::format("class {} can not be converted to {}", java_class(what), target_name(kind));
}

std::string bad_base64(std::string_view text, const Base64Decoded& decoded) {
  // Whole blocks at the front were decoded in place: this turns them back into what was sent.
  const std::size_t lost = base64_encoded_size(decoded.size);
  std::string sent(lost, '\0');
  base64_encode(as_bytes(text.substr(0, decoded.size)), sent.data());
  const std::string_view rest = text.substr(lost);
  if (lost < printed_value_bytes_max) sent += clip(rest, printed_value_bytes_max - lost);
  sent.resize(std::min(sent.size(), printed_value_bytes_max));

  std::string message = fmt::format("'{}' can not be converted to a Blob: ", sent);
  switch (decoded.fault) {
    case Base64Fault::length:
      message += fmt::format("Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.size());
      break;
    case Base64Fault::character:
      message += fmt::format("Invalid Base64 character: '{}'", character_at(text, decoded.position));
      break;
    case Base64Fault::spare_bits:
    case Base64Fault::none: message += "Invalid last non-pad Base64 character dectected";
  }
  return message;
}

std::string bad_boolean(std::string_view text) {
  return fmt::format("'{}' can not be converted to an Boolean", upper_cased(clip(text, printed_value_bytes_max)));
}

std::optional<bool> boolean_of_text(std::string_view text) {
  constexpr std::size_t longest = 5;
  if (text.size() > longest) return std::nullopt;
  const std::string upper = upper_cased(text);
  if (upper == "TRUE" || upper == "YES" || upper == "1") return true;
  if (upper == "FALSE" || upper == "NO" || upper == "0") return false;
  return std::nullopt;
}

MapFiller::MapFiller(TextMap* map, std::size_t entries_max) : map_(map), entries_max_(entries_max) {
  if (map_ != nullptr) map_->clear();
}

void MapFiller::put(MapEntry entry) {
  if (map_ == nullptr || map_->size() >= entries_max_) return;
  const auto place = std::ranges::lower_bound(by_key_, entry.key, {}, [&](std::size_t i) { return (*map_)[i].key; });
  if (place != by_key_.end() && (*map_)[*place].key == entry.key) {
    (*map_)[*place].value = entry.value;
    return;
  }
  by_key_.insert(place, map_->size());
  map_->push_back(entry);
}

const Member* find_member(const Structure& structure, std::string_view name) {
  const auto found = std::ranges::find(structure.members, name, &Member::name);
  return found == structure.members.end() ? nullptr : &*found;
}

}  // namespace weir::kinesis::detail
