// The RADOS store against a real Ceph cluster on this machine (scripts/cluster/ceph.sh). Skipped where Ceph is not
// installed.
#include "journal/rados/rados_cluster.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/runtime.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "journal/rados/rados_segment_store.h"
#include "tests/journal/lane_model.h"
#include "tests/journal/rados_test_support.h"

namespace weir::journal {
namespace {

using StorePointer = std::unique_ptr<SegmentStore>;
using ClusterPointer = std::unique_ptr<RadosCluster>;

// A cluster that lives as long as the object.
class CephCluster {
 public:
  explicit CephCluster(const std::string& settings) {
    static int count = 0;
    directory_ = std::filesystem::temp_directory_path() /
                 ("weir-ceph-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    started_ = std::system((settings + " " + WEIR_CEPH_SCRIPT + " start " + directory_ + " >/dev/null").c_str()) == 0;
  }
  CephCluster(const CephCluster&) = delete;
  CephCluster& operator=(const CephCluster&) = delete;
  ~CephCluster() { run("stop", "wipe"); }

  [[nodiscard]] bool is_started() const { return started_; }
  // Runs the script. Blocks.
  void run(const std::string& command, const std::string& arguments = "") const {
    const std::string line =
        std::string(WEIR_CEPH_SCRIPT) + " " + command + " " + directory_ + " " + arguments + " >/dev/null 2>&1";
    EXPECT_EQ(std::system(line.c_str()), 0) << line;
  }
  // The same from a core.
  env::Task<void> run_on(env::Core& core, std::string command, std::string arguments = "") const {
    co_await core.run_blocking([this, &command, &arguments] { run(command, arguments); });
  }
  [[nodiscard]] RadosClusterOptions options(std::string name_space) const {
    return {.configuration_file = directory_ + "/ceph.conf",
            .pool = "weir",
            .name_space = std::move(name_space),
            .operation_timeout = seconds(2)};
  }

  // librados is built without ThreadSanitizer, which then sees races where there are none.
  static bool is_usable() {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    return std::system("PATH=$PATH:/usr/sbin command -v ceph-mon ceph-osd ceph >/dev/null") == 0;
  }

 private:
  std::string directory_;
  bool started_ = false;
};

const std::string in_memory = "STORE=memstore OSD_SIZE=1073741824";

// `body` gets a connection to a cluster, and the namespace is the test's name.
using Body = std::function<env::Task<void>(env::Core&, RadosCluster&)>;
void with_connection(const CephCluster& ceph, const Body& body) {
  const SilentLog silent;
  const auto runtime = env::make_real_runtime({.cores = 2, .blocking_threads = 2});
  const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
  const int outcome = runtime->run([&]() -> env::Task<int> {
    env::Core& core = runtime->core(0);
    auto cluster = co_await RadosCluster::connect(core, ceph.options(name));
    EXPECT_TRUE(cluster.has_value()) << (cluster ? "" : cluster.error().message);
    if (!cluster) co_return 1;
    co_await body(core, **cluster);
    co_await (*cluster)->close(core);
    co_return 0;
  });
  EXPECT_EQ(outcome, 0);
}

class RadosClusterTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (CephCluster::is_usable()) ceph = std::make_unique<CephCluster>(in_memory);
  }
  static void TearDownTestSuite() { ceph.reset(); }
  void SetUp() override {
    if (!ceph) GTEST_SKIP() << "Ceph is not installed, or this is ThreadSanitizer";
    ASSERT_TRUE(ceph->is_started());
  }
  static std::unique_ptr<CephCluster> ceph;
};
std::unique_ptr<CephCluster> RadosClusterTest::ceph;

TEST_F(RadosClusterTest, JournalHoldsWhatAMapHolds) {
  with_connection(*ceph, [](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    LaneModel model(17, 4);
    model.open_store = [&cluster](env::Core& on, Epoch epoch) { return open_rados(on, cluster, epoch.value); };
    for (int opening = 0; opening < 6 && !HasFailure(); ++opening) {
      auto journal = co_await model.open(core);
      EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
      if (!journal) co_return;
      co_await model.check(**journal);
      for (int step = 0; step < 40; ++step) EXPECT_TRUE(co_await model.commit(**journal));
      co_await model.check(**journal);
      model.expire(opening % 2 == 0 ? 2 : 1);  // rewriting, removal
      const auto report = co_await (*journal)->trim(model);
      EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message);
      if (report) EXPECT_GT(report->segments_removed + report->segments_rewritten, 0U);
      co_await model.check(**journal);
      co_await (*journal)->close();
    }
  });
}

