// The part of decoding that is the same for both encodings: walks a structure's description beside the body, checks the
// types and stores the values. Private to kinesis.
//
// A Source reads one encoding. It has
//   Item                              one value not yet consumed: `what`, and whatever the source needs to go on
//   Item first()                      the outermost value; bool at_end(): nothing comes behind it
//   bool text(Item&, Text&)           consumes a text, without escapes, valid UTF-8, in the body's memory
//   bool bytes(Item&, BytesView&)     consumes a byte string
//   std::int64_t integer(const Item&, least, most)   a number: fraction cut off, clamped
//   WallTime timestamp(const Item&)   a number
//   bool boolean(const Item&)
//   bool fields(Item&, visit)         consumes a map: visit(key, Item&) for each field; stops when that returns false
//   bool items(Item&, visit)          consumes a list, likewise
// Every bool is false when the body is malformed; then nothing more may be asked of the source. The body is read to its
// end even after a type violation: a malformed body is malformed whatever its members.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "kinesis/decode.h"
#include "kinesis/shape.h"

namespace weir::kinesis::detail {

// What a value is, before its meaning is known. Null means absent.
enum class What : std::uint8_t { null, boolean, number, text, bytes, list, map, malformed };

// A text in the body's memory, which may be overwritten.
using Text = std::span<char>;
[[nodiscard]] inline std::string_view view(Text text) { return {text.data(), text.size()}; }

inline constexpr std::size_t unlimited_entries = std::numeric_limits<std::size_t>::max();

// The texts of API reference §1.9. `text` of bad_base64 is what base64_decode left of it.
[[nodiscard]] std::string cannot_convert(What what, Kind kind);
[[nodiscard]] std::string bad_base64(std::string_view text, const Base64Decoded& decoded);
[[nodiscard]] std::string bad_boolean(std::string_view text);
// "true", "YES", "0" and the like. Empty when it is none of them.
[[nodiscard]] std::optional<bool> boolean_of_text(std::string_view text);

// Fills a map with distinct keys, in the order in which they came first; a later value replaces an earlier one. Takes
// no further key once there are `entries_max`, and what those came to is then of no meaning but that they are too many.
class MapFiller {
 public:
  // `map` null: nothing is kept. It outlives this object.
  MapFiller(TextMap* map, std::size_t entries_max);
  void put(MapEntry entry);

 private:
  TextMap* map_;
  std::size_t entries_max_;
  std::vector<std::size_t> by_key_;  // the map's positions, in the order of their keys
};

[[nodiscard]] const Member* find_member(const Structure& structure, std::string_view name);

template <class Source>
class MemberDecoder {
 public:
  using Item = typename Source::Item;
  explicit MemberDecoder(Source& source) : source_(source) {}

  // The first type violation; empty when there is none.
  [[nodiscard]] const std::string& violation() const { return violation_; }

  // `item` is a map. `object` null: check only.
  bool structure(Item& item, const Structure& structure, void* object) {
    return source_.fields(item, [&](std::string_view key, Item& value) {
      const Member* member = find_member(structure, key);
      if (member == nullptr) return skip(value);
      if (value.what == What::null) {
        if (object != nullptr) member->reset(object);
        return true;
      }
      const std::uint32_t entries_max = member->constraints.length.most;
      return this->value(value, member->type, entries_max == unlimited_length ? unlimited_entries : entries_max + 1,
                         object == nullptr ? nullptr : member->make(object));
    });
  }

  // Reads a value of no interest, checking its form.
  bool skip(Item& item) {
    Text text;
    BytesView bytes;
    switch (item.what) {
      case What::malformed: return false;
      case What::text: return source_.text(item, text);
      case What::bytes: return source_.bytes(item, bytes);
      case What::list: return source_.items(item, [&](Item& inner) { return skip(inner); });
      case What::map: return source_.fields(item, [&](std::string_view, Item& inner) { return skip(inner); });
      case What::null:
      case What::boolean:
      case What::number: return true;
    }
    return false;
  }

 private:
  template <class T>
  static bool store(void* target, T value) {
    if (target != nullptr) *static_cast<T*>(target) = std::move(value);
    return true;
  }

  bool report(std::string message) {
    if (violation_.empty()) violation_ = std::move(message);
    return true;
  }
  bool mismatch(Item& item, Kind kind) {
    report(cannot_convert(item.what, kind));
    return skip(item);
  }

