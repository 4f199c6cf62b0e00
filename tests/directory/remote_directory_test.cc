#include "directory/remote_directory.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "directory/command_handler.h"
#include "env/sim/sim_network.h"
#include "net/server.h"
#include "tests/directory/fixture.h"
#include "tests/support/must.h"

namespace weir::directory {
namespace {

using test::scope;
using weir::test::must;

DirectoryRefusal any_refusal() {
  return {.kind = static_cast<RefusalKind>(*rc::gen::inRange(0, static_cast<int>(RefusalKind::unavailable) + 1)),
          .status = static_cast<StreamStatus>(*rc::gen::inRange(0, 4)),
          .shard = ShardIndex{*rc::gen::arbitrary<std::uint32_t>()},
          .other_shard = ShardIndex{*rc::gen::arbitrary<std::uint32_t>()},
          .first_hash = HashKey{*rc::gen::arbitrary<std::uint64_t>()},
          .last_hash = HashKey{static_cast<unsigned __int128>(*rc::gen::arbitrary<std::uint64_t>()) << 64 | 5},
          .current = *rc::gen::arbitrary<std::uint64_t>(),
          .limit = *rc::gen::arbitrary<std::uint64_t>(),
          .additional = *rc::gen::arbitrary<std::uint64_t>(),
          .reason = *rc::gen::arbitrary<std::string>()};
}

RC_GTEST_PROP(CommandCodec, EveryRefusalComesBackAsItWas, ()) {
  const DirectoryRefusal sent = any_refusal();
  const auto answer = decode_command_answer(encode(CommandAnswer(sent)));
  RC_ASSERT(answer.has_value());
  RC_ASSERT(std::get<DirectoryRefusal>(*answer) == sent);
}

RC_GTEST_PROP(CommandCodec, BytesOfAnyKindAreTakenOrRefused, (const std::string& bytes)) {
  static_cast<void>(decode_command(bytes));
  static_cast<void>(decode_command_answer(bytes));
}

class CommandServer final : public net::HttpHandler {
 public:
  CommandServer(env::Core& core, CommandHandler& handler) : core_(core), handler_(handler) {}
  env::Task<net::HttpResponse> handle(net::HttpRequest& request) override {
    ++seen;
    auto response = co_await handler_.handle(core_, request.body);
    if (cut_off) {
      cut_off();
      co_await core_.sleep_for(seconds(1));
    }
    co_return response;
  }
  net::HttpResponse refuse(std::uint16_t status) override { return {.status = status}; }

  std::size_t seen = 0;
  std::function<void()> cut_off;  // breaks the connection before the answer is sent

 private:
  env::Core& core_;
  CommandHandler& handler_;
};

// A directory process that leads, one that does not, and a client, each on a machine of its own. The directory's own
// core is the first machine's.
struct RemoteWorld {
  RemoteWorld(env::Simulation& in, test::Process& with)
      : simulation(in),
        process(with),
        client(in.add_machine({.name = "client", .address = "10.0.1.1", .cores = 2})),
        second(in.add_machine({.name = "second", .address = "10.0.2.1"})) {}