TEST_F(RadosClusterTest, LargeBatchesAndSegmentsGoThrough) {
  with_connection(*ceph, [](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    auto store = co_await open_rados_segment_store(core, cluster, {.cell_name = "cell", .lane = {3}, .epoch = {1}});
    EXPECT_TRUE((co_await (*store)->create({1}, 64 * mebibyte)).has_value());
    std::vector<std::byte> batch(24 * mebibyte);
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i] = static_cast<std::byte>(i * i >> 7);
    const BytesView parts[] = {BytesView(batch).first(5), BytesView(batch).subspan(5)};
    EXPECT_TRUE((co_await (*store)->append({1}, 0, parts)).has_value());
    EXPECT_TRUE((co_await (*store)->append({1}, batch.size(), parts)).has_value());
    EXPECT_TRUE((co_await (*store)->truncate({1}, 2 * batch.size())).has_value());
    std::vector<std::byte> content(batch.size());
    EXPECT_EQ(*co_await (*store)->read({1}, batch.size(), content), batch.size());
    EXPECT_TRUE(content == batch);
    EXPECT_TRUE((co_await (*store)->replace({1}, parts)).has_value());
    EXPECT_EQ(*co_await (*store)->read({1}, 1, content), batch.size() - 1);
    EXPECT_TRUE(std::ranges::equal(BytesView(content).first(batch.size() - 1), BytesView(batch).subspan(1)));
    EXPECT_TRUE((co_await (*store)->remove({1})).has_value());
  });
}

TEST_F(RadosClusterTest, ManifestOfManySegmentsIsReadWhole) {
  with_connection(*ceph, [](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    auto store = co_await open_rados(core, cluster, 1);
    ObjectWrite write;
    for (std::uint64_t i = 0; i < 2500; ++i) {
      write.set_entries.emplace("segment." + std::string(16, '0') + std::to_string(1000 + i), "sealed x 5");
    }
    EXPECT_TRUE((co_await cluster.write(core, "cell-1.3.manifest", std::move(write))).has_value());
    store = co_await open_rados(core, cluster, 2);
    EXPECT_EQ((co_await (*store)->list())->size(), 2500U);
  });
}

TEST_F(RadosClusterTest, OvertakenStoreChangesNothing) {
  with_connection(*ceph, [](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    auto other = co_await RadosCluster::connect(core, ceph->options("OvertakenStoreChangesNothing"));
    auto old_store = co_await open_rados(core, cluster, 1);
    for (std::uint64_t number = 1; number <= 2; ++number) {
      EXPECT_TRUE((co_await (*old_store)->create({number}, 4096)).has_value());
      EXPECT_TRUE((co_await append(**old_store, number, 0, "content")).has_value());
    }
    EXPECT_TRUE((co_await (*old_store)->truncate({1}, 7)).has_value());
    EXPECT_EQ((co_await open_rados(core, **other, 1)).error().code, ErrorCode::fenced);
    auto new_store = co_await open_rados(core, **other, 2);
    for (std::uint64_t number = 1; number <= 2; ++number) {
      EXPECT_EQ((co_await append(**old_store, number, 7, "x")).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await append(**old_store, number, 0, "content")).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await (*old_store)->truncate({number}, 7)).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await (*old_store)->truncate({number}, 3)).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await replace(**old_store, number, "y")).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await (*old_store)->remove({number})).error().code, ErrorCode::fenced);
    }
    EXPECT_EQ((co_await (*old_store)->create({3}, 4096)).error().code, ErrorCode::fenced);
    for (std::uint64_t epoch = 2; epoch <= 3; ++epoch) {
      EXPECT_EQ((co_await (*new_store)->list())->size(), 2U);
      EXPECT_EQ(co_await read_text(**new_store, 1), "content");
      EXPECT_EQ(co_await read_text(**new_store, 2), "content");
      if (epoch == 2) new_store = co_await open_rados(core, **other, 3);
    }
    co_await (*other)->close(core);
  });
}

// Appends numbered lines until told that a newer owner has the lane. The lines are as long as their number is wide.
env::Task<void> append_lines(env::Core& core, env::Core& home, StorePointer store, std::string name,
                             std::string content, std::vector<std::string>& acknowledged, ErrorCode& end) {
  co_await core.enter();
  for (int i = 0; i < 100'000; ++i) {
    const std::string line = name + ":" + std::to_string(i) + "\n";
    const auto done = co_await append(*store, 1, content.size(), line);
    if (!done) {
      end = done.error().code;
      break;
    }
    content += line;
    acknowledged.push_back(line);
  }
  store.reset();
  co_await home.enter();
}

