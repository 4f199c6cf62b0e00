#include "kinesis/validate.h"

#include <algorithm>

#include "fmt/format.h"
#include "kinesis/text.h"

namespace weir::kinesis {
namespace {

constexpr std::string_view missing = "Member must not be null";

bool fits(std::string_view text, const LengthRange& range) {
  // There are never more units than bytes, and at least one in any text.
  if (text.size() <= range.most && (range.least == 0 || (range.least == 1 && !text.empty()))) return true;
  const std::size_t units = utf16_units(text);
  return units >= range.least && units <= range.most;
}

std::string at_most(std::uint32_t length) {
  return fmt::format("Member must have length less than or equal to {}", length);
}
std::string at_least(std::uint32_t length) {
  return fmt::format("Member must have length greater than or equal to {}", length);
}
std::string both_lengths(const LengthRange& range) {
  return fmt::format("[{}, {}]", at_most(range.most), at_least(range.least));
}

// One step on the way to a value. The path is only written out for a violation.
struct Step {
  std::string_view member;   // of a structure; otherwise
  std::string_view map_key;  // of a map; otherwise
  std::size_t item = 0;      // of a list, from 1
};

// `StreamName` is printed as `streamName`.
void append_step(std::string& path, const Step& step) {
  if (!path.empty()) path += '.';
  if (!step.member.empty()) {
    const char first = step.member[0];
    path += static_cast<char>(first >= 'A' && first <= 'Z' ? first - 'A' + 'a' : first);
    path += step.member.substr(1);
  } else if (step.item > 0) {
    path += fmt::format("{}.member", step.item);
  } else {
    path += fmt::format("{}.member", clip(step.map_key, printed_value_bytes_max));
  }
}

std::string_view text_of(const Type& type, const void* value) {
  switch (type.kind) {
    case Kind::text: return *static_cast<const std::string_view*>(value);
    case Kind::owned_text: return *static_cast<const std::string*>(value);
    case Kind::choice: return type.choice->text(value);
    default: return {};
  }
}

void print_list(std::string& out, const ListType& type, const void* list) {
  const std::size_t count = type.size(list);
  out += '[';
  for (std::size_t i = 0; i < count && out.size() < printed_value_bytes_max; ++i) {
    if (i > 0) out += ", ";
    if (type.item.kind == Kind::structure) {
      // Java's default form: the class and a hash code, which means nothing.
      out += fmt::format("com.amazonaws.kinesis.v20131202.{}@{:x}", type.item.structure->name, i + 1);
    } else {
      out += clip(text_of(type.item, type.at(list, i)), printed_value_bytes_max);
    }
  }
  out += ']';
}

void print_map(std::string& out, const TextMap& map) {
  out += '{';
  for (std::size_t i = 0; i < map.size() && out.size() < printed_value_bytes_max; ++i) {
    if (i > 0) out += ", ";
    out += clip(map[i].key, printed_value_bytes_max);
    out += '=';
    out += clip(map[i].value.value_or("null"), printed_value_bytes_max);
  }
  out += '}';
}

std::string print(const Type& type, const void* value) {
  std::string out;
  switch (type.kind) {
    case Kind::blob: {
      const std::size_t size = static_cast<const BytesView*>(value)->size();
      return fmt::format("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", size);
    }
    case Kind::boolean: return *static_cast<const bool*>(value) ? "true" : "false";
    case Kind::integer: return std::to_string(*static_cast<const std::int32_t*>(value));
    case Kind::long_integer: return std::to_string(*static_cast<const std::int64_t*>(value));
    case Kind::list: print_list(out, *type.list, value); break;
    case Kind::map: print_map(out, *static_cast<const TextMap*>(value)); break;
    default: out = clip(text_of(type, value), printed_value_bytes_max);
  }
  return out;
}

class Validator {
 public:
  void structure(const Structure& structure, const void* object) {
    for (const Member& member : structure.members) {
      if (full()) return;
      steps_.push_back({.member = member.name});
      const void* value = member.get(object);
      if (value != nullptr)
        check(member.type, member.constraints, value);
      else if (member.constraints.required)
        report_missing();
      steps_.pop_back();
    }
  }

  [[nodiscard]] std::expected<void, ApiError> result() && {
    if (count_ == 0) return {};
    return std::unexpected(errors::validation(
        fmt::format("{} validation error{} detected: {}", count_, count_ == 1 ? "" : "s", message_)));
  }

 private:
  [[nodiscard]] bool full() const { return count_ == validation_errors_max; }

