#include "directory/rates/rate_messages.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "directory/rates/rate_handler.h"
#include "env/sim/simulation.h"

namespace weir::directory {
namespace {

RatesAsk any_ask() {
  const auto name = [](std::size_t most) {
    return *rc::gen::resize(static_cast<int>(most), rc::gen::nonEmpty(rc::gen::arbitrary<std::string>()));
  };
  RatesAsk ask{.process = name(50), .fleet = name(50), .subjects = {}};
  const auto subjects = *rc::gen::inRange<std::size_t>(0, 20);
  for (std::size_t i = 0; i < subjects; ++i) {
    ask.subjects.push_back({.subject = name(100),
                            .calls_per_second = *rc::gen::inRange<std::uint32_t>(1, 10'000),
                            .wanted = *rc::gen::inRange<std::uint32_t>(0, 10'000),
                            .spent = *rc::gen::arbitrary<std::uint32_t>()});
  }
  return ask;
}

RC_GTEST_PROP(RateMessages, EveryAskComesBackAsItWas, ()) {
  const RatesAsk sent = any_ask();
  const auto came = decode_rates_ask(encode(sent));
  RC_ASSERT(came.has_value());
  RC_ASSERT(*came == sent);
}

RC_GTEST_PROP(RateMessages, EveryAnswerComesBackAsItWas, ()) {
  const RatesAsk ask = any_ask();
  RatesAnswer sent{.front_ends = *rc::gen::arbitrary<std::uint32_t>()};
  sent.is_leader = *rc::gen::arbitrary<bool>();
  if (!sent.is_leader && *rc::gen::arbitrary<bool>()) sent.leader = env::Endpoint{"10.0.0.1", 4'600};
  sent.began_lately = *rc::gen::arbitrary<bool>();
  if (sent.is_leader && !sent.began_lately) {
    for (const RateAsk& asked : ask.subjects) {
      sent.grants.push_back({.granted = *rc::gen::inRange<std::uint32_t>(0, asked.wanted + 1),
                             .refuse_for = microseconds(*rc::gen::inRange(0, 1'050'001)),
                             .by_share = *rc::gen::arbitrary<bool>()});
    }
  }
  const auto came = decode_rates_answer(encode(sent), ask.subjects);
  RC_ASSERT(came.has_value());
  RC_ASSERT(*came == sent);
}

RC_GTEST_PROP(RateMessages, BytesOfAnyKindAreTakenOrRefused, (const std::string& bytes)) {
  static_cast<void>(decode_rates_ask(bytes));
  static_cast<void>(decode_rates_answer(bytes, any_ask().subjects));
}

TEST(RateMessages, WhatCannotBeIsRefused) {
  const RatesAsk good{.process = "p", .fleet = "f", .subjects = {{.subject = "s", .wanted = 2}}};
  ASSERT_TRUE(decode_rates_ask(encode(good)).has_value());
  const auto refused = [&good](const std::function<void(RatesAsk&)>& harm) {
    RatesAsk bad = good;
    harm(bad);
    return !decode_rates_ask(encode(bad)).has_value();
  };
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.process.clear(); }));
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.fleet.clear(); }));
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.process.assign(rate_name_bytes_max + 1, 'x'); }));
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.subjects[0].subject.clear(); }));
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.subjects[0].subject.assign(rate_subject_bytes_max + 1, 'x'); }));
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.subjects[0].calls_per_second = 0; }));
  EXPECT_TRUE(refused([](RatesAsk& ask) { ask.subjects.resize(rate_subjects_per_ask_max + 1, ask.subjects[0]); }));
  EXPECT_FALSE(decode_rates_ask(std::string(rate_ask_bytes_max + 1, 'x')).has_value());

  const auto answer = [&good](std::vector<RateGrant> grants) {
    return decode_rates_answer(encode(RatesAnswer{.grants = std::move(grants)}), good.subjects).has_value();
  };
  EXPECT_TRUE(answer({{.granted = 2}}));
  EXPECT_FALSE(answer({{.granted = 3}})) << "more than was wanted";
  EXPECT_FALSE(answer({}));
  EXPECT_FALSE(answer({{.granted = 1}, {.granted = 1}}));
}

