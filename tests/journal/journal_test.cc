#include "journal/journal.h"

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tests/journal/lane_model.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

env::Task<std::unique_ptr<Journal>> open_or_fail(env::Core& core, LaneModel& model) {
  auto journal = co_await model.open(core);
  EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
  co_return journal ? std::move(*journal) : nullptr;
}

// Random commits, reads, trims and reopenings, against a map.
env::Task<void> live(env::Core& core, LaneModel& model, std::uint64_t steps) {
  auto journal = co_await open_or_fail(core, model);
  for (std::uint64_t step = 0; step < steps && journal && !testing::Test::HasFailure(); ++step) {
    const std::uint64_t choice = model.random.below(100);
    if (choice < 80) {
      const bool committed = co_await model.commit(*journal);
      EXPECT_TRUE(committed);
    } else if (choice < 90) {
      co_await model.check(*journal);
    } else if (choice < 95) {
      model.expire(model.random.between(1, 3));
      const auto report = co_await journal->trim(model);
      EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message);
    } else {
      co_await journal->close();
      journal = co_await open_or_fail(core, model);
    }
  }
  if (!journal) co_return;
  co_await model.check(*journal);
  co_await journal->close();
}

TEST(Journal, HoldsWhatAMapHolds) {
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    LaneModel model(seed, 1 + static_cast<std::uint32_t>(seed % 7));
    test::run_simulation(seed, [&model](env::Core& core) { return live(core, model, 300); });
  });
}

}  // namespace
}  // namespace weir::journal
