#include "base/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class SettingsTest : public testing::Test {
 protected:
  SettingsRegistry registry;
  Setting<bool> enforce{registry, "limits.enforce_rates", true, "Whether per-second limits hold."};
  Setting<std::uint64_t> body{
      registry, "net.body_bytes_max", 16 * 1024 * 1024, {1024, std::uint64_t{1} << 30}, "Body."};
  Setting<std::uint64_t> shards{registry, "limits.shards_max", 500, {1, 10'000}, "Shards."};
  Setting<std::uint64_t> free{registry, "limits.anything", 7, {}, "No range."};
  Setting<std::string> directory{registry, "data.directory", "/var/lib/weir", "Where the data is."};
  Setting<milliseconds> idle{registry, "net.idle_timeout", seconds(60), {milliseconds(10), hours(24)}, "Idle."};

  std::string error_of(const Result<void>& result) {
    EXPECT_FALSE(result.has_value());
    if (result.has_value()) return "";
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    return result.error().message;
  }
};

TEST_F(SettingsTest, StartAtTheirDefaults) {
  EXPECT_TRUE(enforce.get());
  EXPECT_EQ(body.get(), 16U * 1024 * 1024);
  EXPECT_EQ(directory.get(), "/var/lib/weir");
  EXPECT_EQ(idle.get(), seconds(60));
  EXPECT_EQ(registry.all().size(), 6U);
}

TEST_F(SettingsTest, TakeEveryUnit) {
  const std::vector<std::pair<std::string, milliseconds>> durations = {{"250ms", milliseconds(250)},
                                                                       {"5s", seconds(5)},
                                                                       {"10m", std::chrono::minutes(10)},
                                                                       {"24h", hours(24)},
                                                                       {"1d", hours(24)}};
  for (const auto& [text, value] : durations) {
    ASSERT_TRUE(registry.set("net.idle_timeout", text)) << text;
    EXPECT_EQ(idle.get(), value) << text;
  }
  const std::vector<std::pair<std::string, std::uint64_t>> sizes = {
      {"1024", 1024}, {"4096B", 4096}, {"64KiB", 65536}, {"16MiB", 16U << 20}, {"1GiB", 1U << 30}};
  for (const auto& [text, value] : sizes) {
    ASSERT_TRUE(registry.set("net.body_bytes_max", text)) << text;
    EXPECT_EQ(body.get(), value) << text;
  }
}

TEST_F(SettingsTest, RefuseWrongTextAndKeepTheOldValue) {
  for (const char* bad : {"", "5", "s", "5 s", "5S", "5sec", "-5s", "1.5s", "9ms", "25h", "99999999999999999999s",
                          "9223372036854775807d"}) {
    EXPECT_THAT(error_of(registry.set("net.idle_timeout", bad)),
                AllOf(StartsWith("net.idle_timeout: "), HasSubstr("duration"), HasSubstr("10ms to 1d")))
        << bad;
  }
  for (const char* bad :
       {"", "64kib", "64KB", "1023", "2GiB", "-1", "+1", "1.5MiB", "18446744073709551616", "0x10", "99999999999TiB"}) {
    EXPECT_THAT(error_of(registry.set("net.body_bytes_max", bad)), HasSubstr("1KiB to 1GiB")) << bad;
  }
  for (const char* bad : {"True", "1", "yes", "", "false "}) {
    EXPECT_THAT(error_of(registry.set("limits.enforce_rates", bad)), HasSubstr("true or false")) << bad;
  }
  EXPECT_THAT(error_of(registry.set("limits.shards_max", "1KiB")), HasSubstr("a whole number, 1 to 10000"));
  EXPECT_THAT(error_of(registry.set("data.directory", std::string_view("a\0b", 3))), HasSubstr("NUL"));
  EXPECT_EQ(idle.get(), seconds(60));
  EXPECT_EQ(body.get(), 16U << 20);
  EXPECT_TRUE(enforce.get());
}

TEST_F(SettingsTest, UnknownNameNamesTheNearest) {
  EXPECT_EQ(error_of(registry.set("net.body_byte_max", "1MiB")),
            "unknown setting \"net.body_byte_max\", did you mean \"net.body_bytes_max\"?");
  EXPECT_THAT(error_of(registry.set("limits.shard_max", "1")), HasSubstr("\"limits.shards_max\""));
  // What comes from outside is not repeated at any length.
  EXPECT_LT(error_of(registry.set(std::string(100'000, 'x'), "1")).size(), 300U);
  SettingsRegistry empty;
  EXPECT_EQ(error_of(empty.set("a", "1")), "unknown setting \"a\"");
}

TEST_F(SettingsTest, AssignmentSplitsAtTheFirstEqualsSign) {
  ASSERT_TRUE(registry.set_assignment("data.directory=/tmp/a=b"));
  EXPECT_EQ(directory.get(), "/tmp/a=b");
  ASSERT_TRUE(registry.set_assignment("data.directory="));
  EXPECT_EQ(directory.get(), "");
  EXPECT_THAT(error_of(registry.set_assignment("data.directory")), HasSubstr("name=value"));
  EXPECT_THAT(error_of(registry.set_assignment("=x")), HasSubstr("name=value"));
}

TEST_F(SettingsTest, LoadsAWholeDocument) {
  const auto loaded = registry.load_toml(
      "# a comment\n[net]\nbody_bytes_max = \"1MiB\"\nidle_timeout = \"5s\"\n[limits]\nenforce_rates = false\n"
      "shards_max = 12\n[data]\ndirectory = \"/srv\"\n",
      "weir.toml");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(body.get(), 1U << 20);
  EXPECT_EQ(idle.get(), seconds(5));
  EXPECT_FALSE(enforce.get());
  EXPECT_EQ(shards.get(), 12U);
  EXPECT_EQ(directory.get(), "/srv");
  ASSERT_TRUE(registry.load_toml("net.body_bytes_max = 4096\n", "weir.toml"));
  EXPECT_EQ(body.get(), 4096U);
  EXPECT_TRUE(registry.load_toml("", "weir.toml"));
  EXPECT_TRUE(registry.load_toml("[net]\n", "weir.toml"));
}

TEST_F(SettingsTest, DocumentErrorsNameFileLineAndColumn) {
  const auto error = [&](std::string_view document) { return error_of(registry.load_toml(document, "weir.toml")); };
  EXPECT_THAT(error("[net\n"), StartsWith("weir.toml:1:"));
  EXPECT_THAT(error("[net]\nidle_timeout = \n"), StartsWith("weir.toml:2:"));
  EXPECT_THAT(error("\n[net]\n  idle_timout = \"5s\"\n"),
              AllOf(StartsWith("weir.toml:3:3: unknown setting \"net.idle_timout\""), HasSubstr("net.idle_timeout")));
  EXPECT_THAT(error("[nett]\nidle_timeout = \"5s\"\n"), StartsWith("weir.toml:2:1: unknown setting"));
  EXPECT_THAT(error("[nett]\n"), StartsWith("weir.toml:1:2: no setting belongs to the table [nett]"));
  EXPECT_THAT(error("[net]\nidle_timeout = 5\n"),
              AllOf(StartsWith("weir.toml:2:16: "), HasSubstr("duration in quotes")));
  EXPECT_THAT(error("[net]\nidle_timeout = \"48h\"\n"), AllOf(StartsWith("weir.toml:2:16: "), HasSubstr("10ms to 1d")));
  EXPECT_THAT(error("[net]\nbody_bytes_max = 1.5\n"), HasSubstr("must be a whole number"));
  EXPECT_THAT(error("[net]\nbody_bytes_max = -1\n"), StartsWith("weir.toml:2:18: net.body_bytes_max: \"-1\""));
  EXPECT_THAT(error("[limits]\nenforce_rates = \"false\"\n"), HasSubstr("must be true or false"));
  EXPECT_THAT(error("[limits]\nenforce_rates = 1\n"), HasSubstr("must be true or false"));
  EXPECT_THAT(error("[data]\ndirectory = 1\n"), HasSubstr("must be text in quotes"));
  EXPECT_THAT(error("[data]\ndirectory = [\"a\"]\n"), HasSubstr("must be text in quotes"));
  EXPECT_THAT(error("[data.directory]\nx = 1\n"), HasSubstr("data.directory is a setting, not a table"));
  EXPECT_THAT(error("[data]\ndirectory = \"a\"\ndirectory = \"b\"\n"), StartsWith("weir.toml:3:"));
  EXPECT_THAT(error("[net]\n [=]\n"), StartsWith("weir.toml:2:2: a table header must start with a key"));
  EXPECT_THAT(error("[.net]\n"), StartsWith("weir.toml:1:1: a table header must start with a key"));
  EXPECT_THAT(error(std::string(10'000, '[')), StartsWith("weir.toml:1:1: "));
  EXPECT_THAT(error("data.directory = " + std::string(10'000, '[')), StartsWith("weir.toml:1:"));
  EXPECT_THAT(error("data.directory = \"\xff\"\n"), StartsWith("weir.toml:1:"));
}

TEST_F(SettingsTest, DocumentationShowsValuesAsTheyAreWritten) {
  const std::string page = registry.markdown();
  EXPECT_THAT(page, HasSubstr("| `net.body_bytes_max` | integer | `16MiB` | 1KiB to 1GiB | Body. |"));
  EXPECT_THAT(page, HasSubstr("| `net.idle_timeout` | duration | `1m` | 10ms to 1d | Idle. |"));
  EXPECT_THAT(page, HasSubstr("| `limits.anything` | integer | `7` |  | No range. |"));
  EXPECT_THAT(page, HasSubstr("| `limits.enforce_rates` | boolean | `true` |  |"));
  ASSERT_TRUE(registry.set("net.idle_timeout", "90s"));
  EXPECT_EQ(idle.value_text(), "90s");
}

}  // namespace
}  // namespace weir

namespace weir {
namespace {

// Whatever the document, the answer is a value or an error with a position.
RC_GTEST_PROP(SettingsDocument, NeverEndsTheProcess, ()) {
  SettingsRegistry registry;
  const Setting<std::uint64_t> setting(registry, "a.b", 1, {}, "");
  const auto document = *rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::elementOf(std::string("[]{}=.,\"'#\n\t ab12-_:TZ\\ux")), rc::gen::arbitrary<char>()));
  const auto loaded = registry.load_toml(document, "f");
  RC_ASSERT((loaded.has_value() || loaded.error().message.starts_with("f:")));
}

}  // namespace
}  // namespace weir
