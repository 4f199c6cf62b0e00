#include "directory/fleet/leader_election.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "env/sim/seeded_random.h"
#include "env/sim/simulation.h"
#include "metastore/memory_metastore.h"
#include "tests/support/simulation_test.h"

namespace weir::directory {
namespace {

using weir::test::for_each_seed;

// Three candidates on machines of their own, over one store. A watch looks at them all the time.
struct ElectionWorld {
  struct Candidate {
    env::SimulatedMachine* machine = nullptr;
    LeaderElection* election = nullptr;  // lives on the machine; null when it is over or was killed
    env::Event* stop = nullptr;
    double fault_probability = 0;
    bool store_is_away = false;
  };

  ElectionWorld(env::Simulation& in, std::uint64_t seed) : simulation(in), random(seed, 3) {
    for (int i = 0; i < 3; ++i) {
      candidates.push_back(std::make_unique<Candidate>());
      candidates.back()->machine = &simulation.add_machine(
          {.name = "candidate-" + std::to_string(i), .address = "10.0.3." + std::to_string(i + 1)});
    }
  }

  env::Task<void> run(Candidate& candidate) {
    env::Core& core = candidate.machine->core(0);
    metastore::MemoryMetastoreOptions options{.latency = milliseconds(5)};
    options.fault = [this, &candidate](metastore::MetastoreCall) {
      if (candidate.store_is_away) return metastore::MetastoreFault::lost_before;
      if (!random.chance(candidate.fault_probability)) return metastore::MetastoreFault::none;
      return random.coin() ? metastore::MetastoreFault::lost_before : metastore::MetastoreFault::lost_after;
    };
    const auto store = metastore::make_memory_metastore(core, content, options);
    const std::string name = candidate.machine->name();
    LeaderElection election(core, *store, {.name = name, .endpoint = {name, 4'600}});
    env::Event stop(core);
    candidate.election = &election;
    candidate.stop = &stop;
    election.start();
    co_await stop.wait();
    co_await election.stop();
    candidate.election = nullptr;
    co_await store->close();
  }
  env::Task<void> start_all() {
    for (const auto& candidate : candidates) {
      candidate->machine->start([this, mine = candidate.get()] { return run(*mine); });
    }
    co_await simulation.core(0).sleep_for(milliseconds(1));
  }
  env::Task<void> stop(Candidate& candidate) {
    co_await candidate.machine->core(0).enter();
    candidate.stop->notify_all();
    co_await simulation.core(0).enter();
    while (candidate.election != nullptr) co_await simulation.core(0).sleep_for(milliseconds(1));
  }
  env::Task<void> wait_to_lose(Candidate& candidate, std::uint64_t term) {
    co_await candidate.machine->core(0).enter();
    co_await candidate.election->wait_to_lose(term);
    co_await simulation.core(0).enter();
  }
  void kill(Candidate& candidate) {
    candidate.machine->kill();
    candidate.election = nullptr;
  }
  void reboot(Candidate& candidate) {
    const auto number =
        std::ranges::find(candidates, &candidate, &std::unique_ptr<Candidate>::get) - candidates.begin();
    candidate.machine =
        &simulation.add_machine({.name = candidate.machine->name(), .address = "10.0.3." + std::to_string(number + 1)});
    candidate.machine->start([this, mine = &candidate] { return run(*mine); });
  }
  env::Task<void> stop_all() {
    for (const auto& candidate : candidates) {
      if (candidate->election != nullptr) co_await stop(*candidate);
    }
    co_await simulation.core(0).sleep_for(seconds(1));
  }
  // Who leads, by its own clock; a test failure when there are two, or a term had another leader.
  Candidate* leader() {
    Candidate* found = nullptr;
    for (const auto& candidate : candidates) {
      if (candidate->election == nullptr || !candidate->election->is_leader()) continue;
      EXPECT_EQ(found, nullptr) << "two leaders at once";
      found = candidate.get();
      const std::uint64_t term = candidate->election->term();
      EXPECT_TRUE(leader_of_term.emplace(term, found).first->second == found) << "term " << term << " had two leaders";
      if (found != last_leader) {
        EXPECT_GT(term, last_term);
      }
      last_leader = found;
      last_term = term;
    }
    return found;
  }
  // Looks on for so long, every few milliseconds.
  env::Task<void> watch(Duration duration) {
    const MonotonicTime end = simulation.now() + duration;
    while (simulation.now() < end) {
      static_cast<void>(leader());
      co_await simulation.core(0).sleep_for(milliseconds(7));
    }
  }
  // Until one other than `before` leads; returns how long that took.
  env::Task<Duration> until_another_leads(const Candidate* before) {
    const MonotonicTime begin = simulation.now();
    for (;;) {
      const Candidate* now = leader();
      if (now != nullptr && now != before) co_return simulation.now() - begin;
      if (simulation.now() - begin > seconds(60)) {
        ADD_FAILURE() << "nobody leads";
        co_return simulation.now() - begin;
      }
      co_await simulation.core(0).sleep_for(milliseconds(7));
    }
  }

  env::Simulation& simulation;
  env::SeededRandom random;
  std::shared_ptr<metastore::MemoryMetastoreContent> content = std::make_shared<metastore::MemoryMetastoreContent>();
  std::vector<std::unique_ptr<Candidate>> candidates;
  std::map<std::uint64_t, const Candidate*> leader_of_term;
  const Candidate* last_leader = nullptr;
  std::uint64_t last_term = 0;
};

void with_election(std::uint64_t seed, const std::function<env::Task<void>(ElectionWorld&)>& body) {
  env::Simulation simulation({.seed = seed});
  ElectionWorld world(simulation, seed);
  const int code = simulation.run([&]() -> env::Task<int> {
    co_await world.start_all();
    co_await body(world);
    co_await world.stop_all();
    co_return 0;
  });
  EXPECT_EQ(code, 0);
}

// interval + take_after + interval + three calls
constexpr Duration takeover_max = seconds(6) + milliseconds(200);

TEST(LeaderElection, OneOfThreeLeadsAndGoesOnLeading) {
  with_election(1, [](ElectionWorld& world) -> env::Task<void> {
    EXPECT_LE(co_await world.until_another_leads(nullptr), seconds(2));
    const auto* const first = world.leader();
    co_await world.watch(seconds(60));
    EXPECT_EQ(world.leader(), first);
    EXPECT_EQ(world.leader_of_term.size(), 1U);
    for (const auto& candidate : world.candidates) {
      const auto view = candidate->election->leader();
      EXPECT_TRUE(view.has_value());
      if (view) EXPECT_EQ(view->endpoint, first->election->leader()->endpoint);
    }
  });
}

TEST(LeaderElection, WhenTheLeaderIsKilledAnotherLeadsWithinTheStatedTime) {
  for_each_seed(1, 50, [](std::uint64_t seed) {
    with_election(seed, [](ElectionWorld& world) -> env::Task<void> {
      co_await world.until_another_leads(nullptr);
      co_await world.watch(milliseconds(static_cast<std::int64_t>(3'000 + world.random.below(2'000))));
      auto* const first = world.leader();
      world.kill(*first);
      EXPECT_LE(co_await world.until_another_leads(first), takeover_max);
      EXPECT_GE(world.last_term, 2U);
    });
  });
}

TEST(LeaderElection, ALeaderThatIsKilledAndStartedAgainLeadsAtOnceInANewTerm) {
  for_each_seed(1, 50, [](std::uint64_t seed) {
    with_election(seed, [](ElectionWorld& world) -> env::Task<void> {
      co_await world.until_another_leads(nullptr);
      co_await world.watch(milliseconds(static_cast<std::int64_t>(world.random.below(5'000))));
      auto* const first = world.leader();
      const std::uint64_t term = world.last_term;
      world.kill(*first);
      world.reboot(*first);
      EXPECT_LE(co_await world.until_another_leads(nullptr), milliseconds(100));
      EXPECT_EQ(world.leader(), first);
      EXPECT_EQ(world.last_term, term + 1);
      co_await world.watch(seconds(20));
      EXPECT_EQ(world.leader(), first);
    });
  });
}

TEST(LeaderElection, AStoppedLeaderIsSucceededAtOnce) {
  with_election(1, [](ElectionWorld& world) -> env::Task<void> {
    co_await world.until_another_leads(nullptr);
    auto* const first = world.leader();
    co_await world.stop(*first);
    EXPECT_LE(co_await world.until_another_leads(first), milliseconds(1'100));
  });
}

TEST(LeaderElection, StepsDownInTimeWhenTheStoreIsAwayAndLeadsAgainWhenItIsBack) {
  with_election(1, [](ElectionWorld& world) -> env::Task<void> {
    co_await world.until_another_leads(nullptr);
    auto* const first = world.leader();
    const std::uint64_t term = first->election->term();
    for (const auto& candidate : world.candidates) candidate->store_is_away = true;
    const MonotonicTime begin = world.simulation.now();
    co_await world.wait_to_lose(*first, term);
    EXPECT_LE(world.simulation.now() - begin, seconds(3));
    EXPECT_EQ(first->election->term(), 0U);
    co_await world.watch(seconds(30));
    EXPECT_EQ(world.leader(), nullptr);
    EXPECT_FALSE(first->election->last_error().empty());
    for (const auto& candidate : world.candidates) candidate->store_is_away = false;
    EXPECT_LE(co_await world.until_another_leads(nullptr), seconds(2));
    EXPECT_GT(world.last_term, term);
  });
}

TEST(LeaderElection, WhoWasPausedFindsThatItDoesNotLeadAnyMore) {
  for_each_seed(1, 30, [](std::uint64_t seed) {
    with_election(seed, [](ElectionWorld& world) -> env::Task<void> {
      co_await world.until_another_leads(nullptr);
      auto* const first = world.leader();
      const std::uint64_t term = first->election->term();
      first->machine->pause(seconds(20));
      EXPECT_LE(co_await world.until_another_leads(first), takeover_max);
      co_await world.watch(seconds(30));
      co_await world.wait_to_lose(*first, term);
      EXPECT_NE(world.leader(), first);
    });
  });
}

TEST(LeaderElection, FaultsAndPausesNeverMakeTwoLeaders) {
  for_each_seed(1, 100, [](std::uint64_t seed) {
    with_election(seed, [](ElectionWorld& world) -> env::Task<void> {
      for (int step = 0; step < 40; ++step) {
        auto& candidate = *world.candidates[world.random.below(3)];
        switch (world.random.below(5)) {
          case 0: candidate.store_is_away = !candidate.store_is_away; break;
          case 1: candidate.machine->pause(milliseconds(static_cast<std::int64_t>(world.random.below(8'000)))); break;
          case 2: candidate.fault_probability = world.random.coin() ? 0.5 : 0; break;
          default: break;
        }
        co_await world.watch(milliseconds(static_cast<std::int64_t>(world.random.below(4'000))));
      }
      for (const auto& each : world.candidates) {
        each->store_is_away = false;
        each->fault_probability = 0;
      }
      co_await world.until_another_leads(nullptr);
    });
  });
}

TEST(LeaderElection, WaitersHearOfEveryChange) {
  with_election(1, [](ElectionWorld& world) -> env::Task<void> {
    co_await world.until_another_leads(nullptr);
    auto* const first = world.leader();
    co_await first->machine->core(0).enter();
    const std::uint64_t term = co_await first->election->wait_to_lead();
    co_await world.simulation.core(0).enter();
    EXPECT_EQ(term, first->election->term());
    EXPECT_EQ(term, 1U);
  });
}

}  // namespace
}  // namespace weir::directory
