// Call rates of a whole fleet: front ends and directories on machines of their own, in a simulation.
#include "frontend/fleet_call_rates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/log.h"
#include "directory/rates/rate_handler.h"
#include "directory/rpc_paths.h"
#include "env/sim/sim_network.h"
#include "env/sim/simulation.h"
#include "net/server.h"
#include "tests/support/must.h"

namespace weir::frontend {
namespace {

using weir::test::must;

constexpr std::uint16_t directory_port = 4'600;
constexpr std::size_t directories_count = 2;
constexpr std::uint32_t limit = 20;
const std::string subject = "000000000000/us-east-1/DescribeStreamSummary";

class RatesServer final : public net::HttpHandler {
 public:
  RatesServer(env::Core& core, directory::RateHandler& handler) : core_(core), handler_(handler) {}
  env::Task<net::HttpResponse> handle(net::HttpRequest& request) override {
    EXPECT_EQ(request.path, directory::rates_path);
    ++asks;
    auto response = co_await handler_.handle(core_, request.body);
    if (delay != Duration::zero()) co_await core_.sleep_for(delay);
    co_return response;
  }
  net::HttpResponse refuse(std::uint16_t status) override { return {.status = status}; }

  std::size_t asks = 0;
  Duration delay{};  // of every answer

 private:
  env::Core& core_;
  directory::RateHandler& handler_;
};

struct World;

struct DirectoryProcess {
  DirectoryProcess(World& in, std::size_t number);
  env::Core& core;
  env::Endpoint endpoint;
  MetricsRegistry registry;
  directory::RateMetrics metrics{registry};
  directory::RateHandler handler;
  RatesServer server;
  std::unique_ptr<net::HttpServer> port;
};

struct FrontEndProcess {
  FrontEndProcess(World& in, std::size_t number);
  env::SimulatedMachine& machine;
  MetricsRegistry registry;
  CallRateMetrics metrics{registry};
  FleetCallRates rates;
};

struct World {
  explicit World(env::Simulation& in) : simulation(in), home(in.core(0)) {}

  env::Task<void> start(std::size_t front_ends_count) {
    for (std::size_t i = 0; i < directories_count; ++i) {
      DirectoryProcess& made = *directories.emplace_back(std::make_unique<DirectoryProcess>(*this, i));
      co_await made.core.enter();
      made.port = must(co_await net::HttpServer::start(made.core, {{made.core, made.server}}, http,
                                                       {.endpoint = {"0.0.0.0", directory_port}}));
    }
    co_await lead(0);
    for (std::size_t i = 0; i < front_ends_count; ++i) {
      FrontEndProcess& made = *front_ends.emplace_back(std::make_unique<FrontEndProcess>(*this, i));
      co_await made.machine.core(0).enter();
      made.rates.start();
    }
    co_await home.enter();
  }
  env::Task<void> lead(std::optional<std::size_t> number) {
    if (leader) {
      co_await directories[*leader]->core.enter();
      directories[*leader]->handler.stop_leading();
    }
    leader = number;
    if (leader) {
      co_await directories[*leader]->core.enter();
      directories[*leader]->handler.lead([] { return true; });
    }
    co_await home.enter();
  }
  env::Task<void> stop() {
    for (const auto& front_end : front_ends) {
      co_await front_end->machine.core(0).enter();
      co_await front_end->rates.stop();
    }
    for (const auto& directory : directories) {
      co_await directory->core.enter();
      co_await directory->port->stop(milliseconds(100));
    }
    co_await home.enter();
  }