TEST_F(RadosClusterTest, TwoOwnersNeverBothAcknowledge) {
  const SilentLog silent;
  const auto runtime = env::make_real_runtime({.cores = 2, .blocking_threads = 2});
  const int outcome = runtime->run([&]() -> env::Task<int> {
    env::Core& home = runtime->core(0);
    std::vector<ClusterPointer> connections;
    for (int i = 0; i < 2; ++i) {
      auto connected = co_await RadosCluster::connect(home, ceph->options("TwoOwnersNeverBothAcknowledge"));
      if (!connected) co_return 1;
      connections.push_back(std::move(*connected));
    }
    constexpr std::uint64_t owners = 12;
    std::vector<std::vector<std::string>> acknowledged(owners + 1);
    std::vector<ErrorCode> ends(owners + 1, ErrorCode::internal);
    env::TaskGroup tasks(home);
    std::string content;
    for (std::uint64_t epoch = 1; epoch <= owners; ++epoch) {
      env::Core& core = runtime->core(epoch % 2);
      co_await core.enter();
      auto store = co_await open_rados(core, *connections[epoch % 2], epoch);
      EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
      if (epoch == 1 && store) EXPECT_TRUE((co_await (*store)->create({1}, mebibyte)).has_value());
      if (store) content = co_await read_text(**store, 1);
      co_await home.enter();
      if (!store) break;
      tasks.spawn(append_lines(core, home, std::move(*store), std::to_string(epoch), content, acknowledged[epoch],
                               ends[epoch]));
      co_await home.sleep_for(milliseconds(60 + home.random_u64() % 20));
    }
    auto last = co_await open_rados(home, *connections[0], owners + 1);
    co_await tasks.wait();
    content = co_await read_text(**last, 1);
    // Every owner found what the ones before had acknowledged, at most one line more, and nobody wrote in between.
    std::size_t at = 0;
    for (std::uint64_t epoch = 1; epoch <= owners; ++epoch) {
      EXPECT_TRUE(ends[epoch] == ErrorCode::fenced) << epoch << " " << to_string(ends[epoch]);
      EXPECT_FALSE(acknowledged[epoch].empty()) << epoch;
      std::string expected;
      for (const std::string& line : acknowledged[epoch]) expected += line;
      EXPECT_EQ(content.substr(at, expected.size()), expected) << epoch;
      at += expected.size();
      const std::string unheard = std::to_string(epoch) + ":" + std::to_string(acknowledged[epoch].size()) + "\n";
      if (content.substr(at, unheard.size()) == unheard) at += unheard.size();
    }
    EXPECT_EQ(at, content.size());
    for (ClusterPointer& connection : connections) co_await connection->close(home);
    co_return 0;
  });
  EXPECT_EQ(outcome, 0);
}

TEST_F(RadosClusterTest, AppendOfUnknownOutcomeIsSettledAndNeverDoubled) {
  with_connection(*ceph, [](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    auto store = co_await open_rados(core, cluster, 1, 0, 5);
    auto impatient = co_await open_rados_segment_store(
        core, cluster, {.cell_name = "other", .lane = {3}, .epoch = {1}, .attempts_max = 1});
    EXPECT_TRUE((co_await (*store)->create({1}, 4096)).has_value());
    EXPECT_TRUE((co_await (*impatient)->create({1}, 4096)).has_value());
    EXPECT_TRUE((co_await append(**store, 1, 0, "before ")).has_value());
    EXPECT_TRUE((co_await append(**impatient, 1, 0, "before ")).has_value());
    for (int round = 0; round < 2; ++round) {
      co_await ceph->run_on(core, "pause-osds");
      env::TaskGroup tasks(core);
      tasks.spawn([](SegmentStore& patient, std::uint64_t offset) -> env::Task<void> {
        const auto done = co_await append(patient, 1, offset, "once ");
        EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
      }(**store, 7 + 5 * static_cast<std::uint64_t>(round)));
      if (round == 0) {
        EXPECT_EQ((co_await append(**impatient, 1, 7, "doubtful")).error().code, ErrorCode::io);
      } else {
        co_await core.sleep_for(milliseconds(2500));  // the first attempt has timed out
      }
      co_await ceph->run_on(core, "resume-osds");
      co_await tasks.wait();
    }
    EXPECT_EQ(co_await read_text(**store, 1), "before once once ");
    // As recovery does: what was in doubt is overwritten, whether or not it has happened, and cannot happen any more.
    auto done = co_await append(**impatient, 1, 7, "sealed");
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    done = co_await (*impatient)->truncate({1}, 13);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    co_await core.sleep_for(seconds(1));
    EXPECT_EQ(co_await read_text(**impatient, 1), "before sealed");
  });
}

