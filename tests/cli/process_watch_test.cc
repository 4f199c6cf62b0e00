#include "cli/process_watch.h"

#include <deque>

#include "base/log.h"
#include "env/process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation_test.h"

namespace weir::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Keeps what is logged while it lives.
class Log final : public LogSink {
 public:
  Log() { set_log_sink(this, nullptr); }
  ~Log() override { set_log_sink(nullptr, nullptr); }
  void write(std::string_view line) noexcept override { lines_.emplace_back(line); }
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  std::vector<std::string> lines_;
};

struct Watched {
  explicit Watched(env::Core& core) : watch(core, health, metrics, [this] { return std::vector{use}; }) {}
  MetricsRegistry registry;
  ProcessMetrics metrics{registry};
  frontend::Health health;
  ResourceUse use{.name = "descriptors", .used = 10, .limit = 1'000};
  Log log;
  ProcessWatch watch;
};

TEST(ProcessWatch, WarnsOnceAtFourFifthsOfALimitAndAgainAfterItWasCalm) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Watched watched(core);
    watched.watch.start();
    co_await core.sleep_for(seconds(15));
    watched.use.used = 799;
    co_await core.sleep_for(seconds(15));
    EXPECT_THAT(watched.log.take(), IsEmpty());
    watched.use.used = 800;
    co_await core.sleep_for(seconds(60));
    EXPECT_THAT(watched.log.take(),
                ::testing::ElementsAre(AllOf(HasSubstr("close to a limit"), HasSubstr("resource=descriptors"),
                                             HasSubstr("used=800"), HasSubstr("limit=1000"))));
    watched.use.used = 699;
    co_await core.sleep_for(seconds(15));
    watched.use.used = 900;
    co_await core.sleep_for(seconds(15));
    EXPECT_EQ(watched.log.take().size(), 1U);
    watched.use = {.name = "descriptors", .used = 900, .limit = env::unlimited};
    co_await core.sleep_for(seconds(15));
    EXPECT_THAT(watched.log.take(), IsEmpty());
    co_await watched.watch.stop();
  });
}

TEST(ProcessWatch, TellsOfEveryChangeOfTheCauseOnceAndNotOfItsFigures) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    Watched watched(core);
    int age = 0;
    frontend::Readiness readiness{.ready = false, .cause = "no_map", .reason = "no shard map yet", .details = {}};
    watched.health.set_look([&]() -> env::Task<frontend::Readiness> {
      frontend::Readiness now = readiness;
      if (!now.reason.empty()) now.reason += ", looked at " + std::to_string(++age) + " times";
      co_return now;
    });
    watched.watch.start();
    co_await core.sleep_for(seconds(10));
    EXPECT_THAT(watched.log.take(),
                ::testing::ElementsAre(AllOf(HasSubstr("warning health \"not ready\""), HasSubstr("cause=no_map"),
                                             HasSubstr("no shard map"))));
    EXPECT_EQ(watched.metrics.ready.value(), 0);
    readiness = frontend::Readiness::all_well();
    co_await core.sleep_for(seconds(10));
    EXPECT_THAT(watched.log.take(), ::testing::ElementsAre(HasSubstr("info health \"ready\"")));
    EXPECT_EQ(watched.metrics.ready.value(), 1);
    readiness = {.ready = true, .cause = "map_old", .reason = "the map is old", .details = {}};
    co_await core.sleep_for(seconds(10));
    EXPECT_THAT(watched.log.take(), ::testing::ElementsAre(HasSubstr("ready, but something is wrong")));
    watched.health.set_draining();
    co_await core.sleep_for(seconds(10));
    EXPECT_THAT(watched.log.take(), ::testing::ElementsAre(HasSubstr("cause=draining")));
    co_await watched.watch.stop();
  });
}

TEST(ProcessWatch, MeasuresTheProcessItRunsIn) {
  const std::vector<ResourceUse> resources = measure_process();
  ASSERT_EQ(resources.size(), 4U);
  for (const ResourceUse& resource : resources) {
    EXPECT_GT(resource.used, 0U) << resource.name;
    EXPECT_GT(resource.limit, resource.used) << resource.name;
  }
}

}  // namespace
}  // namespace weir::cli
