// The helpers that other tests rely on must not swallow failures themselves.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/support/simulation_test.h"

namespace weir::test {
namespace {

TEST(SimulationSupport, EverySeedRunsOnceInOrder) {
  std::vector<std::uint64_t> seeds;
  for_each_seed(5, 3, [&seeds](std::uint64_t seed) { seeds.push_back(seed); });
  EXPECT_EQ(seeds, (std::vector<std::uint64_t>{5, 6, 7}));
}

TEST(SimulationSupport, TheEnvironmentPicksOneSeedOrTheirNumber) {
  std::vector<std::uint64_t> seeds;
  setenv("WEIR_SEEDS", "2", 1);
  for_each_seed(5, 100, [&seeds](std::uint64_t seed) { seeds.push_back(seed); });
  setenv("WEIR_SEED", "77", 1);
  for_each_seed(5, 100, [&seeds](std::uint64_t seed) { seeds.push_back(seed); });
  for_each_seed_isolated(5, 100, [&seeds](std::uint64_t seed) { seeds.push_back(seed); });
  unsetenv("WEIR_SEED");
  unsetenv("WEIR_SEEDS");
  EXPECT_EQ(seeds, (std::vector<std::uint64_t>{5, 6, 77, 77}));
}

// In a process of its own, so that the failure is not this test's. It exits with the number of seeds it has run.
template <class ForEach>
[[noreturn]] void exit_with_seeds_run(const ForEach& for_each, std::uint64_t failing) {
  int runs = 0;
  for_each(1, 10, [&runs, failing](std::uint64_t seed) {
    ++runs;
    EXPECT_NE(seed, failing);
  });
  std::_Exit(testing::Test::HasFailure() ? 100 + runs : runs);
}

TEST(SimulationSupportDeathTest, AFailingSeedEndsTheLoopAndFailsTheTest) {
  EXPECT_EXIT(exit_with_seeds_run(for_each_seed, 3), testing::ExitedWithCode(103), "");
  EXPECT_EXIT(exit_with_seeds_run(for_each_seed, 99), testing::ExitedWithCode(10), "");
}

TEST(SimulationSupportDeathTest, AFailureInAnIsolatedSeedFailsTheTestAndNothingElseComesBack) {
  EXPECT_EXIT(exit_with_seeds_run(for_each_seed_isolated, 3), testing::ExitedWithCode(100), "");
  EXPECT_EXIT(exit_with_seeds_run(for_each_seed_isolated, 99), testing::ExitedWithCode(0), "");
}

TEST(SimulationSupportDeathTest, ASeedThatEndsTheProcessIsNamed) {
  const auto die_at_four = [](std::uint64_t seed) { WEIR_ASSERT(seed != 4); };
  EXPECT_DEATH(for_each_seed(1, 5, die_at_four), "WEIR_SEED=4 ");
  EXPECT_NONFATAL_FAILURE(for_each_seed_isolated(1, 5, [](std::uint64_t seed) { WEIR_ASSERT(seed != 4); }),
                          "WEIR_SEED=4 ");
}

TEST(SimulationSupport, ASimulationThatHangsFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(static_cast<void>(run_simulation({.seed = 3, .steps_max = 100},
                                                           [](env::Core& core) -> env::Task<void> {
                                                             for (;;) co_await core.yield();
                                                           })),
                          "seed 3 step limit reached");
}

}  // namespace
}  // namespace weir::test