  env::Simulation& simulation;
  env::Core& home;
  SettingsRegistry settings_registry;
  net::HttpSettings http_settings{settings_registry};
  MetricsRegistry metrics_registry;
  net::HttpMetrics http_metrics{metrics_registry};
  net::HttpResources http{http_settings, http_metrics};
  std::optional<std::size_t> leader;
  std::vector<std::unique_ptr<DirectoryProcess>> directories;
  std::vector<std::unique_ptr<FrontEndProcess>> front_ends;
};

std::string directory_address(std::size_t number) { return "10.0.1." + std::to_string(number + 1); }

DirectoryProcess::DirectoryProcess(World& in, std::size_t number)
    : core(in.simulation.add_machine({.name = "directory", .address = directory_address(number)}).core(0)),
      endpoint{directory_address(number), directory_port},
      handler(core,
              {.is_leader = [&in, number] { return in.leader == number; },
               .leader = [&in]() -> std::optional<env::Endpoint> {
                 return in.leader ? std::optional(in.directories[*in.leader]->endpoint) : std::nullopt;
               }},
              metrics),
      server(core, handler) {}

FleetCallRatesOptions options_of(std::size_t number) {
  FleetCallRatesOptions options{.process = "front end " + std::to_string(number), .fleet = "default"};
  options.cores = 2;
  for (std::size_t i = 0; i < directories_count; ++i)
    options.directories.push_back({directory_address(i), directory_port});
  return options;
}

FrontEndProcess::FrontEndProcess(World& in, std::size_t number)
    : machine(in.simulation.add_machine(
          {.name = "front end", .address = "10.0.2." + std::to_string(number + 1), .cores = 2})),
      rates(machine.core(0), net::connect_by_http2({}), options_of(number), metrics) {}

// What became of the calls.
struct Book {
  std::vector<MonotonicTime> admitted;
  std::size_t refused = 0;
  Duration longest{};  // that a call took

  // The most in [t, t + 1 s), for all t from `from` to `to`.
  [[nodiscard]] std::size_t most_in_a_second(MonotonicTime from, MonotonicTime to) const {
    std::vector<MonotonicTime> times;
    std::ranges::copy_if(admitted, std::back_inserter(times), [&](MonotonicTime t) { return t >= from && t < to; });
    std::ranges::sort(times);
    std::size_t most = 0;
    for (std::size_t first = 0, end = 0; first < times.size(); ++first) {
      while (end < times.size() && times[end] - times[first] < seconds(1)) ++end;
      most = std::max(most, end - first);
    }
    return most;
  }
  [[nodiscard]] std::size_t between(MonotonicTime from, MonotonicTime to) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(admitted, [&](MonotonicTime t) { return t >= from && t < to; }));
  }
};

env::Task<void> call(FrontEndProcess& front_end, env::Core& core, std::string of, std::uint32_t rate, Book& book) {
  const MonotonicTime began = core.now();
  const bool admitted = co_await front_end.rates.admit(core, of, rate);
  EXPECT_TRUE(core.is_current());
  book.longest = std::max<Duration>(book.longest, core.now() - began);
  if (admitted) {
    book.admitted.push_back(core.now());
  } else {
    ++book.refused;
  }
}

// Calls of one front end, `interval` apart, on one of its cores.
env::Task<void> drive_one(FrontEndProcess& front_end, std::size_t number, Duration interval, MonotonicTime until,
                          std::uint32_t rate, Book& book) {
  env::Core& core = front_end.machine.core(number % 2);
  co_await core.enter();
  env::TaskGroup calls(core);
  while (core.now() < until) {
    calls.spawn(call(front_end, core, subject, rate, book));
    co_await core.sleep_for(interval / 2 + interval * static_cast<std::int64_t>(core.random_u64() % 1'000) / 1'000);
  }
  co_await calls.wait();
}

// `calls_per_second` over all front ends together.
env::Task<void> drive(World& world, double calls_per_second, Duration length, Book& book, std::uint32_t rate = limit) {
  const MonotonicTime until = world.home.now() + length;
  const auto interval = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(static_cast<double>(world.front_ends.size()) / calls_per_second));
  env::TaskGroup all(world.home);
  for (std::size_t i = 0; i < world.front_ends.size(); ++i) {
    all.spawn(drive_one(*world.front_ends[i], i, interval, until, rate, book));
  }
  co_await all.wait();
}

