#include "base/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <optional>
#include <span>

#include "base/assert.h"

namespace weir {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array size_units = {
    Unit{"TiB", std::uint64_t{1} << 40},
    Unit{"GiB", std::uint64_t{1} << 30},
    Unit{"MiB", std::uint64_t{1} << 20},
    Unit{"KiB", std::uint64_t{1} << 10},
    Unit{"B", 1},
};
constexpr std::array duration_units = {
    Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1},
};

// What a message repeats of a text that came from outside.
std::string shown(std::string_view text) {
  constexpr std::size_t bytes_max = 100;
  return text.size() <= bytes_max ? fmt::format("\"{}\"", text) : fmt::format("\"{}...\"", text.substr(0, bytes_max));
}

std::unexpected<Error> wrong(const SettingBase& setting, std::string_view text, std::string_view expected) {
  const std::string range = setting.range_text();
  return fail(ErrorCode::invalid_argument, fmt::format("{}: {} is not right, expected {}{}{}", setting.name(),
                                                       shown(text), expected, range.empty() ? "" : ", ", range));
}

// A number followed by one of `units`. The text is taken without a unit only when `unit_optional`.
std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units, bool unit_optional) {
  std::uint64_t number = 0;
  const auto [rest, problem] = std::from_chars(text.begin(), text.end(), number);
  if (problem != std::errc()) return std::nullopt;
  const std::string_view suffix(rest, text.end());
  if (suffix.empty()) return unit_optional ? std::optional(number) : std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != suffix) continue;
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(number, unit.factor, &product)) return std::nullopt;
    return product;
  }
  return std::nullopt;
}

// With the largest unit that divides it. `units` goes from large to small and ends with factor 1.
std::string format_quantity(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("{}{}", value, units.back().name);
}

bool counts_bytes(std::string_view name) { return name.find("bytes") != std::string_view::npos; }

std::string integer_text(std::string_view name, std::uint64_t value) {
  const bool round = counts_bytes(name) && value != 0 && value % 1024 == 0;
  return round ? format_quantity(value, size_units) : fmt::format("{}", value);
}

std::string duration_text(milliseconds value) {
  return format_quantity(static_cast<std::uint64_t>(value.count()), duration_units);
}

// How many single-character edits lead from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

SettingBase::SettingBase(SettingsRegistry& registry, std::string_view name, std::string_view description)
    : name_(name), description_(description) {
  for (const SettingBase* other : registry.settings_) {
    WEIR_ASSERT_NOTE(other->name() != name, "a setting is declared twice");
  }
  registry.settings_.push_back(this);
}

Setting<bool>::Setting(SettingsRegistry& registry, std::string_view name, bool default_value,
                       std::string_view description)
    : SettingBase(registry, name, description), default_(default_value), value_(default_value) {}
std::string Setting<bool>::type_name() const { return "boolean"; }
std::string Setting<bool>::default_text() const { return default_ ? "true" : "false"; }
std::string Setting<bool>::range_text() const { return ""; }
std::string Setting<bool>::value_text() const { return value_ ? "true" : "false"; }
Result<void> Setting<bool>::assign(std::string_view text) {
  if (text != "true" && text != "false") return wrong(*this, text, "true or false");
  value_ = text == "true";
  return {};
}

Setting<std::uint64_t>::Setting(SettingsRegistry& registry, std::string_view name, std::uint64_t default_value,
                                Range range, std::string_view description)
    : SettingBase(registry, name, description), default_(default_value), range_(range), value_(default_value) {
  WEIR_ASSERT_NOTE(range.least <= default_value && default_value <= range.most, "a default lies outside its range");
}
std::string Setting<std::uint64_t>::type_name() const { return "integer"; }
std::string Setting<std::uint64_t>::default_text() const { return integer_text(name(), default_); }
std::string Setting<std::uint64_t>::range_text() const {
  if (range_.most == Range().most) {
    return range_.least == 0 ? "" : fmt::format("at least {}", integer_text(name(), range_.least));
  }
  return fmt::format("{} to {}", integer_text(name(), range_.least), integer_text(name(), range_.most));
}
std::string Setting<std::uint64_t>::value_text() const { return integer_text(name(), value_); }
Result<void> Setting<std::uint64_t>::assign(std::string_view text) {
  const bool takes_unit = counts_bytes(name());
  const std::span<const Unit> units = takes_unit ? std::span<const Unit>(size_units) : std::span<const Unit>();
  const std::optional<std::uint64_t> parsed = parse_quantity(text, units, true);
  if (!parsed || *parsed < range_.least || *parsed > range_.most) {
    return wrong(*this, text, takes_unit ? "a number of bytes such as 65536 or 64KiB" : "a whole number");
  }
  value_ = *parsed;
  return {};
}

