#include "cell/lane/lane_count.h"

#include "env/file.h"
#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

using test::run_simulation;

TEST(LaneCount, IsDecidedAtTheFirstStartAndKept) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    EXPECT_EQ(must(co_await fix_lane_count(core, "data/cell", 3)), 3U);
    EXPECT_EQ(must(co_await fix_lane_count(core, "data/cell", 3)), 3U);
    EXPECT_EQ(must(co_await fix_lane_count(core, "data/cell", 5)), 3U);
    EXPECT_EQ(must(co_await fix_lane_count(core, "data/other", lanes_max)), lanes_max);
    EXPECT_EQ(must(co_await fix_lane_count(core, "data/other", 1)), lanes_max);
  });
}

TEST(LaneCount, IsNeverGuessed) {
  run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const std::pair<std::string, ErrorCode> cases[] = {
        {"", ErrorCode::corrupt},
        {"something else\n", ErrorCode::corrupt},
        {"weir cell 2\nlanes 3\n", ErrorCode::unsupported},
        {"weir cell 1\nlanes 0\n", ErrorCode::corrupt},
        {"weir cell 1\nlanes 65\n", ErrorCode::corrupt},
        {"weir cell 1\nlanes 3", ErrorCode::corrupt},
        {"weir cell 1\nlanes 3\nmore\n", ErrorCode::corrupt},
        {std::string(1'000, 'x'), ErrorCode::limit_exceeded},
    };
    for (const auto& [content, code] : cases) {
      must(co_await core.files().create_directories("cell"));
      must(co_await env::replace_file(core.files(), "cell/cell", content));
      const auto lanes = co_await fix_lane_count(core, "cell", 2);
      EXPECT_FALSE(lanes.has_value());
      if (!lanes.has_value()) EXPECT_EQ(lanes.error().code, code) << content;
    }
  });
}

TEST(LaneCount, SurvivesALossOfPowerAtAnyPoint) {
  test::for_each_crash_point(
      {.seed = 1},
      [](env::SimulatedDisk& disk) {
        test::run_simulation_until_crash({.seed = 1, .disk = &disk}, [](env::Core& core) -> env::Task<void> {
          static_cast<void>(co_await fix_lane_count(core, "cell", 3));
        });
      },
      [](env::SimulatedDisk& disk, const test::CrashCase&) {
        run_simulation({.seed = 1, .disk = &disk}, [](env::Core& core) -> env::Task<void> {
          const std::uint32_t lanes = must(co_await fix_lane_count(core, "cell", 5));
          EXPECT_TRUE(lanes == 3 || lanes == 5);
          EXPECT_EQ(must(co_await fix_lane_count(core, "cell", 7)), lanes);
        });
      });
}

}  // namespace
}  // namespace weir::cell