void run(std::uint64_t seed, std::size_t front_ends, const std::function<env::Task<void>(World&)>& test) {
  set_log_level(LogLevel::error);
  env::Simulation simulation({.seed = seed});
  simulation.network().set_options({.slow_probability = 0});
  auto world = std::make_unique<World>(simulation);
  const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    co_await world->start(front_ends);
    co_await world->home.sleep_for(seconds(8));  // everyone has been heard of and knows how many they are
    co_await test(*world);
    co_await world->stop();
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

// Issue: "account and call-rate limits hold for the whole fleet within 10 %".
TEST(FleetCallRates, HoldForTheWholeFleetWithinATenth) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const double demand : {1.5, 10.0}) {
      run(seed, 3, [&](World& world) -> env::Task<void> {
        Book book;
        const MonotonicTime began = world.home.now();
        constexpr std::int64_t length = 10;
        co_await drive(world, demand * limit, seconds(length), book);
        EXPECT_LE(book.most_in_a_second(began, MonotonicTime::max()), limit);
        EXPECT_GE(book.admitted.size() * 10, limit * length * 9) << demand << " times the rate";
        EXPECT_GT(book.refused, 0U);
        for (const auto& front_end : world.front_ends) {
          EXPECT_EQ(front_end->metrics.admitted_by_share.value(), 0U);
          EXPECT_EQ(front_end->metrics.front_ends.value(), 3);
        }
      });
    }
  }
}

