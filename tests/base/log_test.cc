#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class LogTest : public testing::Test, protected LogSink {
 protected:
  LogTest() { set_log_sink(this, nullptr); }
  ~LogTest() override {
    set_log_sink(nullptr, nullptr);
    set_log_level(LogLevel::info);
  }
  void write(std::string_view line) noexcept override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

TEST_F(LogTest, LineHasTimeLevelModuleMessageAndFields) {
  set_log_sink(this, [] { return std::int64_t{1'795'446'689'123}; });
  log_info("journal", "lane recovered",
           {{"lane", 3}, {"cut_bytes", 512U}, {"ok", true}, {"share", 0.25}, {"at", "a/b"}});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(
      lines[0],
      "2026-11-23T15:11:29.123Z info journal \"lane recovered\" lane=3 cut_bytes=512 ok=true share=0.25 at=a/b\n");
}

TEST_F(LogTest, TimeIsLeftOutWhenThereIsNone) {
  log_error("x", "y");
  EXPECT_EQ(lines.at(0), "error x \"y\"\n");
}

TEST_F(LogTest, NothingFromOutsideCanForgeALine) {
  log_warning("net", "bad \"name\"", {{"name", "a\nerror fake \"x\""}, {"bytes", "\x1b[2J\x80\t\\"}, {"empty", ""}});
  EXPECT_EQ(
      lines.at(0),
      "warning net \"bad \\\"name\\\"\" name=\"a\\nerror fake \\\"x\\\"\" bytes=\"\\x1b[2J\\x80\\t\\\\\" empty=\"\"\n");
}

TEST_F(LogTest, LevelHoldsBackWhatIsBelowIt) {
  log_debug("x", "hidden");
  set_log_level(LogLevel::warning);
  log_info("x", "hidden");
  log_warning("x", "shown");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("shown"));
}

TEST_F(LogTest, LinesAreBounded) {
  const std::string long_text(100'000, 'a');
  log_error("x", long_text, {{"a", long_text}, {"b", long_text}, {"c", long_text}, {"d", 1}});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_LE(lines[0].size(), 4096U);
  EXPECT_THAT(lines[0], StartsWith("error x \"aaa"));
  EXPECT_THAT(lines[0], HasSubstr("...\" a=\"aaa"));
  EXPECT_THAT(lines[0], HasSubstr(" d=1"));
  EXPECT_THAT(lines[0], EndsWith(" fields_left_out=1\n"));
}

}  // namespace
}  // namespace weir
