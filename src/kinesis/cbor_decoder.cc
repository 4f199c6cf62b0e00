#include "kinesis/cbor_decoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kinesis/json_decoder.h"
#include "kinesis/utf8.h"

namespace weir::kinesis::detail {
namespace {

enum class Major : std::uint8_t { unsigned_integer, negative_integer, bytes, text, list, map, tag, simple };

// The first byte of an item, and its argument.
struct Head {
  Major major = Major::simple;
  std::uint8_t info = 0;  // the low five bits
  std::uint64_t argument = 0;
  [[nodiscard]] bool is_indefinite() const { return info == 31; }
  [[nodiscard]] bool is_break() const { return major == Major::simple && is_indefinite(); }
};

struct CborItem {
  What what = What::malformed;
  Head head;
  bool is_float = false;
  double number = 0;  // when is_float
};

class CborSource {
 public:
  using Item = CborItem;
  explicit CborSource(MutableBytes body) : body_(body) {}

  [[nodiscard]] CborItem first() { return next(); }
  [[nodiscard]] bool at_end() const { return position_ == body_.size(); }

  [[nodiscard]] bool text(CborItem& item, Text& out) {
    MutableBytes taken;
    if (!string(item.head, taken)) return false;
    out = Text(reinterpret_cast<char*>(taken.data()), taken.size());
    return is_utf8(view(out));
  }
  [[nodiscard]] bool bytes(CborItem& item, BytesView& out) {
    MutableBytes taken;
    if (!string(item.head, taken)) return false;
    out = taken;
    return true;
  }
  [[nodiscard]] static bool boolean(const CborItem& item) { return item.head.info == 21; }

  [[nodiscard]] static std::int64_t integer(const CborItem& item, std::int64_t least, std::int64_t most) {
    if (item.is_float) return integer_from_double(item.number, least, most);
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const auto magnitude = static_cast<std::int64_t>(std::min(item.head.argument, largest));
    return std::clamp(item.head.major == Major::negative_integer ? -1 - magnitude : magnitude, least, most);
  }
  // An integer is milliseconds, with or without tag 1; a float is seconds, as RFC 8949 has it.
  [[nodiscard]] static WallTime timestamp(const CborItem& item) {
    return item.is_float ? time_from_seconds(item.number) : wall_time_ms(integer(item, -time_ms_max, time_ms_max));
  }

  template <class Visit>
  [[nodiscard]] bool fields(CborItem& item, Visit&& visit) {
    return each(item.head, [&](CborItem& key) {
      Text name;
      if (key.what != What::text || !text(key, name)) return false;
      CborItem value = next();
      return visit(view(name), value);
    });
  }
  template <class Visit>
  [[nodiscard]] bool items(CborItem& item, Visit&& visit) {
    return each(item.head, visit);
  }

 private:
  [[nodiscard]] std::size_t left() const { return body_.size() - position_; }

  [[nodiscard]] bool head(Head& out) {
    if (left() == 0) return false;
    const auto first = std::to_integer<std::uint8_t>(body_[position_++]);
    out.major = static_cast<Major>(first >> 5);
    out.info = first & 31;
    if (out.info < 24) {
      out.argument = out.info;
      return true;
    }
    if (out.is_indefinite()) return true;
    if (out.info > 27) return false;
    const std::size_t size = std::size_t{1} << (out.info - 24);
    if (left() < size) return false;
    out.argument = 0;
    for (std::size_t i = 0; i < size; ++i) {
      out.argument = out.argument << 8 | std::to_integer<std::uint64_t>(body_[position_++]);
    }
    return true;
  }

  // The next value, its tags passed over: the only one with a meaning here, tag 1, changes nothing.
  [[nodiscard]] CborItem next() {
    Head read;
    int tags = 0;
    do {
      if (!head(read) || ++tags > nesting_max) return {};
    } while (read.major == Major::tag && !read.is_indefinite());
    return classify(read);
  }

  [[nodiscard]] static CborItem classify(const Head& read) {
    CborItem item{.head = read};
    switch (read.major) {
      case Major::unsigned_integer:
      case Major::negative_integer: item.what = read.is_indefinite() ? What::malformed : What::number; break;
      case Major::bytes: item.what = What::bytes; break;
      case Major::text: item.what = What::text; break;
      case Major::list: item.what = What::list; break;
      case Major::map: item.what = What::map; break;
      case Major::tag: break;
      case Major::simple: classify_simple(item);
    }
    return item;
  }

  static void classify_simple(CborItem& item) {
    item.is_float = item.head.info >= 25 && item.head.info <= 27;
    if (item.is_float) item.what = What::number;
    switch (item.head.info) {
      case 20:
      case 21: item.what = What::boolean; break;
      case 22:
      case 23: item.what = What::null; break;
      case 25: item.number = double_from_half(static_cast<std::uint16_t>(item.head.argument)); break;
      case 26:
        item.number = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(item.head.argument)));
        break;
      case 27: item.number = std::bit_cast<double>(item.head.argument); break;
      default: break;
    }
  }

  // The bytes of a string. The chunks of an indefinite one are moved together over their own heads.
  [[nodiscard]] bool string(const Head& of, MutableBytes& out) {
    if (!of.is_indefinite()) return take(of.argument, out);
    const std::size_t start = position_;
    std::size_t end = start;
    for (;;) {
      Head chunk;
      MutableBytes content;
      if (!head(chunk)) return false;
      if (chunk.is_break()) break;
      if (chunk.major != of.major || chunk.is_indefinite() || !take(chunk.argument, content)) return false;
      std::memmove(body_.data() + end, content.data(), content.size());
      end += content.size();
    }
    out = body_.subspan(start, end - start);
    return true;
  }

  [[nodiscard]] bool take(std::uint64_t size, MutableBytes& out) {
    if (size > left()) return false;
    out = body_.subspan(position_, size);
    position_ += size;
    return true;
  }

  // Calls visit(item) for each item of a list, or for each key of a map (visit takes the value itself).
  template <class Visit>
  [[nodiscard]] bool each(const Head& of, Visit&& visit) {
    // An item takes at least one byte, so a count beyond what is left is wrong, and the loop is bounded by the body.
    if (depth_ == nesting_max || (!of.is_indefinite() && of.argument > left())) return false;
    ++depth_;
    for (std::uint64_t i = 0; of.is_indefinite() || i < of.argument; ++i) {
      if (of.is_indefinite() && left() > 0 && std::to_integer<std::uint8_t>(body_[position_]) == 0xFF) {
        ++position_;
        break;
      }
      CborItem item = next();
      if (item.what == What::malformed || !visit(item)) return false;
    }
    --depth_;
    return true;
  }

  MutableBytes body_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

double double_from_half(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  double value = 0;
  if (exponent == 31)
    value = fraction == 0 ? HUGE_VAL : NAN;
  else if (exponent == 0)
    value = std::ldexp(fraction, -24);
  else
    value = std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -value : value;
}

std::expected<void, ApiError> decode_cbor(MutableBytes body, const Structure& structure, void* object) {
  CborSource source(body);
  return decode_body(source, structure, object);
}

bool is_cbor_map(MutableBytes body) {
  CborSource source(body);
  return is_whole_map(source);
}

}  // namespace weir::kinesis::detail