  env::Task<void> start() {
    first_handler = std::make_unique<CommandHandler>(process.core, [this] { return leader; });
    first_handler->lead(process.directory);
    first = std::make_unique<CommandServer>(process.core, *first_handler);
    first_server = must(co_await net::HttpServer::start(process.core, {{process.core, *first}}, http,
                                                        {.endpoint = {"0.0.0.0", 4'600}}));
    env::Core& other = second.core(0);
    co_await other.enter();
    second_handler = std::make_unique<CommandHandler>(other, [this] { return leader; });
    second_process = std::make_unique<CommandServer>(other, *second_handler);
    second_server = must(
        co_await net::HttpServer::start(other, {{other, *second_process}}, http, {.endpoint = {"0.0.0.0", 4'600}}));
    co_await client.core(0).enter();
  }
  env::Task<void> stop() {
    for (std::uint32_t i = 0; i < 2; ++i) {
      co_await client.core(i).enter();
      co_await remote->stop(client.core(i));
    }
    co_await second.core(0).enter();
    co_await second_server->stop(milliseconds(100));
    co_await process.core.enter();
    co_await first_handler->stop_leading();
    if (first_server != nullptr) co_await first_server->stop(milliseconds(100));
  }
  void connect(std::vector<env::Endpoint> directories) {
    remote = std::make_unique<RemoteDirectory>(
        2, net::connect_by_http2({}),
        RemoteDirectoryOptions{.directories = std::move(directories), .wait_for_map = wait});
  }

  env::Simulation& simulation;
  test::Process& process;
  env::SimulatedMachine& client;
  env::SimulatedMachine& second;
  const env::Endpoint first_endpoint{"10.0.0.1", 4'600};
  const env::Endpoint second_endpoint{"10.0.2.1", 4'600};
  std::optional<env::Endpoint> leader{first_endpoint};
  SettingsRegistry settings_registry;
  net::HttpSettings http_settings{settings_registry};
  MetricsRegistry metrics_registry;
  net::HttpMetrics http_metrics{metrics_registry};
  net::HttpResources http{http_settings, http_metrics};
  std::unique_ptr<CommandHandler> first_handler;
  std::unique_ptr<CommandHandler> second_handler;
  std::unique_ptr<CommandServer> first;
  std::unique_ptr<CommandServer> second_process;
  std::unique_ptr<net::HttpServer> first_server;
  std::unique_ptr<net::HttpServer> second_server;
  std::function<env::Task<bool>(env::Core&, std::uint64_t, MonotonicTime)> wait;
  std::unique_ptr<RemoteDirectory> remote;
};

void with_remote(const std::function<env::Task<void>(RemoteWorld&)>& body) {
  test::World world;
  env::Simulation* simulation = nullptr;
  std::unique_ptr<RemoteWorld> remote;
  const auto outcome = world.run(
      [&](test::Process& process) -> env::Task<void> {
        remote = std::make_unique<RemoteWorld>(*simulation, process);
        co_await remote->start();
        co_await body(*remote);
        co_await remote->stop();
        remote = nullptr;
      },
      &simulation);
  EXPECT_EQ(outcome, env::Outcome::finished);
}

CreateStreamCommand create(const std::string& name, std::uint32_t shards = 2) {
  return {.scope = scope, .name = name, .shard_count = shards, .tags = {{"a", "b"}}};
}

env::Task<void> settle(RemoteWorld& world, const std::string& name) {
  co_await world.process.core.enter();
  co_await world.process.settle(name);
  co_await world.client.core(0).enter();
}

TEST(RemoteDirectory, EveryCommandReachesTheLeaderAndEveryRefusalComesBack) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    world.connect({world.first_endpoint});
    env::Core& core = world.client.core(0);
    RemoteDirectory& remote = *world.remote;
    EXPECT_TRUE((co_await remote.create_stream(core, create("s"))).has_value());
    EXPECT_TRUE(core.is_current());
    EXPECT_EQ((co_await remote.create_stream(core, create("s"))).error().kind, RefusalKind::stream_exists);
    const auto early = co_await remote.delete_stream(core, scope, "s");
    EXPECT_EQ(early.error().kind, RefusalKind::stream_not_active);
    EXPECT_EQ(early.error().status, StreamStatus::creating);
    co_await settle(world, "s");
    EXPECT_TRUE((co_await remote.add_tags(core, scope, "s", {{"c", "d"}})).has_value());
    EXPECT_TRUE((co_await remote.remove_tags(core, scope, "s", {"a"})).has_value());
    EXPECT_EQ(world.process.find("s")->tags, (std::map<std::string, std::string>{{"c", "d"}}));
    const auto bad = co_await remote.split_shard(core, scope, "s", ShardIndex{0}, HashKey::max());
    EXPECT_EQ(bad.error().kind, RefusalKind::bad_split_key);
    EXPECT_EQ(bad.error().last_hash, world.process.find("s")->shards[0].last_hash);
    EXPECT_TRUE((co_await remote.split_shard(core, scope, "s", ShardIndex{0}, HashKey{1'000})).has_value());
    co_await settle(world, "s");
    EXPECT_TRUE((co_await remote.merge_shards(core, scope, "s", ShardIndex{2}, ShardIndex{3})).has_value());
    co_await settle(world, "s");
    EXPECT_TRUE((co_await remote.increase_retention(core, scope, "s", 48)).has_value());
    co_await settle(world, "s");
    EXPECT_EQ(world.process.find("s")->retention_hours, 48U);
    EXPECT_TRUE((co_await remote.decrease_retention(core, scope, "s", 30)).has_value());
    co_await settle(world, "s");
    EXPECT_EQ((co_await remote.decrease_retention(core, scope, "s", 31)).error().current, 30U);
    EXPECT_TRUE((co_await remote.delete_stream(core, scope, "s")).has_value());
  });
}

TEST(RemoteDirectory, AnotherDirectoryNamesTheLeaderWhoIsAskedOnceMoreAndRemembered) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    world.connect({world.second_endpoint, world.first_endpoint});
    env::Core& core = world.client.core(1);
    co_await core.enter();
    EXPECT_TRUE((co_await world.remote->create_stream(core, create("s"))).has_value());
    EXPECT_TRUE((co_await world.remote->create_stream(core, create("t"))).has_value());
    EXPECT_EQ(world.second_process->seen, 1U);
    EXPECT_EQ(world.first->seen, 2U);
    EXPECT_TRUE(core.is_current());
  });
}

TEST(RemoteDirectory, ADirectoryThatCannotBeReachedIsPassedOver) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    world.connect({{"10.0.9.9", 4'600}, world.first_endpoint});
    EXPECT_TRUE((co_await world.remote->create_stream(world.client.core(0), create("s"))).has_value());
  });
}

TEST(RemoteDirectory, WithoutALeaderTheCommandIsRefusedAndDirectoriesAreAskedOnceEach) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    co_await world.process.core.enter();
    co_await world.first_handler->stop_leading();
    world.leader = std::nullopt;
    co_await world.client.core(0).enter();
    world.connect({world.first_endpoint, world.second_endpoint});
    const auto result = co_await world.remote->create_stream(world.client.core(0), create("s"));
    EXPECT_EQ(result.error().kind, RefusalKind::unavailable);
    EXPECT_NE(result.error().reason.find("no leader"), std::string::npos) << result.error().reason;
    EXPECT_EQ(world.first->seen + world.second_process->seen, 2U);
  });
}

TEST(RemoteDirectory, ACommandWhoseConnectionBreaksHasAnUnknownOutcomeAndIsNotSentTwice) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    world.connect({world.first_endpoint, world.second_endpoint});
    world.first->cut_off = [&world] { world.simulation.network().reset_connections("10.0.0.1", "10.0.1.1"); };
    const auto result = co_await world.remote->create_stream(world.client.core(0), create("s"));
    EXPECT_EQ(result.error().kind, RefusalKind::unavailable);
    EXPECT_NE(result.error().reason.find("the outcome is unknown"), std::string::npos) << result.error().reason;
    EXPECT_EQ(world.first->seen, 1U);
    EXPECT_EQ(world.second_process->seen, 0U);
    world.first->cut_off = nullptr;
    const auto again = co_await world.remote->create_stream(world.client.core(0), create("s"));
    EXPECT_EQ(again.error().kind, RefusalKind::stream_exists);  // it had taken effect
  });
}

TEST(RemoteDirectory, WaitsForTheMapThatShowsWhatWasDone) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    std::uint64_t waited_for = 0;
    world.wait = [&waited_for](env::Core& core, std::uint64_t version, MonotonicTime deadline) -> env::Task<bool> {
      waited_for = version;
      EXPECT_GT(deadline, core.now());
      co_return true;
    };
    world.connect({world.first_endpoint});
    EXPECT_TRUE((co_await world.remote->create_stream(world.client.core(0), create("s"))).has_value());
    EXPECT_EQ(waited_for, world.process.directory.map()->version());
    EXPECT_NE(waited_for, 0U);
  });
}

TEST(CommandHandler, RefusesWhatIsNoCommand) {
  with_remote([](RemoteWorld& world) -> env::Task<void> {
    world.connect({world.first_endpoint});
    env::Core& core = world.client.core(0);
    EXPECT_EQ((co_await world.first_handler->handle(core, as_bytes("\xff\xff"))).status, 400);
    EXPECT_EQ((co_await world.first_handler->handle(core, {})).status, 400);
    const std::string huge(command_bytes_max + 1, 'x');
    EXPECT_EQ((co_await world.first_handler->handle(core, as_bytes(huge))).status, 400);
    EXPECT_TRUE(core.is_current());
  });
}

}  // namespace
}  // namespace weir::directory
