#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace weir {
namespace {

Result<std::unique_ptr<int>> make(bool well) {
  if (!well) return fail(ErrorCode::corrupt, "bad magic");
  return std::make_unique<int>(7);
}

Result<int> use(bool well) {
  WEIR_TRY(const std::unique_ptr<int> value, make(well));
  return *value;
}

Result<void> check(bool well) {
  WEIR_CHECK(use(well));
  return {};
}

TEST(Result, TryBindsTheValueOrPassesTheErrorOn) {
  EXPECT_EQ(*use(true), 7);
  ASSERT_FALSE(use(false));
  EXPECT_EQ(use(false).error().code, ErrorCode::corrupt);
  EXPECT_TRUE(check(true));
  EXPECT_EQ(check(false).error().message, "bad magic");
}

TEST(Result, FailWhilePutsTheCircumstanceFirst) {
  const Result<int> outer = fail_while("reading segment 7", use(false).error());
  EXPECT_EQ(outer.error().code, ErrorCode::corrupt);
  EXPECT_EQ(outer.error().message, "reading segment 7: bad magic");
  EXPECT_EQ(to_string(outer.error().code), "corrupt");
}

}  // namespace
}  // namespace weir