Setting<std::string>::Setting(SettingsRegistry& registry, std::string_view name, std::string_view default_value,
                              std::string_view description)
    : SettingBase(registry, name, description), default_(default_value), value_(default_value) {}
std::string Setting<std::string>::type_name() const { return "text"; }
std::string Setting<std::string>::default_text() const { return default_; }
std::string Setting<std::string>::range_text() const { return ""; }
std::string Setting<std::string>::value_text() const { return value_; }
Result<void> Setting<std::string>::assign(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return wrong(*this, text, "text without NUL characters");
  value_ = text;
  return {};
}

Setting<milliseconds>::Setting(SettingsRegistry& registry, std::string_view name, milliseconds default_value,
                               Range range, std::string_view description)
    : SettingBase(registry, name, description), default_(default_value), range_(range), value_(default_value) {
  WEIR_ASSERT_NOTE(milliseconds::zero() <= range.least && range.least <= default_value && default_value <= range.most,
                   "a default lies outside its range");
}
std::string Setting<milliseconds>::type_name() const { return "duration"; }
std::string Setting<milliseconds>::default_text() const { return duration_text(default_); }
std::string Setting<milliseconds>::range_text() const {
  if (range_.most == milliseconds::max()) {
    return range_.least == milliseconds::zero() ? "" : fmt::format("at least {}", duration_text(range_.least));
  }
  return fmt::format("{} to {}", duration_text(range_.least), duration_text(range_.most));
}
std::string Setting<milliseconds>::value_text() const { return duration_text(value_); }
Result<void> Setting<milliseconds>::assign(std::string_view text) {
  // Bounded to a quarter of what nanoseconds can hold, so that adding a duration to a time cannot overflow.
  constexpr milliseconds representable_max = hours(24 * 365 * 73);
  const std::optional<std::uint64_t> parsed = parse_quantity(text, duration_units, false);
  const bool fits = parsed && *parsed <= static_cast<std::uint64_t>(representable_max.count());
  const milliseconds value(fits ? static_cast<std::int64_t>(*parsed) : -1);
  if (!fits || value < range_.least || value > range_.most) {
    return wrong(*this, text, "a duration with its unit such as 250ms, 5s, 10m, 24h or 7d");
  }
  value_ = value;
  return {};
}

Result<void> SettingsRegistry::set(std::string_view name, std::string_view text) {
  constexpr std::size_t compared_bytes_max = 200;
  const SettingBase* nearest = nullptr;
  std::size_t nearest_distance = 0;
  for (SettingBase* setting : settings_) {
    if (setting->name() == name) return setting->assign(text);
    const std::size_t distance = edit_distance(name.substr(0, compared_bytes_max), setting->name());
    if (nearest == nullptr || distance < nearest_distance) {
      nearest = setting;
      nearest_distance = distance;
    }
  }
  const std::string hint = nearest != nullptr ? fmt::format(", did you mean \"{}\"?", nearest->name()) : "";
  return fail(ErrorCode::invalid_argument, fmt::format("unknown setting {}{}", shown(name), hint));
}

Result<void> SettingsRegistry::set_assignment(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} is not of the form name=value", shown(assignment)));
  }
  return set(assignment.substr(0, equals), assignment.substr(equals + 1));
}

std::string SettingsRegistry::markdown() const {
  std::string out = "| setting | type | default | range | meaning |\n|---|---|---|---|---|\n";
  for (const SettingBase* setting : settings_) {
    const std::string preset = setting->default_text();
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} | {} |\n", setting->name(), setting->type_name(),
                   preset.empty() ? "" : fmt::format("`{}`", preset), setting->range_text(), setting->description());
  }
  return out;
}

}  // namespace weir