// Everything that fits into an ask fits into its bytes.
TEST(RateMessages, TheLargestAskIsTaken) {
  RatesAsk ask{.process = std::string(rate_name_bytes_max, 'p'), .fleet = std::string(rate_name_bytes_max, 'f')};
  const std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  ask.subjects.assign(
      rate_subjects_per_ask_max,
      {.subject = std::string(rate_subject_bytes_max, 's'), .calls_per_second = most, .wanted = most, .spent = most});
  EXPECT_TRUE(decode_rates_ask(encode(ask)).has_value());
}

struct HandlerWorld {
  explicit HandlerWorld(env::Core& on) : core(on) {}
  env::Task<RatesAnswer> ask(std::string process, std::string fleet, std::vector<RateAsk> subjects) {
    const RatesAsk asked{.process = std::move(process), .fleet = std::move(fleet), .subjects = std::move(subjects)};
    const std::string body = encode(asked);
    const auto response = co_await handler.handle(core, as_bytes(body));
    EXPECT_EQ(response.status, 200);
    auto answer = decode_rates_answer(response.body, asked.subjects);
    EXPECT_TRUE(answer.has_value());
    co_return answer ? *answer : RatesAnswer{};
  }

  env::Core& core;
  MetricsRegistry registry;
  RateMetrics metrics{registry};
  bool is_leader = true;
  RateHandler handler{
      core,
      {.is_leader = [this] { return is_leader; }, .leader = [] { return env::Endpoint{"10.0.0.9", 4'600}; }},
      metrics};
};

void run_handler(const std::function<env::Task<void>(HandlerWorld&)>& test) {
  env::Simulation simulation({.seed = 1});
  HandlerWorld world(simulation.core(0));
  const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    co_await test(world);
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

TEST(RateHandler, OnlyTheLeaderCountsAndItsClockDecides) {
  run_handler([](HandlerWorld& world) -> env::Task<void> {
    const std::vector<RateAsk> subjects{{.subject = "s", .calls_per_second = 5, .wanted = 7}};
    auto answer = co_await world.ask("a", "default", subjects);
    EXPECT_FALSE(answer.is_leader) << "it has not begun to lead";
    EXPECT_EQ(answer.leader, (env::Endpoint{"10.0.0.9", 4'600}));
    world.handler.lead([] { return true; });
    EXPECT_TRUE((co_await world.ask("a", "default", subjects)).began_lately);
    co_await world.core.sleep_for(rate_window);
    answer = co_await world.ask("a", "default", subjects);
    EXPECT_EQ(answer.grants.at(0).granted, 5U);
    world.is_leader = false;
    EXPECT_FALSE((co_await world.ask("a", "default", subjects)).is_leader);
    world.handler.stop_leading();
    world.is_leader = true;
    world.handler.lead([] { return true; });
    EXPECT_TRUE((co_await world.ask("a", "default", subjects)).began_lately) << "a new term knows nothing of the last";
    EXPECT_EQ((co_await world.handler.handle(world.core, as_bytes("\xff"))).status, 400);
  });
}

TEST(RateHandler, TellsHowManyFrontEndsShareARate) {
  run_handler([](HandlerWorld& world) -> env::Task<void> {
    bool apart = true;
    world.handler.lead([&apart] { return apart; });
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ((co_await world.ask("a", "default", {})).front_ends, i < 3 ? 0U : 2U);
      co_await world.ask("b", "default", {});
      co_await world.ask("c", "big", {});
      co_await world.core.sleep_for(front_end_hello_interval);
    }
    EXPECT_EQ((co_await world.ask("c", "big", {})).front_ends, 1U);
    apart = false;
    EXPECT_EQ((co_await world.ask("c", "big", {})).front_ends, 3U) << "every fleet serves every account";
    EXPECT_EQ(world.metrics.front_ends.value(), 3);
  });
}

}  // namespace
}  // namespace weir::directory
