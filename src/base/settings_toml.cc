// Reading settings from a TOML document. Apart from settings.cc because the parser's header is heavy.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/settings.h"
#include "base/toml.h"

namespace weir {
namespace {

// The value as --set would take it; empty when no setting of that type takes such a value.
std::optional<std::string> text_for(std::string_view type_name, const toml::node& node) {
  if (const auto* text = node.as_string(); text != nullptr && type_name != "boolean") return text->get();
  if (const auto* integer = node.as_integer(); integer != nullptr && type_name == "integer") {
    return std::to_string(integer->get());
  }
  if (const auto* boolean = node.as_boolean(); boolean != nullptr && type_name == "boolean") {
    return boolean->get() ? "true" : "false";
  }
  return std::nullopt;
}

std::string_view wanted(std::string_view type_name) {
  if (type_name == "boolean") return "true or false";
  if (type_name == "integer") return "a whole number";
  if (type_name == "duration") return "a duration in quotes, such as \"250ms\", \"5s\" or \"24h\"";
  return "text in quotes";
}

// Where the first table header stands that starts with no key.
toml::source_region bad_header(std::string_view document) {
  toml::source_region where;
  where.begin = {1, 1};
  while (!document.empty()) {
    const std::string_view line = document.substr(0, document.find('\n'));
    const std::size_t bracket = line.find_first_not_of(" \t");
    const std::size_t key = line.find_first_not_of(" \t[", bracket);
    const bool opens = bracket != std::string_view::npos && line[bracket] == '[';
    if (opens && (key == std::string_view::npos || std::string_view("=.,{}#]").contains(line[key]) ||
                  line.substr(bracket).starts_with("[[["))) {
      where.begin.column = static_cast<toml::source_index>(bracket + 1);
      return where;
    }
    document.remove_prefix(std::min(document.size(), line.size() + 1));
    ++where.begin.line;
  }
  return where;
}

class TomlLoader {
 public:
  TomlLoader(SettingsRegistry& registry, std::string_view file_name) : registry_(registry), file_name_(file_name) {}

  Result<void> load(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix.empty() ? std::string(key.str()) : fmt::format("{}.{}", prefix, key.str());
      WEIR_CHECK(node.is_table() ? load_table(*node.as_table(), name, key.source())
                                 : load_value(node, name, key.source()));
    }
    return {};
  }

  [[nodiscard]] std::unexpected<Error> fail_at(const toml::source_region& where, std::string_view what) const {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}:{}:{}: {}", file_name_, where.begin.line, where.begin.column, what));
  }

 private:
  [[nodiscard]] const SettingBase* find(std::string_view name) const {
    const auto found = std::ranges::find(registry_.all(), name, &SettingBase::name);
    return found == registry_.all().end() ? nullptr : *found;
  }

  Result<void> load_table(const toml::table& table, const std::string& name, const toml::source_region& where) {
    if (find(name) != nullptr) return fail_at(where, fmt::format("{} is a setting, not a table of settings", name));
    const std::string section = name + ".";
    const auto belongs = [&](const SettingBase* setting) { return setting->name().starts_with(section); };
    // A table with entries is refused at the entry, whose name gives a better hint.
    if (table.empty() && std::ranges::none_of(registry_.all(), belongs)) {
      return fail_at(where, fmt::format("no setting belongs to the table [{}]", name));
    }
    return load(table, name);
  }

  Result<void> load_value(const toml::node& node, const std::string& name, const toml::source_region& where) {
    const SettingBase* setting = find(name);
    if (setting == nullptr) {
      const Result<void> unknown = registry_.set(name, "");
      return fail_at(where, unknown.error().message);
    }
    const std::optional<std::string> text = text_for(setting->type_name(), node);
    if (!text) return fail_at(node.source(), fmt::format("{} must be {}", name, wanted(setting->type_name())));
    if (const Result<void> done = registry_.set(name, *text); !done) {
      return fail_at(node.source(), done.error().message);
    }
    return {};
  }

  SettingsRegistry& registry_;
  std::string_view file_name_;
};

}  // namespace

Result<void> SettingsRegistry::load_toml(std::string_view document, std::string_view file_name) {
  TomlLoader loader(*this, file_name);
  try {
    return loader.load(toml::parse(document), "");
  } catch (const toml::parse_error& problem) {
    return loader.fail_at(problem.source(), problem.description());
  } catch (const TomlAssertionFailed&) {
    return loader.fail_at(bad_header(document), "a table header must start with a key, as in [net]");
  }
}

}  // namespace weir