  bool value(Item& item, const Type& type, std::size_t entries_max, void* target) {
    if (item.what == What::malformed) return false;
    const bool is_number = item.what == What::number;
    switch (type.kind) {
      case Kind::text:
      case Kind::owned_text:
      case Kind::choice: return item.what == What::text ? text(item, type, target) : mismatch(item, type.kind);
      case Kind::blob: return blob(item, target);
      case Kind::boolean: return boolean(item, target);
      case Kind::integer:
        if (!is_number) return mismatch(item, type.kind);
        return store(target, static_cast<std::int32_t>(source_.integer(item, std::numeric_limits<std::int32_t>::min(),
                                                                       std::numeric_limits<std::int32_t>::max())));
      case Kind::long_integer:
        if (!is_number) return mismatch(item, type.kind);
        return store(target, source_.integer(item, std::numeric_limits<std::int64_t>::min(),
                                             std::numeric_limits<std::int64_t>::max()));
      case Kind::timestamp: return is_number ? store(target, source_.timestamp(item)) : mismatch(item, type.kind);
      case Kind::list:
        return item.what == What::list ? list(item, type, entries_max, target) : mismatch(item, type.kind);
      case Kind::map: return item.what == What::map ? map(item, entries_max, target) : mismatch(item, type.kind);
      case Kind::structure:
        return item.what == What::map ? structure(item, *type.structure, target) : mismatch(item, type.kind);
    }
    return false;
  }

  bool text(Item& item, const Type& type, void* target) {
    Text text;
    if (!source_.text(item, text)) return false;
    if (target == nullptr) return true;
    if (type.kind == Kind::owned_text)
      static_cast<std::string*>(target)->assign(view(text));
    else if (type.kind == Kind::choice)
      type.choice->set(target, view(text));
    else
      *static_cast<std::string_view*>(target) = view(text);
    return true;
  }

  bool blob(Item& item, void* target) {
    BytesView bytes;
    if (item.what == What::bytes) return source_.bytes(item, bytes) && store(target, bytes);
    if (item.what != What::text) return mismatch(item, Kind::blob);
    Text text;
    if (!source_.text(item, text)) return false;
    auto* decoded_bytes = reinterpret_cast<std::byte*>(text.data());
    const Base64Decoded decoded = base64_decode(view(text), decoded_bytes);
    if (decoded.fault != Base64Fault::none) return violation_.empty() ? report(bad_base64(view(text), decoded)) : true;
    return store(target, BytesView(decoded_bytes, decoded.size));
  }

  bool boolean(Item& item, void* target) {
    if (item.what == What::boolean) return store(target, source_.boolean(item));
    if (item.what != What::text) return mismatch(item, Kind::boolean);
    Text text;
    if (!source_.text(item, text)) return false;
    const std::optional<bool> parsed = boolean_of_text(view(text));
    return parsed.has_value() ? store(target, *parsed) : report(bad_boolean(view(text)));
  }

  bool list(Item& item, const Type& type, std::size_t entries_max, void* target) {
    if (target != nullptr) type.list->clear(target, entries_max == unlimited_entries ? 0 : entries_max - 1);
    std::size_t stored = 0;
    return source_.items(item, [&](Item& inner) {
      void* element = nullptr;
      if (target != nullptr && stored < entries_max) {
        element = type.list->append(target);
        ++stored;
      }
      // A null item stays in its initial state: a structure without members, or a text without memory.
      return inner.what == What::null || value(inner, type.list->item, unlimited_entries, element);
    });
  }

  bool map(Item& item, std::size_t entries_max, void* target) {
    MapFiller entries(static_cast<TextMap*>(target), entries_max);
    return source_.fields(item, [&](std::string_view key, Item& inner) {
      MapEntry entry{.key = key, .value = std::nullopt};
      if (inner.what == What::text) {
        Text text;
        if (!source_.text(inner, text)) return false;
        entry.value = view(text);
      } else if (inner.what != What::null) {
        return mismatch(inner, Kind::text);
      }
      entries.put(entry);
      return true;
    });
  }

  Source& source_;
  std::string violation_;
};

// Decodes a whole body whose outermost value is `item`. `at_end()` of the source says whether all of it was read.
template <class Source>
std::expected<void, ApiError> decode_body(Source& source, const Structure& structure, void* object) {
  auto item = source.first();
  MemberDecoder<Source> decoder(source);
  if (item.what != What::map || !decoder.structure(item, structure, object) || !source.at_end()) {
    return std::unexpected(errors::malformed_body());
  }
  if (!decoder.violation().empty()) return std::unexpected(errors::serialization(decoder.violation()));
  return {};
}

template <class Source>
bool is_whole_map(Source& source) {
  auto item = source.first();
  return item.what == What::map && MemberDecoder<Source>(source).skip(item) && source.at_end();
}

}  // namespace weir::kinesis::detail
