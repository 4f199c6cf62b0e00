// The promises of Metastore, held by every implementation.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "env/task_group.h"
#include "metastore/etcd_metastore.h"
#include "metastore/memory_metastore.h"
#include "metastore/sqlite_metastore.h"
#include "metastore/transaction_check.h"
#include "tests/support/etcd_server.h"
#include "tests/support/simulation_test.h"

namespace weir::metastore {
namespace {

using env::Core;
using env::Task;

class MemoryBackend {
 public:
  static constexpr bool is_available = true;
  void run(std::uint64_t seed, std::function<Task<void>(Core&)> main) { test::run_simulation(seed, std::move(main)); }
  Task<Result<std::unique_ptr<Metastore>>> open(Core& core) { co_return make_memory_metastore(core, content_); }

 private:
  std::shared_ptr<MemoryMetastoreContent> content_ = std::make_shared<MemoryMetastoreContent>();
};

class SqliteBackend {
 public:
  static constexpr bool is_available = true;
  SqliteBackend() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-metastore-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~SqliteBackend() { std::filesystem::remove_all(directory_); }
  SqliteBackend(const SqliteBackend&) = delete;
  SqliteBackend& operator=(const SqliteBackend&) = delete;
  void run(std::uint64_t seed, std::function<Task<void>(Core&)> main) { test::run_simulation(seed, std::move(main)); }
  Task<Result<std::unique_ptr<Metastore>>> open(Core& core) {
    return open_sqlite_metastore(core, directory_ + "/m.db");
  }

 private:
  std::string directory_;
};

// One etcd for all tests, each of which has a prefix to itself.
class EtcdBackend {
 public:
  inline static const bool is_available = test::EtcdServer::is_installed();
  EtcdBackend() : prefix_("contract/" + std::to_string(++last_prefix_) + "/") {}
  void run(std::uint64_t /*seed*/, std::function<Task<void>(Core&)> main) { test::run_real(std::move(main)); }
  Task<Result<std::unique_ptr<Metastore>>> open(Core& core) {
    static test::EtcdServer server({"--max-txn-ops=8192"});
    return open_etcd_metastore(core, {.endpoints = {server.endpoint()}, .prefix = prefix_, .operations_max = 8192});
  }

 private:
  inline static int last_prefix_ = 0;
  std::string prefix_;
};

template <class Backend>
class MetastoreContract : public testing::Test {
 public:
  void SetUp() override {
    if (!Backend::is_available) GTEST_SKIP() << "the program that this store needs is not installed";
  }
  // Runs `body` on an open store, which is closed afterwards. The content stays for the next call.
  void with_store(std::function<Task<void>(Core&, Metastore&)> body) {
    backend_.run(++seed_, [this, &body](Core& core) { return open_and_run(core, body); });
  }

