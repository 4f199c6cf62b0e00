// What a node says to the directory, and how it goes on when it is not heard.
#include "cell/node/node_agent.h"

#include <vector>

#include "directory/rpc_paths.h"
#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"

namespace weir::cell {
namespace {

// A node without lanes, and a directory that answers or does not.
struct AgentWorld {
  env::Task<Result<std::string>> answer(env::Core& core, std::string_view path) {
    EXPECT_EQ(path, directory::beat_path);
    asked.push_back(core.now());
    if (is_silent) co_return fail(ErrorCode::unavailable, "lost");
    co_return directory::encode(directory::FleetReply{
        .outcome = directory::FleetOutcome::done, .leader = std::nullopt, .reason = {}, .lanes = {}, .epoch = {}});
  }
  env::Task<int> run(env::Simulation& simulation) {
    env::Core& core = simulation.core(0);
    NodeCell cell(simulation, core,
                  LaneAccess{.claim_epoch = [](LaneId) -> env::Task<Result<Epoch>> { co_return Epoch{1}; },
                             .open_store = open_file_stores("data", 8)},
                  CellContext{settings, journal_settings, metrics, journal_metrics}, NodeCellOptions{});
    NodeAgent agent(
        core, {.node = "node", .cell = 0, .endpoint = {"10.0.0.1", 1}, .directories = {{"10.0.0.2", 1}}},
        [&](env::Endpoint, std::string_view path, std::string, MonotonicTime) { return answer(core, path); });
    agent.start(cell);
    co_await core.sleep_for(milliseconds(4'500));
    is_silent = true;
    silent_since = asked.back();
    co_await core.sleep_for(seconds(20));
    is_silent = false;
    co_await core.sleep_for(seconds(5));
    co_await agent.stop();
    co_await cell.stop();
    co_return 0;
  }

  SettingsRegistry registry;
  MetricsRegistry metrics_registry;
  CellSettings settings{registry};
  journal::JournalSettings journal_settings{registry};
  CellMetrics metrics{metrics_registry, lanes_max};
  journal::JournalMetrics journal_metrics{metrics_registry};
  bool is_silent = false;
  MonotonicTime silent_since;
  std::vector<MonotonicTime> asked;
};

TEST(NodeAgent, LostBeatsAreMadeUpForUntilItIsTooLateAndThenComeAtTheirPace) {
  AgentWorld world;
  env::Simulation simulation({.seed = 1});
  EXPECT_EQ(simulation.run_to_outcome([&] { return world.run(simulation); }), env::Outcome::finished)
      << simulation.report();
  std::size_t hurried = 0;
  for (std::size_t i = 1; i < world.asked.size(); ++i) {
    const Duration pause = world.asked[i] - world.asked[i - 1];
    const Duration silence = world.asked[i - 1] - world.silent_since;
    const bool hurries = silence > Duration::zero() && silence < seconds(3);
    EXPECT_EQ(std::chrono::round<milliseconds>(pause), hurries ? milliseconds(250) : milliseconds(1'000)) << i;
    if (hurries) ++hurried;
  }
  EXPECT_EQ(hurried, 8U);  // from the first that is lost, a second after the last answer, for two seconds
}

}  // namespace
}  // namespace weir::cell
