#include "journal/rados/object_tag.h"

#include <charconv>

#include "fmt/format.h"

namespace weir::journal {
namespace {

constexpr std::size_t owner_digits = 16;

}  // namespace

std::string to_string(const ObjectTag& tag) {
  return fmt::format("{}-{:016x}-{}", tag.epoch.value, tag.owner, tag.counter);
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  if (text.size() > 1 && text.front() == '0') return {};
  return value;
}

std::optional<ObjectTag> parse_object_tag(std::string_view text) {
  const std::size_t first = text.find('-');
  const std::size_t last = text.rfind('-');
  if (first == std::string_view::npos || last != first + 1 + owner_digits) return {};
  const auto epoch = parse_decimal(text.substr(0, first));
  const auto counter = parse_decimal(text.substr(last + 1));
  const std::string_view digits = text.substr(first + 1, owner_digits);
  std::uint64_t owner = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), owner, 16);
  if (!epoch || !counter || error != std::errc{} || end != digits.data() + digits.size()) return {};
  const ObjectTag tag{{*epoch}, owner, *counter};
  if (to_string(tag) != text) return {};
  return tag;
}

Result<ObjectOwner> parse_owner(const ObjectState& state) {
  const auto epoch = parse_decimal(state.epoch);
  const auto tag = parse_object_tag(state.tag);
  if (!epoch || !tag)
    return fail(ErrorCode::corrupt, "attributes that are none of ours: " + state.epoch + " " + state.tag);
  return ObjectOwner{{*epoch}, *tag};
}

Verdict judge(const ObjectOwner& found, const ObjectTag& mine) noexcept {
  if (found.epoch > mine.epoch) return Verdict::fenced;
  if (found.epoch < mine.epoch) return Verdict::not_ours;
  // Two owners never share an epoch, except one that was given up and opened again: the later claim lost.
  if (found.tag.owner != mine.owner) return Verdict::fenced;
  return found.tag.counter >= mine.counter ? Verdict::applied : Verdict::retry;
}

}  // namespace weir::journal
