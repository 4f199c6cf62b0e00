#include "cli/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "journal/rados/rados_cluster.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;

class PreflightTest : public testing::Test {
 protected:
  SettingsRegistry registry;
  AllSettings settings{registry};
  const env::ProcessUsage fresh{.threads = 1};

  void set(const std::string& assignment) { ASSERT_TRUE(registry.set_assignment(assignment)); }
  [[nodiscard]] std::string refusal(const env::SystemLimits& limits) const {
    const auto fits = preflight(worst_case(settings, 2, 1), limits, fresh);
    return fits ? "" : fits.error().message;
  }
};

TEST_F(PreflightTest, WhatFitsIsLetThrough) {
  const WorstCase need = worst_case(settings, 2, 1);
  EXPECT_EQ(refusal({.descriptors_hard_max = need.descriptors,
                     .threads_max = need.threads + fresh.threads,
                     .address_space_bytes_max = need.memory_bytes,
                     .memory_bytes = need.memory_bytes}),
            "");
  EXPECT_EQ(refusal({}), "");
}

TEST_F(PreflightTest, EachLimitThatIsOneTooLowIsNamed) {
  const WorstCase need = worst_case(settings, 2, 1);
  EXPECT_THAT(refusal({.threads_max = need.threads + fresh.threads - 1}), HasSubstr("ulimit -u"));
  EXPECT_THAT(refusal({.descriptors_hard_max = need.descriptors - 1}), HasSubstr("ulimit -Hn"));
  EXPECT_THAT(refusal({.memory_bytes = need.memory_bytes - 1}), HasSubstr("memory.max"));
  EXPECT_THAT(refusal({.address_space_bytes_max = need.memory_bytes - 1}), HasSubstr("ulimit -v"));
}

TEST_F(PreflightTest, TheThreadsOfTheEnginesLibraryAreCounted) {
  const std::uint64_t without = worst_case(settings, 2, 1).threads;
  set("cell.engine=rados");
  EXPECT_EQ(worst_case(settings, 2, 1).threads, without + journal::rados_threads);
}

}  // namespace
}  // namespace weir::cli