  void append(std::string_view shown, std::string_view phrase) {
    if (full()) return;
    std::string path;
    for (const Step& step : steps_) append_step(path, step);
    if (count_++ > 0) message_ += "; ";
    message_ += fmt::format("Value {} at '{}' failed to satisfy constraint: {}", shown, path, phrase);
  }
  void report_missing() { append("null", missing); }
  void report(const Type& type, const void* value, std::string_view phrase) {
    append("'" + print(type, value) + "'", phrase);
  }

  void check(const Type& type, const Constraints& rules, const void* value) {
    switch (type.kind) {
      case Kind::text:
      case Kind::owned_text: return check_text(type, rules, value);
      case Kind::choice: return check_choice(type, value);
      case Kind::integer: return check_number(type, rules, value, *static_cast<const std::int32_t*>(value));
      case Kind::long_integer: return check_number(type, rules, value, *static_cast<const std::int64_t*>(value));
      case Kind::blob: return check_length(type, rules.length, value, static_cast<const BytesView*>(value)->size());
      case Kind::list: return check_list(type, rules, value);
      case Kind::map: return check_map(type, rules, value);
      case Kind::structure: return structure(*type.structure, value);
      case Kind::boolean:
      case Kind::timestamp: return;
    }
  }

  void check_text(const Type& type, const Constraints& rules, const void* value) {
    const std::string_view text = text_of(type, value);
    if (rules.pattern != nullptr && !rules.pattern->matches(text)) {
      report(type, value, fmt::format("Member must satisfy regular expression pattern: {}", rules.pattern->text));
    }
    if (rules.length.is_set() && !fits(text, rules.length)) check_length(type, rules.length, value, utf16_units(text));
  }

  void check_choice(const Type& type, const void* value) {
    if (type.choice->known(value)) return;
    report(type, value,
           fmt::format("Member must satisfy enum value set: [{}]", fmt::join(type.choice->printed_names, ", ")));
  }

  void check_number(const Type& type, const Constraints& rules, const void* value, std::int64_t number) {
    if (number < rules.least) {
      report(type, value, fmt::format("Member must have value greater than or equal to {}", rules.least));
    }
    if (number > rules.most) {
      report(type, value, fmt::format("Member must have value less than or equal to {}", rules.most));
    }
  }

  void check_length(const Type& type, const LengthRange& range, const void* value, std::size_t length) {
    if (length < range.least) report(type, value, at_least(range.least));
    if (length > range.most) report(type, value, at_most(range.most));
  }

  void check_list(const Type& type, const Constraints& rules, const void* value) {
    const ListType& list = *type.list;
    const std::size_t count = list.size(value);
    check_length(type, rules.length, value, count);
    bool items_fit = true;
    for (std::size_t i = 0; i < count && !full(); ++i) {
      const void* item = list.at(value, i);
      steps_.push_back({.item = i + 1});
      if (list.item.kind == Kind::structure) {
        structure(*list.item.structure, item);
      } else if (list.item.kind == Kind::text && text_of(list.item, item).data() == nullptr) {
        report_missing();
      } else if (rules.item_length.is_set()) {
        items_fit = items_fit && fits(text_of(list.item, item), rules.item_length);
      }
      steps_.pop_back();
    }
    if (!items_fit) {
      report(type, value, fmt::format("Member must satisfy constraint: {}", both_lengths(rules.item_length)));
    }
  }

  void check_map(const Type& type, const Constraints& rules, const void* value) {
    const auto& map = *static_cast<const TextMap*>(value);
    check_length(type, rules.length, value, map.size());
    if (!std::ranges::all_of(map, [&](const MapEntry& entry) { return fits(entry.key, rules.map_key_length); })) {
      report(type, value, fmt::format("Map keys must satisfy constraint: {}", both_lengths(rules.map_key_length)));
    }
    if (!std::ranges::all_of(map,
                             [&](const MapEntry& e) { return !e.value || fits(*e.value, rules.map_value_length); })) {
      report(type, value, fmt::format("Map value must satisfy constraint: {}", both_lengths(rules.map_value_length)));
    }
    for (const MapEntry& entry : map) {
      if (entry.value.has_value()) continue;
      steps_.push_back({.map_key = entry.key});
      report_missing();
      steps_.pop_back();
    }
  }

  std::vector<Step> steps_;
  std::string message_;
  std::size_t count_ = 0;
};

}  // namespace

std::expected<void, ApiError> validate(const Structure& structure, const void* object) {
  Validator validator;
  validator.structure(structure, object);
  return std::move(validator).result();
}

}  // namespace weir::kinesis
