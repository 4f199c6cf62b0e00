// Which directory may write: of several that each believe to lead, the one of the latest term, and of what it sent
// before it read, nothing happens later.
#include <gmock/gmock.h>

#include "tests/directory/fixture.h"

namespace weir::directory::test {
namespace {

using env::Task;
using metastore::MetastoreCall;
using metastore::MetastoreFault;
using testing::HasSubstr;

// A directory of its own on the content of the world, without lanes.
Task<std::unique_ptr<Directory>> open(env::Core& core, World& world, metastore::Metastore& store, std::uint64_t term) {
  auto opened =
      co_await Directory::open(core, store, world.lanes, world.settings.settings, world.settings.metrics, term);
  EXPECT_TRUE(opened.has_value()) << opened.error().message;
  co_return std::move(*opened);
}

CreateStreamCommand stream(std::string name) {
  CreateStreamCommand command;
  command.scope = scope;
  command.name = std::move(name);
  command.shard_count = 1;
  return command;
}

void run(const std::function<Task<void>(env::Core&)>& body) {
  env::Simulation simulation({.seed = 1});
  const auto outcome = simulation.run_to_outcome([&]() -> Task<int> {
    co_await body(simulation.core(0));
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
}

TEST(DirectoryWriter, ALeaderWhoseTermIsOverWritesNothingAndSaysWhy) {
  World world;
  run([&world](env::Core& core) -> Task<void> {
    const auto store = metastore::make_memory_metastore(core, world.content);
    const auto first = co_await open(core, world, *store, 1);
    EXPECT_TRUE((co_await first->create_stream(stream("of-the-first"))).has_value());
    const auto second = co_await open(core, world, *store, 2);
    // It touches nothing that the second has read or written.
    const auto revision = world.content->revision;
    const auto refused = co_await first->put_fleet("blue", {}, true, seconds(0));
    EXPECT_FALSE(refused.has_value());
    if (!refused) EXPECT_THAT(refused.error().message, HasSubstr("the directory of term 2 writes"));
    EXPECT_EQ(world.content->revision, revision);
    EXPECT_TRUE((co_await second->put_fleet("green", {}, true, seconds(0))).has_value());
    EXPECT_TRUE((co_await second->create_stream(stream("of-the-second"))).has_value());
    EXPECT_FALSE((co_await first->create_stream(stream("too-late"))).has_value());

    const auto third = co_await open(core, world, *store, 2);  // the same term, after a restart
    EXPECT_EQ(third->map()->all().size(), 2U);
    const auto earlier =
        co_await Directory::open(core, *store, world.lanes, world.settings.settings, world.settings.metrics, 1);
    EXPECT_FALSE(earlier.has_value());
    if (!earlier) EXPECT_EQ(earlier.error().code, ErrorCode::unavailable);
  });
}

TEST(DirectoryWriter, WhatWasSentBeforeItWasReadBackCannotHappenLater) {
  World world;
  run([&world](env::Core& core) -> Task<void> {
    bool lose = false;
    metastore::MemoryMetastoreOptions options;
    options.fault = [&lose](MetastoreCall call) {
      return std::exchange(lose, lose && call != MetastoreCall::commit) && call == MetastoreCall::commit
                 ? MetastoreFault::lost_before
                 : MetastoreFault::none;
    };
    const auto store = metastore::make_memory_metastore(core, world.content, options);
    const auto directory = co_await open(core, world, *store, 1);
    const auto guard = world.content->entries.at(writer_key()).modified;
    lose = true;
    EXPECT_FALSE((co_await directory->put_fleet("blue", {}, true, seconds(0))).has_value());
    // It was on its way all the time, and arrives now.
    const auto late = metastore::make_memory_metastore(core, world.content);
    FleetStates fleets;
    fleets["blue"].serves_all_others = true;
    std::vector<metastore::Guard> guards;
    guards.push_back({fleets_key(), 0});
    std::vector<metastore::Write> writes;
    writes.push_back(fleets_write(fleets));
    auto guards_of_then = guards;
    guards_of_then.push_back({writer_key(), guard});
    const auto arrived = co_await late->commit(guards_of_then, writes);
    EXPECT_FALSE(arrived.has_value());
    if (!arrived) EXPECT_EQ(arrived.error().code, ErrorCode::conflict);
    EXPECT_TRUE((co_await late->commit(guards, writes)).has_value()) << "without that guard nothing would stop it";
  });
}

// A map is never older than its version says: followers would keep it, and never see what it lacks.
TEST(DirectoryWriter, AMapThatWasReadBackIsNewerThanEveryOneBefore) {
  World world;
  bool lose = false;
  world.store_options.fault = [&lose](MetastoreCall call) {
    if (call != MetastoreCall::commit || !lose) return MetastoreFault::none;
    lose = false;
    return MetastoreFault::lost_after;
  };
  world.run([&lose](Process& process) -> Task<void> {
    co_await process.create("s", 1);
    co_await process.settle("s");
    const auto before = process.cell.map()->version();
    lose = true;
    EXPECT_TRUE((co_await process.directory.add_tags(scope, "s", {{"k", "v"}})).has_value());
    EXPECT_GT(process.cell.map()->version(), before);
    EXPECT_EQ(process.find("s")->tags.size(), 1U);
  });
}

}  // namespace
}  // namespace weir::directory::test
