// Settings: each is declared once, with its type, default, range and meaning; --help, the TOML file, --set and
// docs/settings.md all come from the declaration.
//
//   struct HttpSettings {
//     explicit HttpSettings(SettingsRegistry& registry);
//     Setting<std::uint64_t> body_bytes_max;   // "net.body_bytes_max"
//   };
//
// Values are assigned at start, before any thread exists, and only read afterwards: any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir {

class SettingsRegistry;

// What documentation and error messages need to know of a setting of any type.
class SettingBase {
 public:
  SettingBase(SettingsRegistry& registry, std::string_view name, std::string_view description);
  SettingBase(const SettingBase&) = delete;
  SettingBase& operator=(const SettingBase&) = delete;
  virtual ~SettingBase() = default;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view description() const noexcept { return description_; }
  [[nodiscard]] virtual std::string type_name() const = 0;  // "integer", "boolean", "text", "duration"
  [[nodiscard]] virtual std::string default_text() const = 0;
  [[nodiscard]] virtual std::string range_text() const = 0;  // empty when there is none
  [[nodiscard]] virtual std::string value_text() const = 0;
  // Parses and stores. Durations take a unit: 250ms, 5s, 10m, 24h, 7d. Integers whose name contains "bytes" may take
  // one: 64KiB, 16MiB, 1GiB, 2TiB. An error leaves the old value.
  // Errors: invalid_argument, naming the setting, the text and what would be right.
  [[nodiscard]] virtual Result<void> assign(std::string_view text) = 0;

 private:
  std::string_view name_;
  std::string_view description_;
};

// T: bool, std::uint64_t, std::string, milliseconds. Names and descriptions are literals. Units come last in names.
// A setting lives as long as the registry that it is declared in.
template <class T>
class Setting;

template <>
class Setting<bool> final : public SettingBase {
 public:
  Setting(SettingsRegistry& registry, std::string_view name, bool default_value, std::string_view description);
  [[nodiscard]] bool get() const noexcept { return value_; }
  [[nodiscard]] std::string type_name() const override;
  [[nodiscard]] std::string default_text() const override;
  [[nodiscard]] std::string range_text() const override;
  [[nodiscard]] std::string value_text() const override;
  [[nodiscard]] Result<void> assign(std::string_view text) override;

 private:
  bool default_;
  bool value_;
};

template <>
class Setting<std::uint64_t> final : public SettingBase {
 public:
  struct Range {
    std::uint64_t least = 0;
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  };
  Setting(SettingsRegistry& registry, std::string_view name, std::uint64_t default_value, Range range,
          std::string_view description);
  [[nodiscard]] std::uint64_t get() const noexcept { return value_; }
  [[nodiscard]] std::string type_name() const override;
  [[nodiscard]] std::string default_text() const override;
  [[nodiscard]] std::string range_text() const override;
  [[nodiscard]] std::string value_text() const override;
  [[nodiscard]] Result<void> assign(std::string_view text) override;

 private:
  std::uint64_t default_;
  Range range_;
  std::uint64_t value_;
};

template <>
class Setting<std::string> final : public SettingBase {
 public:
  Setting(SettingsRegistry& registry, std::string_view name, std::string_view default_value,
          std::string_view description);
  [[nodiscard]] const std::string& get() const noexcept { return value_; }
  [[nodiscard]] std::string type_name() const override;
  [[nodiscard]] std::string default_text() const override;
  [[nodiscard]] std::string range_text() const override;
  [[nodiscard]] std::string value_text() const override;
  [[nodiscard]] Result<void> assign(std::string_view text) override;

 private:
  std::string default_;
  std::string value_;
};

template <>
class Setting<milliseconds> final : public SettingBase {
 public:
  struct Range {
    milliseconds least{0};
    milliseconds most{milliseconds::max()};
  };
  Setting(SettingsRegistry& registry, std::string_view name, milliseconds default_value, Range range,
          std::string_view description);
  [[nodiscard]] milliseconds get() const noexcept { return value_; }
  [[nodiscard]] std::string type_name() const override;
  [[nodiscard]] std::string default_text() const override;
  [[nodiscard]] std::string range_text() const override;
  [[nodiscard]] std::string value_text() const override;
  [[nodiscard]] Result<void> assign(std::string_view text) override;

 private:
  milliseconds default_;
  Range range_;
  milliseconds value_;
};

// All settings of one process. Not a global: the command that needs settings makes one.
class SettingsRegistry {
 public:
  SettingsRegistry() = default;
  SettingsRegistry(const SettingsRegistry&) = delete;
  SettingsRegistry& operator=(const SettingsRegistry&) = delete;
  ~SettingsRegistry() = default;

  // In order of declaration.
  [[nodiscard]] const std::vector<SettingBase*>& all() const noexcept { return settings_; }
  // Errors: invalid_argument for an unknown name (naming the nearest known one) or a value out of range.
  [[nodiscard]] Result<void> set(std::string_view name, std::string_view text);
  // "name=value", as --set takes it.
  [[nodiscard]] Result<void> set_assignment(std::string_view assignment);
  // A TOML document; [net] body_bytes_max = "16MiB" sets net.body_bytes_max. Errors: invalid_argument with file, line
  // and column, for syntax, unknown keys, wrong types and ranges.
  [[nodiscard]] Result<void> load_toml(std::string_view document, std::string_view file_name);
  // docs/settings.md: a table of every setting.
  [[nodiscard]] std::string markdown() const;

 private:
  friend class SettingBase;
  std::vector<SettingBase*> settings_;
};

}  // namespace weir
