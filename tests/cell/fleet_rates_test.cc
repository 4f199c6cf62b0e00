// A flood through a front end of two cores: shard limits over the network.
#include "gtest/gtest.h"
#include "tests/cell/fleet_world.h"
#include "tests/support/simulation_test.h"

namespace weir::cell {
namespace {

constexpr LaneId lane{0};
constexpr std::uint32_t record_bytes = 100'000;
constexpr std::uint32_t records_per_request = 10;

struct Admitted {
  std::vector<std::pair<MonotonicTime, std::uint32_t>> records;
  std::uint64_t refused = 0;
};

// Sends 20 requests a second of a megabyte each for `length`.
env::Task<void> flood(Fleet& fleet, env::Core& core, Duration length, Admitted& admitted) {
  co_await core.enter();
  const MonotonicTime began = core.now();
  while (core.now() < began + length) {
    const MonotonicTime at = core.now();
    auto replies = co_await fleet.cell().append(
        core, lane, one_request(make_fragment(fleet.book().shard(0), "x", records_per_request, record_bytes)));
    EXPECT_TRUE(replies[0].refusal == Refusal::none || replies[0].refusal == Refusal::throttled) << replies[0].reason;
    admitted.records.emplace_back(at, replies[0].accepted);
    admitted.refused += records_per_request - replies[0].accepted;
    co_await core.sleep_until(std::max<MonotonicTime>(core.now(), at + milliseconds(50)));
  }
  co_await fleet.home().enter();
}

TEST(FleetRates, AFloodOfLargeRequestsIsAdmittedInEvenPartsAndSentToTheNodeOnlyAsFarAsItIsAdmitted) {
  test::for_each_seed(1, 5, [](std::uint64_t seed) {
    run_fleet(seed, {lane}, {}, [](Fleet& fleet) -> env::Task<void> {
      NodeProcess* const node = co_await fleet.add_node(0, "10.0.1.1", {{"limits.enforce_rates", "true"}});
      fleet.tell(*node);
      co_await fleet.take(*node, lane);
      co_await fleet.tell_front_end();
      fleet.tell(*node);
      constexpr auto length = seconds(8);
      std::vector<Admitted> admitted(4);
      env::TaskGroup tasks(fleet.home());
      const MonotonicTime began = fleet.home().now();
      for (std::size_t i = 0; i < admitted.size(); ++i) {
        env::Core& core = fleet.simulation().core(static_cast<std::uint32_t>(i / 2));
        tasks.spawn(flood(fleet, core, length, admitted[i]));
        co_await fleet.home().sleep_for(milliseconds(7));
      }
      co_await fleet.home().sleep_for(seconds(2));
      const std::uint64_t received_before = node->http_metrics.received_bytes.value();
      co_await tasks.wait();
      const std::uint64_t received = node->http_metrics.received_bytes.value() - received_before;

      std::vector<std::uint64_t> quarters(40);
      std::uint64_t late = 0;
      for (const Admitted& of_one : admitted) {
        EXPECT_GT(of_one.refused, 100U);
        for (const auto& [at, records] : of_one.records) {
          quarters.at(static_cast<std::size_t>((at - began) / milliseconds(250))) += records;
          if (at >= began + seconds(2)) late += records;
        }
      }
      EXPECT_GE(late * record_bytes, 6 * 900'000U);
      EXPECT_LE(received, late * record_bytes * 3 / 2);
      for (std::size_t i = 8; i < quarters.size(); ++i) EXPECT_LE(quarters[i], 6U) << i;
      EXPECT_GT(fleet.metrics().reserves.value(), 0U);
    });
  });
}

}  // namespace
}  // namespace weir::cell