TEST(FleetCallRates, ARateOfAThousandHoldsToo) {
  run(4, 4, [](World& world) -> env::Task<void> {
    Book book;
    const MonotonicTime began = world.home.now();
    co_await drive(world, 5'000, seconds(5), book, 1'000);
    EXPECT_LE(book.most_in_a_second(began, MonotonicTime::max()), 1'000U);
    EXPECT_GE(book.admitted.size(), 4'500U);
  });
}

TEST(FleetCallRates, CallsWithinTheirRateAreAllAdmitted) {
  run(5, 3, [](World& world) -> env::Task<void> {
    Book book;
    co_await drive(world, 0.7 * limit, seconds(10), book);
    EXPECT_EQ(book.refused, 0U);
    EXPECT_LT(book.longest, milliseconds(50));
  });
}

// A tenant who calls all the time has its calls asked for all the time. Another's call goes with the next ask, at once.
TEST(FleetCallRates, ACallDoesNotWaitBecauseAnotherTenantsWasJustAskedFor) {
  run(11, 1, [](World& world) -> env::Task<void> {
    Book flood;
    Book others;
    env::TaskGroup tasks(world.home);
    tasks.spawn(drive(world, 30 * limit, seconds(4), flood));
    for (int i = 0; i < 40; ++i) {
      co_await world.home.sleep_for(milliseconds(90));
      co_await world.front_ends[0]->machine.core(0).enter();
      co_await call(*world.front_ends[0], world.front_ends[0]->machine.core(0), "another's", limit, others);
      co_await world.home.enter();
    }
    co_await tasks.wait();
    EXPECT_GT(flood.refused, 1'000U);
    EXPECT_EQ(others.refused, 0U);
    EXPECT_LT(others.longest, milliseconds(5)) << "two round trips";
  });
}

TEST(FleetCallRates, AFloodDoesNotReachTheDirectory) {
  run(6, 3, [](World& world) -> env::Task<void> {
    Book book;
    const std::size_t before = world.directories[0]->server.asks;
    co_await drive(world, 20'000, seconds(4), book);
    const std::size_t asks = world.directories[0]->server.asks - before;
    EXPECT_GT(book.refused, 70'000U);
    // At most one ask for each front end and each of the rate's calls, and one when it is refused.
    EXPECT_LT(asks, 3U * 4U * 2U * limit);
    EXPECT_EQ(world.directories[1]->server.asks, 0U);
  });
}

// Issue: "With etcd and the whole directory fleet gone, existing streams are served."
TEST(FleetCallRates, WithoutADirectoryEachGoesByItsShareAndNoCallWaits) {
  for (const std::uint64_t seed : {7U, 8U, 9U}) {
    run(seed, 3, [](World& world) -> env::Task<void> {
      Book warm;
      co_await drive(world, 3 * limit, seconds(2), warm);
      for (std::size_t i = 0; i < directories_count; ++i) world.simulation.network().isolate(directory_address(i));
      Book first;
      const MonotonicTime gone = world.home.now();
      co_await drive(world, 3 * limit, seconds(3), first);
      EXPECT_LE(first.longest, milliseconds(101)) << "those that were under way waited";
      Book apart;
      co_await drive(world, 3 * limit, seconds(5), apart);
      EXPECT_LT(apart.longest, milliseconds(1));
      EXPECT_LE(apart.most_in_a_second(gone, MonotonicTime::max()), limit);
      EXPECT_GE(apart.admitted.size(), 5U * 3U * (limit / 3) * 9 / 10);
      for (const auto& front_end : world.front_ends) EXPECT_EQ(front_end->metrics.apart.value(), 1);

      world.simulation.network().heal();
      const MonotonicTime healed = world.home.now();
      Book back;
      co_await drive(world, 10 * limit, seconds(12), back);
      for (const auto& front_end : world.front_ends) EXPECT_EQ(front_end->metrics.apart.value(), 0);
      back.admitted.insert(back.admitted.end(), apart.admitted.begin(), apart.admitted.end());
      EXPECT_LE(back.most_in_a_second(gone, MonotonicTime::max()), limit * 11 / 10);
      EXPECT_GE(back.between(healed + seconds(7), healed + seconds(12)) * 10, 5U * limit * 9);
    });
  }
}

TEST(FleetCallRates, AShareIsOneCallASecondAtLeast) {
  run(10, 6, [](World& world) -> env::Task<void> {
    for (std::size_t i = 0; i < directories_count; ++i) world.simulation.network().isolate(directory_address(i));
    Book first;
    co_await drive(world, 60, seconds(2), first, 5);
    Book apart;
    const MonotonicTime began = world.home.now();
    co_await drive(world, 60, seconds(4), apart, 5);
    EXPECT_GE(apart.admitted.size(), 4U * 6U * 8 / 10);
    EXPECT_LE(apart.most_in_a_second(began, MonotonicTime::max()), 6U);
  });
}

TEST(FleetCallRates, ANewLeaderIsFoundAndKnowsWhatWasAdmittedMeanwhile) {
  for (const std::uint64_t seed : {11U, 12U, 13U}) {
    run(seed, 3, [](World& world) -> env::Task<void> {
      Book book;
      co_await drive(world, 3 * limit, seconds(3), book);
      co_await world.lead(std::nullopt);
      const MonotonicTime lost = world.home.now();
      co_await drive(world, 3 * limit, seconds(4), book);
      co_await world.lead(1);
      const MonotonicTime led = world.home.now();
      co_await drive(world, 3 * limit, seconds(8), book);
      const MonotonicTime end = world.home.now();
      EXPECT_LE(book.most_in_a_second(MonotonicTime::min(), lost), limit);
      EXPECT_LE(book.most_in_a_second(lost + seconds(1), end), limit * 11 / 10);
      EXPECT_GE(book.between(led + seconds(3), end) * 10, 5U * limit * 9);
      EXPECT_GT(world.directories[1]->metrics.granted.value(), 4U * limit);
      for (const auto& front_end : world.front_ends) EXPECT_EQ(front_end->metrics.apart.value(), 0);
    });
  }
}

TEST(FleetCallRates, AFrontEndAloneIsApartAndComesBack) {
  run(14, 3, [](World& world) -> env::Task<void> {
    for (std::size_t i = 0; i < directories_count; ++i) {
      world.simulation.network().partition("10.0.2.1", directory_address(i));
    }
    Book book;
    co_await drive(world, 3 * limit, seconds(1), book);
    const MonotonicTime apart = world.home.now();
    co_await drive(world, 3 * limit, seconds(4), book);
    EXPECT_EQ(world.front_ends[0]->metrics.apart.value(), 1);
    EXPECT_EQ(world.front_ends[1]->metrics.apart.value(), 0);
    // Its share comes on top of what the directory counts.
    EXPECT_LE(book.most_in_a_second(apart, MonotonicTime::max()), limit + limit / 3);
    world.simulation.network().heal();
    co_await drive(world, 3 * limit, seconds(5), book);
    const MonotonicTime back = world.home.now();
    co_await drive(world, 3 * limit, seconds(3), book);
    EXPECT_EQ(world.front_ends[0]->metrics.apart.value(), 0);
    EXPECT_LE(book.most_in_a_second(back, MonotonicTime::max()), limit);
  });
}

// What comes too late would be counted by nobody when it is used.
TEST(FleetCallRates, WhoCallsTooOftenOnACoreDoesNotWakeTheHomeCoreWithEveryCall) {
  run(1, 1, [](World& world) -> env::Task<void> {
    FrontEndProcess& front_end = *world.front_ends[0];
    env::Core& core = front_end.machine.core(1);
    co_await core.enter();
    std::size_t at_once = 0;
    Book book;
    for (int i = 0; i < 2'000; ++i) {
      env::TaskGroup calls(core);
      calls.spawn(call(front_end, core, subject, limit, book));
      at_once += calls.running() == 0 ? 1 : 0;
      co_await calls.wait();
      co_await core.sleep_for(milliseconds(1));
    }
    EXPECT_GE(at_once, book.refused * 9 / 10) << "it never left the core";
    EXPECT_LE(book.most_in_a_second({}, core.now()), limit * 11 / 10);
    EXPECT_GE(book.admitted.size(), limit);
    co_await world.home.enter();
  });
}

TEST(FleetCallRates, GrantsThatComeLateAreNotUsed) {
  run(15, 1, [](World& world) -> env::Task<void> {
    world.directories[0]->server.delay = milliseconds(70);
    Book book;
    const MonotonicTime began = world.home.now();
    co_await drive(world, 3 * limit, seconds(5), book);
    EXPECT_GT(world.front_ends[0]->metrics.grants_late.value(), 0U);
    EXPECT_EQ(world.front_ends[0]->metrics.apart.value(), 0) << "the directory answers";
    EXPECT_LE(book.most_in_a_second(began, MonotonicTime::max()), limit);
    EXPECT_GE(book.admitted.size(), 4U * limit);
  });
}

// A slow network costs at most the tenth.
TEST(FleetCallRates, HoldOnASlowNetwork) {
  for (std::uint64_t seed = 20; seed < 30; ++seed) {
    run(seed, 4, [](World& world) -> env::Task<void> {
      world.simulation.network().set_options({.slow_probability = 0.05});
      Book book;
      const MonotonicTime began = world.home.now();
      co_await drive(world, 5 * limit, seconds(10), book);
      EXPECT_LE(book.most_in_a_second(began, MonotonicTime::max()), limit * 11 / 10 + 1);
      EXPECT_GE(book.admitted.size(), 10U * limit * 8 / 10);
    });
  }
}

TEST(FleetCallRates, ManySubjectsAtOnceAreAskedForInTurns) {
  run(30, 1, [](World& world) -> env::Task<void> {
    Book book;
    FrontEndProcess& front_end = *world.front_ends[0];
    env::Core& core = front_end.machine.core(0);
    co_await core.enter();
    env::TaskGroup calls(core);
    constexpr int subjects = 700;
    for (int i = 0; i < subjects; ++i) calls.spawn(call(front_end, core, "1/r/" + std::to_string(i), 5, book));
    EXPECT_EQ(front_end.metrics.waiting.value(), subjects);
    co_await calls.wait();
    EXPECT_EQ(book.admitted.size(), static_cast<std::size_t>(subjects));
    EXPECT_EQ(front_end.metrics.admitted_by_share.value(), 0U);
    co_await world.home.enter();
  });
}

}  // namespace
}  // namespace weir::frontend