 private:
  Task<void> open_and_run(Core& core, const std::function<Task<void>(Core&, Metastore&)>& body) {
    auto store = co_await backend_.open(core);
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    if (!store) co_return;
    co_await body(core, **store);
    co_await (*store)->close();
  }
  Backend backend_;
  std::uint64_t seed_ = 0;
};

using Backends = testing::Types<MemoryBackend, SqliteBackend, EtcdBackend>;
TYPED_TEST_SUITE(MetastoreContract, Backends);

std::vector<Write> put(std::string key, std::string value) {
  std::vector<Write> writes;
  writes.push_back({std::move(key), std::move(value)});
  return writes;
}
std::vector<Write> remove(std::string key) {
  std::vector<Write> writes;
  writes.push_back({std::move(key), std::nullopt});
  return writes;
}

std::map<std::string, std::string> as_map(const Snapshot& snapshot) {
  std::map<std::string, std::string> map;
  for (const KeyValue& entry : snapshot.entries) map[entry.key] = entry.value;
  return map;
}

TYPED_TEST(MetastoreContract, ReadsByPrefixInBytewiseOrder) {
  this->with_store([](Core&, Metastore& store) -> Task<void> {
    const std::string high = "a\xff\xff";
    std::vector<Write> writes;
    for (const std::string& key : {std::string("b"), std::string("a/2"), high, std::string("a/10"), std::string("a"),
                                   std::string("a\xff") + '\0' + "x", std::string("\xff\xff")}) {
      writes.push_back({key, "v" + key});
    }
    EXPECT_TRUE((co_await store.commit({}, writes)).has_value());
    const auto keys = [](const Snapshot& snapshot) {
      std::vector<std::string> all;
      for (const KeyValue& entry : snapshot.entries) all.push_back(entry.key);
      return all;
    };
    using Keys = std::vector<std::string>;
    EXPECT_EQ(keys(*co_await store.read("a/")), (Keys{"a/10", "a/2"}));
    EXPECT_EQ(keys(*co_await store.read("")).size(), 7U);
    EXPECT_EQ(keys(*co_await store.read("a\xff")), (Keys{std::string("a\xff") + '\0' + "x", high}));
    EXPECT_EQ(keys(*co_await store.read("\xff")), (Keys{"\xff\xff"}));
    EXPECT_EQ(keys(*co_await store.read("c")), Keys{});
  });
}

TYPED_TEST(MetastoreContract, ValuesMayHoldAnyBytesAndNone) {
  this->with_store([](Core&, Metastore& store) -> Task<void> {
    const std::string binary("\0\xff\n'\";--", 7);
    std::vector<Write> writes = put("binary", binary);
    writes.push_back({"empty", ""});
    EXPECT_TRUE((co_await store.commit({}, writes)).has_value());
    const auto map = as_map(*co_await store.read(""));
    EXPECT_EQ(map.at("binary"), binary);
    EXPECT_EQ(map.at("empty"), "");
  });
}

TYPED_TEST(MetastoreContract, EveryChangeRaisesTheRevisionByOneAlsoAcrossRestarts) {
  Revision start = 0;
  this->with_store([&start](Core&, Metastore& store) -> Task<void> {
    start = (co_await store.read("")).value().revision;
    EXPECT_EQ((co_await store.commit({}, put("a", "1"))).value(), start + 1);
    EXPECT_EQ((co_await store.commit({}, put("a", "1"))).value(), start + 2);
    EXPECT_EQ((co_await store.commit({}, remove("missing"))).value(), start + 2);
    EXPECT_EQ((co_await store.commit({}, {})).value(), start + 2);
    EXPECT_EQ((co_await store.commit({}, remove("a"))).value(), start + 3);
  });
  this->with_store([&start](Core&, Metastore& store) -> Task<void> {
    const auto snapshot = co_await store.read("");
    EXPECT_EQ(snapshot.value().revision, start + 3);
    EXPECT_TRUE(snapshot.value().entries.empty());
    EXPECT_EQ((co_await store.commit({}, put("b", "1"))).value(), start + 4);
    EXPECT_EQ((co_await store.read("b")).value().entries.at(0).modified, start + 4);
  });
}

TYPED_TEST(MetastoreContract, AFailedGuardChangesNothing) {
  this->with_store([](Core&, Metastore& store) -> Task<void> {
    const Revision first = (co_await store.commit({}, put("a", "1"))).value();
    const Revision second = (co_await store.commit({{"a", first}}, put("a", "2"))).value();
    std::vector<Write> writes = put("a", "3");
    writes.push_back({"b", "3"});
    std::vector<Guard> stale{{"a", first}};
    const auto lost = co_await store.commit(stale, writes);
    EXPECT_EQ(lost.error().code, ErrorCode::conflict);
    std::vector<Guard> absent{{"a", 0}};
    EXPECT_EQ((co_await store.commit(absent, writes)).error().code, ErrorCode::conflict);
    std::vector<Guard> one_of_two{{"a", second}, {"c", 7}};
    EXPECT_EQ((co_await store.commit(one_of_two, writes)).error().code, ErrorCode::conflict);
    const auto snapshot = co_await store.read("");
    EXPECT_EQ(snapshot.value().revision, second);
    EXPECT_EQ(as_map(*snapshot), (std::map<std::string, std::string>{{"a", "2"}}));
    std::vector<Guard> right{{"a", second}, {"b", 0}};
    EXPECT_TRUE((co_await store.commit(right, writes)).has_value());
  });
}

TYPED_TEST(MetastoreContract, OfManyRacersForOneKeyExactlyOneWins) {
  this->with_store([](Core& core, Metastore& store) -> Task<void> {
    int won = 0;
    const auto race = [](Metastore& where, int racer, int& winners) -> Task<void> {
      const auto result = co_await where.commit({{"lane", 0}}, put("lane", std::to_string(racer)));
      if (result) {
        ++winners;
      } else {
        EXPECT_EQ(result.error().code, ErrorCode::conflict);
      }
    };
    env::TaskGroup group(core);
    for (int racer = 0; racer < 20; ++racer) group.spawn(race(store, racer, won));
    co_await group.wait();
    EXPECT_EQ(won, 1);
  });
}

TYPED_TEST(MetastoreContract, ImpossibleTransactionsAreRefused) {
  this->with_store([](Core&, Metastore& store) -> Task<void> {
    std::vector<Write> twice = put("a", "1");
    twice.push_back({"a", "2"});
    EXPECT_EQ((co_await store.commit({}, twice)).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ((co_await store.commit({}, put("", "1"))).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ((co_await store.commit({}, put(std::string(key_bytes_max + 1, 'k'), "1"))).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ((co_await store.commit({}, put("a", std::string(value_bytes_max + 1, 'v')))).error().code,
              ErrorCode::invalid_argument);
    EXPECT_TRUE((co_await store.commit({}, put(std::string(key_bytes_max, 'k'), std::string(value_bytes_max, 'v'))))
                    .has_value());
  });
}

struct Watched {
  std::vector<std::string> keys;
  Revision last = 0;
  ErrorCode end = ErrorCode::internal;
};

Task<void> follow(Metastore& store, std::string prefix, Revision after, Watched& watched) {
  watched.last = after;
  while (true) {
    auto changes = co_await store.watch(prefix, watched.last);
    if (!changes) {
      watched.end = changes.error().code;
      co_return;
    }
    EXPECT_FALSE(changes->empty());
    for (const Change& change : *changes) {
      EXPECT_GE(change.revision, watched.last);
      watched.last = change.revision;
      watched.keys.push_back(change.key + (change.value ? "=" + *change.value : " removed"));
    }
  }
}

TYPED_TEST(MetastoreContract, AWatchSeesEveryChangeUnderItsPrefixOnceAndInOrder) {
  this->with_store([](Core& core, Metastore& store) -> Task<void> {
    const Revision before = (co_await store.commit({}, put("a/0", "before"))).value();
    Watched watched;
    env::TaskGroup group(core);
    group.spawn(follow(store, "a/", before, watched));
    co_await store.commit({}, put("a/1", "x"));
    co_await store.commit({}, put("b/1", "x"));
    std::vector<Write> both = put("a/2", "y");
    both.push_back({"a/1", std::nullopt});
    const Revision late = (co_await store.commit({}, both)).value();
    co_await store.commit({{"a/2", 1}}, put("a/2", "conflict"));
    co_await test::wait_until(core, [&watched, late] { return watched.last >= late; });
    co_await store.commit({}, remove("a/missing"));
    const Revision last = (co_await store.commit({}, put("a/2", "z"))).value();
    co_await test::wait_until(core, [&watched, last] { return watched.last >= last; });
    std::ranges::sort(watched.keys.begin() + 1, watched.keys.begin() + 3);  // of one transaction, in any order
    EXPECT_EQ(watched.keys, (std::vector<std::string>{"a/1=x", "a/1 removed", "a/2=y", "a/2=z"}));
    co_await store.close();
    co_await group.wait();
    EXPECT_EQ(watched.end, ErrorCode::closed);
  });
}

TYPED_TEST(MetastoreContract, AWatchThatIsTooFarBehindIsToldToReadAgain) {
  Revision last = 0;
  this->with_store([&last](Core&, Metastore& store) -> Task<void> {
    for (int i = 0; i < 10; ++i) last = (co_await store.commit({}, put("a", "1"))).value();
  });
  this->with_store([last](Core&, Metastore& store) -> Task<void> {
    EXPECT_EQ((co_await store.watch("", last - 1)).error().code, ErrorCode::unsupported);
    co_await store.commit({}, put("a", "2"));
    const auto changes = co_await store.watch("", last);
    EXPECT_EQ(changes.value().size(), 1U);
    std::vector<Write> many;
    for (int i = 0; i < 5000; ++i) many.push_back({"many/" + std::to_string(i), "x"});
    EXPECT_TRUE((co_await store.commit({}, many)).has_value());
    EXPECT_EQ((co_await store.watch("many/", last)).error().code, ErrorCode::unsupported);
    EXPECT_EQ((co_await store.watch("", last)).error().code, ErrorCode::unsupported);
  });
}

}  // namespace
}  // namespace weir::metastore
