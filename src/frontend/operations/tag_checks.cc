#include "frontend/operations/tag_checks.h"

#include <algorithm>

namespace weir::frontend {
namespace {

enum class Characters : std::uint8_t { fine, illegal, invalid };

// Letters and digits of any script pass; of ASCII also blank and _ . / = + - @ : . A '%' has an error text of its own.
Characters judge(std::string_view text) noexcept {
  constexpr std::string_view allowed_signs = " _./=+-@:";
  bool has_percent = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter_or_digit =
        (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
    if (is_letter_or_digit || allowed_signs.find(c) != std::string_view::npos) continue;
    if (c != '%') return Characters::invalid;
    has_percent = true;
  }
  return has_percent ? Characters::illegal : Characters::fine;
}

std::optional<kinesis::ApiError> check(const OperationCall& call, Characters worst, bool reserved,
                                       std::string_view doing, std::string_view stream_name) {
  if (worst == Characters::invalid) return kinesis::errors::tag_characters_invalid();
  if (worst == Characters::illegal) {
    return kinesis::errors::tag_characters_illegal(doing, stream_name, call.identity.account);
  }
  if (reserved) return kinesis::errors::tag_prefix_reserved(doing, stream_name, call.identity.account);
  return std::nullopt;
}

}  // namespace

std::map<std::string, std::string> to_tags(const kinesis::TextMap& tags) {
  std::map<std::string, std::string> result;
  for (const kinesis::MapEntry& tag : tags) result[std::string(tag.key)] = std::string(tag.value.value_or(""));
  return result;
}

std::optional<kinesis::ApiError> check_tag_characters(const OperationCall& call,
                                                      const std::map<std::string, std::string>& tags,
                                                      std::string_view stream_name) {
  Characters worst = Characters::fine;
  bool reserved = false;
  for (const auto& [key, value] : tags) {
    worst = std::max({worst, judge(key), judge(value)});
    reserved = reserved || key.starts_with("aws:");
  }
  return check(call, worst, reserved, "add tags to", stream_name);
}

std::optional<kinesis::ApiError> check_tag_key_characters(const OperationCall& call,
                                                          const std::vector<std::string>& keys,
                                                          std::string_view stream_name) {
  Characters worst = Characters::fine;
  for (const std::string& key : keys) worst = std::max(worst, judge(key));
  return check(call, worst, false, "remove tags from", stream_name);
}

}  // namespace weir::frontend