TEST_F(RadosClusterTest, FullClusterRefusesWritesAndGoesOnWhenThereIsRoom) {
  with_connection(*ceph, [](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    auto store = co_await open_rados(core, cluster, 1);
    EXPECT_TRUE((co_await (*store)->create({1}, 32 * mebibyte)).has_value());
    const std::string block(16 * mebibyte, 'b');
    EXPECT_TRUE((co_await append(**store, 1, 0, block)).has_value());
    for (const char* ratio : {"nearfull-ratio 0.001", "backfillfull-ratio 0.002", "full-ratio 0.003"}) {
      co_await ceph->run_on(core, "run", std::string("ceph osd set-") + ratio);
    }
    Result<void> done;
    std::uint64_t end = block.size();
    for (int i = 0; i < 100 && done; ++i) {
      done = co_await append(**store, 1, end, "x");
      if (done) ++end;
      co_await core.sleep_for(milliseconds(100));
    }
    EXPECT_FALSE(done.has_value()) << "the cluster never noticed that it is full";
    if (!done) EXPECT_EQ(done.error().code, ErrorCode::no_space) << done.error().message;
    EXPECT_EQ((co_await (*store)->create({2}, 4096)).error().code, ErrorCode::no_space);
    EXPECT_EQ((co_await read_text(**store, 1)).substr(0, 3), "bbb");
    store = co_await open_rados(core, cluster, 2);  // a full cluster is no obstacle to opening
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    EXPECT_EQ((co_await (*store)->list())->at(0).allocated_bytes, end);
    EXPECT_TRUE((co_await (*store)->truncate({1}, 16)).has_value());
    EXPECT_TRUE((co_await (*store)->remove({1})).has_value());
    co_await ceph->run_on(core, "run", "ceph osd set-full-ratio 0.9");
    for (int i = 0; i < 100; ++i) {
      done = co_await (*store)->create({static_cast<std::uint64_t>(10 + i)}, 4096);
      if (done) break;
      co_await core.sleep_for(milliseconds(100));
    }
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  });
}

TEST_F(RadosClusterTest, MissingPoolAndSilentMonitorsAreReported) {
  const SilentLog silent;
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  const int outcome = runtime->run([&]() -> env::Task<int> {
    RadosClusterOptions options = ceph->options("");
    options.pool = "nobody-made-this";
    auto connected = co_await RadosCluster::connect(runtime->core(0), options);
    EXPECT_EQ(connected.error().code, ErrorCode::not_found);
    options = {.monitors = "v2:127.0.0.1:9", .authenticates = false, .pool = "weir", .connect_timeout = seconds(1)};
    connected = co_await RadosCluster::connect(runtime->core(0), options);
    EXPECT_EQ(connected.error().code, ErrorCode::timeout) << connected.error().message;
    co_return 0;
  });
  EXPECT_EQ(outcome, 0);
}

// Commits while `disturb` does something to the cluster; everything acknowledged is there afterwards.
void survive(const CephCluster& ceph, const std::function<env::Task<void>(env::Core&)>& disturb) {
  with_connection(ceph, [&disturb](env::Core& core, RadosCluster& cluster) -> env::Task<void> {
    LaneModel model(23, 3);
    model.open_store = [&cluster](env::Core& on, Epoch epoch) { return open_rados(on, cluster, epoch.value, 0, 10); };
    auto journal = co_await model.open(core);
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
    if (!journal) co_return;
    for (int i = 0; i < 30; ++i) EXPECT_TRUE(co_await model.commit(**journal));
    env::TaskGroup tasks(core);
    tasks.spawn(disturb(core));
    int after = 0;
    while (after < 30 && !testing::Test::HasFailure()) {
      const bool committed = co_await model.commit(**journal);
      EXPECT_TRUE(committed);
      if (tasks.running() == 0) ++after;
    }
    co_await tasks.wait();
    co_await model.check(**journal);
    co_await (*journal)->close();
    journal = co_await model.open(core);
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
    if (!journal) co_return;
    co_await model.check(**journal);
    co_await (*journal)->close();
  });
}

TEST(RadosFailureTest, CommitsGoOnWhenAnOsdDies) {
  if (!CephCluster::is_usable()) GTEST_SKIP() << "Ceph is not installed, or this is ThreadSanitizer";
  const CephCluster ceph(in_memory);
  ASSERT_TRUE(ceph.is_started());
  survive(ceph, [&ceph](env::Core& core) { return ceph.run_on(core, "kill-osd", "1"); });
}

TEST(RadosFailureTest, CommitsAreThereAfterEverythingWasKilled) {
  if (!CephCluster::is_usable()) GTEST_SKIP() << "Ceph is not installed, or this is ThreadSanitizer";
  const CephCluster ceph("STORE=bluestore");
  ASSERT_TRUE(ceph.is_started());
  survive(ceph, [&ceph](env::Core& core) -> env::Task<void> {
    co_await ceph.run_on(core, "kill-all");
    co_await ceph.run_on(core, "start-all");
  });
}

}  // namespace
}  // namespace weir::journal
