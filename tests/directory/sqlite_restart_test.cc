// The directory on the metastore that it has in production: what it says after a restart is what it said before.
#include <gtest/gtest.h>

#include <filesystem>

#include "metastore/sqlite_metastore.h"
#include "tests/directory/fixture.h"

namespace weir::directory::test {
namespace {

using env::Task;

class DirectoryOnSqlite : public testing::Test {
 public:
  DirectoryOnSqlite() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-directory-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~DirectoryOnSqlite() override { std::filesystem::remove_all(path_); }

  void run(const std::function<Task<void>(Process&)>& body) {
    env::Simulation simulation({.seed = ++seed_});
    EXPECT_EQ(simulation.run([&] { return run_process(simulation.core(0), body); }), 0);
  }

 private:
  Task<int> run_process(env::Core& core, const std::function<Task<void>(Process&)>& body) {
    auto store = co_await metastore::open_sqlite_metastore(core, path_ + "/metadata.sqlite");
    if (!store) co_return 1;
    auto directory = co_await Directory::open(core, **store, 4, settings_.settings, settings_.metrics);
    if (!directory) co_return 2;
    PretendedCell cell(core);
    (*directory)->add_listener(cell);
    co_await (*directory)->start(cell);
    Process process{core, **store, **directory, cell};
    co_await body(process);
    co_await (*directory)->stop();
    co_await (*store)->close();
    co_return 0;
  }

  std::string path_;
  TestSettings settings_;
  std::uint64_t seed_ = 0;
};

TEST_F(DirectoryOnSqlite, SaysTheSameAfterARestart) {
  std::shared_ptr<const Stream> before;
  run([&before](Process& process) -> Task<void> {
    co_await process.create("s", 300);
    co_await process.settle("s");
    co_await process.directory.split_shard(scope, "s", ShardIndex{7},
                                           HashKey{process.find("s")->shards[7].first_hash.value + 99});
    co_await process.settle("s");
    co_await process.directory.merge_shards(scope, "s", ShardIndex{299}, ShardIndex{298});
    co_await process.settle("s");
    co_await process.directory.add_tags(scope, "s", {{"team", "streams"}});
    co_await process.directory.increase_retention(scope, "s", 72);
    co_await process.settle("s");
    before = process.find("s");
    EXPECT_TRUE((co_await process.create("other", 1)).has_value());
  });
  run([&before](Process& process) -> Task<void> {
    const auto after = process.find("s");
    EXPECT_EQ(after->id, before->id);
    EXPECT_EQ(after->shards, before->shards);
    EXPECT_EQ(after->open_by_hash, before->open_by_hash);
    EXPECT_EQ(after->tags, before->tags);
    EXPECT_EQ(after->retention_hours, 72U);
    EXPECT_EQ(after->created, before->created);
    co_await process.settle("other");
    EXPECT_EQ(process.find("other")->open_shard_count(), 1U);
    co_await process.directory.delete_stream(scope, "s");
    co_await process.settle("s");
  });
  run([](Process& process) -> Task<void> {
    EXPECT_EQ(process.find("s"), nullptr);
    EXPECT_EQ((co_await process.store.read("directory/shards/")).value().entries.size(), 1U);
    EXPECT_EQ((co_await process.directory.claim_lane(LaneId{3})).value(), Epoch{1});
  });
}

}  // namespace
}  // namespace weir::directory::test
