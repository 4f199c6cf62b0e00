// EtcdMetastore with a real etcd, which is killed, restarted and compacted under it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "env/task_group.h"
#include "metastore/etcd_metastore.h"
#include "net/client.h"
#include "net/tls/tls.h"
#include "net/tls/tls_certificate.h"
#include "tests/support/etcd_server.h"
#include "tests/support/must.h"

namespace weir::metastore {
namespace {

using env::Core;
using env::Task;
using test::EtcdServer;
using test::must;
using Store = std::unique_ptr<Metastore>;

class EtcdMetastore : public testing::Test {
 public:
  void SetUp() override {
    if (!EtcdServer::is_installed()) GTEST_SKIP() << "etcd is not installed";
  }
};

Task<Store> open(Core& core, const EtcdServer& server, std::string prefix = "weir/") {
  co_return must(co_await open_etcd_metastore(core, {.endpoints = {server.endpoint()}, .prefix = std::move(prefix)}));
}

std::vector<Write> put(std::string key, std::string value) {
  std::vector<Write> writes;
  writes.push_back({std::move(key), std::move(value)});
  return writes;
}

std::map<std::string, std::string> as_map(const Snapshot& snapshot) {
  std::map<std::string, std::string> map;
  for (const KeyValue& entry : snapshot.entries) map[entry.key] = entry.value;
  return map;
}

TEST_F(EtcdMetastore, SeveralInstallationsShareAnEtcdAndSeeNothingOfEachOther) {
  EtcdServer server;
  test::run_real([&server](Core& core) -> Task<void> {
    const Store one = co_await open(core, server, "one/");
    const Store other = co_await open(core, server, "other/");
    const Revision start = (co_await one->read("")).value().revision;
    EXPECT_TRUE((co_await other->commit({{"key", 0}}, put("key", "other's"))).has_value());
    const auto committed = co_await one->commit({{"key", 0}}, put("key", "one's"));
    EXPECT_EQ(as_map(*co_await one->read("")), (std::map<std::string, std::string>{{"key", "one's"}}));
    EXPECT_EQ(as_map(*co_await other->read("")), (std::map<std::string, std::string>{{"key", "other's"}}));
    const auto changes = co_await one->watch("", start);
    EXPECT_EQ(changes.value().size(), 1U);
    EXPECT_EQ(changes.value()[0].revision, committed.value());
    EXPECT_EQ(changes.value()[0].value, "one's");
    co_await one->close();
    co_await other->close();
  });
}

struct Overwriting {
  int rounds = 0;
  bool stop = false;
};

Task<void> overwrite_all(Metastore& store, int keys, Overwriting& overwriting) {
  for (; !overwriting.stop; ++overwriting.rounds) {
    std::vector<Write> writes;
    for (int key = 0; key < keys; ++key) {
      writes.push_back(
          {"key/" + std::to_string(100 + key), std::to_string(overwriting.rounds) + std::string(9000, 'v')});
    }
    EXPECT_TRUE((co_await store.commit({}, std::move(writes))).has_value());
  }
}

TEST_F(EtcdMetastore, AReadOfManyPagesSeesOneRevision) {
  EtcdServer server;
  test::run_real([&server](Core& core) -> Task<void> {
    const Store writer = co_await open(core, server);
    const Store reader =
        must(co_await open_etcd_metastore(core, {.endpoints = {server.endpoint()}, .page_entries = 7}));
    Overwriting overwriting;
    env::TaskGroup group(core);
    group.spawn(overwrite_all(*writer, 50, overwriting));
    co_await test::wait_until(core, [&overwriting] { return overwriting.rounds >= 1; });
    for (int i = 0; i < 20; ++i) {
      const Snapshot snapshot = must(co_await reader->read("key/"));
      EXPECT_EQ(snapshot.entries.size(), 50U);
      for (const KeyValue& entry : snapshot.entries) {
        EXPECT_EQ(entry.modified, snapshot.entries[0].modified);
        EXPECT_EQ(entry.value, snapshot.entries[0].value);
        EXPECT_LE(entry.modified, snapshot.revision);
      }
      EXPECT_TRUE(std::ranges::is_sorted(snapshot.entries, {}, &KeyValue::key));
    }
    overwriting.stop = true;
    co_await group.wait();
    EXPECT_GT(overwriting.rounds, 2);
    co_await writer->close();
    co_await reader->close();
  });
}

TEST_F(EtcdMetastore, ValuesTooLargeForOneAnswerAreReadInSmallerOnes) {
  EtcdServer server;
  test::run_real([&server](Core& core) -> Task<void> {
    const Store store = co_await open(core, server);
    for (int i = 0; i < 30; ++i) {
      EXPECT_TRUE((co_await store->commit({}, put(std::to_string(100 + i), std::string(1 << 20, 'v')))).has_value());
    }
    EXPECT_EQ(must(co_await store->read("")).entries.size(), 30U);
    co_await store->close();
  });
}

TEST_F(EtcdMetastore, ATransactionThatEtcdDoesNotTakeIsRefusedClearlyAndChangesNothing) {
  EtcdServer server({"--max-txn-ops=20"});
  test::run_real([&server](Core& core) -> Task<void> {
    const Store store = co_await open(core, server);
    EtcdOptions trusting{.endpoints = {server.endpoint()}, .operations_max = 1000, .request_bytes_max = 64 * mebibyte};
    const Store unaware = must(co_await open_etcd_metastore(core, trusting));
    std::vector<Write> many;
    for (int i = 0; i < 200; ++i) many.push_back({std::to_string(i), "x"});
    std::vector<Write> large;
    for (int i = 0; i < 4; ++i) large.push_back({std::to_string(i), std::string(1 << 20, 'v')});
    const Revision before = (co_await store->read("")).value().revision;
    for (Metastore* each : {store.get(), unaware.get()}) {
      for (const auto& writes : {many, large}) {
        const auto refused = co_await each->commit({}, writes);
        EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded) << refused.error().message;
      }
    }
    EXPECT_EQ((co_await store->read("")).value().revision, before);
    co_await store->close();
    co_await unaware->close();
  });
}

// What a writer knows of its commits, and what a watcher saw.
struct Observed {
  std::map<Revision, std::string> acknowledged;
  std::set<std::string> unknown;  // the value of each commit whose outcome nobody told
  std::vector<Change> seen;
  bool stop_writing = false;
  bool writing = true;
};

Task<void> write_on(Core& core, Metastore& store, Observed& observed) {
  for (int i = 0; !observed.stop_writing; ++i) {
    const std::string value = "value " + std::to_string(i);
    const auto committed = co_await store.commit({}, put("key/" + std::to_string(i % 7), value));
    if (committed) {
      observed.acknowledged[*committed] = value;
    } else {
      EXPECT_EQ(committed.error().code, ErrorCode::unavailable) << committed.error().message;
      observed.unknown.insert(value);
      co_await core.sleep_for(milliseconds(10));
    }
  }
  observed.writing = false;
}

Task<void> watch_all(Metastore& store, Revision after, Observed& observed) {
  for (;;) {
    auto changes = co_await store.watch("key/", after);
    if (!changes) {
      EXPECT_EQ(changes.error().code, ErrorCode::closed);
      co_return;
    }
    for (Change& change : *changes) observed.seen.push_back(std::move(change));
    after = observed.seen.back().revision;
  }
}

void check_nothing_lost_or_invented(const Observed& observed) {
  Revision last = 0;
  std::size_t known = 0;
  for (const Change& change : observed.seen) {
    EXPECT_GT(change.revision, last);
    last = change.revision;
    const auto own = observed.acknowledged.find(change.revision);
    if (own == observed.acknowledged.end()) {
      EXPECT_TRUE(observed.unknown.contains(*change.value)) << "invented: " << *change.value;
    } else {
      EXPECT_EQ(own->second, change.value);
      ++known;
    }
  }
  EXPECT_EQ(known, observed.acknowledged.size()) << "changes were lost";
}

TEST_F(EtcdMetastore, KillingEtcdInMidWatchLosesNoChangeAndInventsNone) {
  EtcdServer server;
  test::run_real([&server](Core& core) -> Task<void> {
    const Store store = co_await open(core, server);
    Observed observed;
    env::TaskGroup group(core);
    group.spawn(watch_all(*store, (co_await store->read("")).value().revision, observed));
    group.spawn(write_on(core, *store, observed));
    for (int round = 0; round < 4; ++round) {
      const std::size_t before = observed.seen.size();
      co_await test::wait_until(core, [&observed, before] { return observed.seen.size() > before + 50; });
      co_await core.run_blocking([&server] {
        server.kill();
        server.start();
      });
    }
    const std::size_t after_last_start = observed.seen.size();
    co_await test::wait_until(core, [&] { return observed.seen.size() > after_last_start; });
    observed.stop_writing = true;
    co_await test::wait_until(core, [&observed] { return !observed.writing; });
    const Revision newest = must(co_await store->commit({}, put("key/last", "last")));
    observed.acknowledged[newest] = "last";
    co_await test::wait_until(core, [&observed, newest] { return observed.seen.back().revision >= newest; });
    const auto left = as_map(must(co_await store->read("key/")));
    co_await store->close();
    co_await group.wait();
    check_nothing_lost_or_invented(observed);
    std::map<std::string, std::string> replayed;
    for (const Change& change : observed.seen) replayed[change.key] = *change.value;
    EXPECT_EQ(replayed, left);
  });
}

// Kills each member in turn, then stops all but one for a while: that one goes on taking watches that show nothing.
TEST_F(EtcdMetastore, LosingMembersOfAClusterLosesNoChangeAndInventsNone) {
  const auto servers = EtcdServer::make_cluster(3);
  test::run_real([&servers](Core& core) -> Task<void> {
    EtcdOptions options{.endpoints = {}, .request_timeout = seconds(3)};
    for (const auto& server : servers) options.endpoints.push_back(server->endpoint());
    const Store store = must(co_await open_etcd_metastore(core, options));
    Observed observed;
    env::TaskGroup group(core);
    group.spawn(watch_all(*store, (co_await store->read("")).value().revision, observed));
    group.spawn(write_on(core, *store, observed));
    const auto see_some = [](Core& on, const Observed& what) -> Task<void> {
      const std::size_t before = what.acknowledged.size();
      co_await test::wait_until(on, [&what, before] {
        return what.acknowledged.size() > before + 20 && !what.seen.empty() &&
               what.seen.back().revision >= what.acknowledged.rbegin()->first;
      });
    };
    co_await see_some(core, observed);
    for (const auto& server : servers) {
      server->kill();
      co_await see_some(core, observed);
      co_await core.run_blocking([&server] { server->start(); });
    }
    for (std::size_t alone = 0; alone < servers.size(); ++alone) {
      servers[(alone + 1) % 3]->pause();
      servers[(alone + 2) % 3]->pause();
      co_await core.sleep_for(seconds(3));
      servers[(alone + 1) % 3]->resume();
      servers[(alone + 2) % 3]->resume();
      co_await see_some(core, observed);
    }
    observed.stop_writing = true;
    co_await test::wait_until(core, [&observed] {
      return !observed.writing && observed.seen.back().revision >= observed.acknowledged.rbegin()->first;
    });
    co_await store->close();
    co_await group.wait();
    check_nothing_lost_or_invented(observed);
  });
}

// Changes made, and all but the last forgotten, where a store that looks for the server at its usual place sees
// nothing.
Task<void> change_and_compact(Core& core, env::Endpoint endpoint) {
  const Store store = must(co_await open_etcd_metastore(core, {.endpoints = {endpoint}}));
  Revision newest = 0;
  for (int i = 0; i < 10; ++i) newest = must(co_await store->commit({}, put("a", std::to_string(i))));
  co_await store->close();
  net::HttpClient client(core, {.endpoint = endpoint});
  const std::string body = R"({"revision":")" + std::to_string(newest) + R"("})";
  const auto answer = must(co_await client.send({.target = "/v3/kv/compaction", .body = body}, no_deadline));
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(EtcdMetastore, WhoMissedChangesThatAreCompactedAwayIsToldToReadAgain) {
  EtcdServer server;
  test::run_real([&server](Core& core) -> Task<void> {
    const Store store = co_await open(core, server);
    const Revision known = must(co_await store->commit({}, put("a", "1")));
    EXPECT_EQ((co_await store->watch("", known - 1)).value().size(), 1U);
    env::Endpoint elsewhere;
    co_await core.run_blocking([&server, &elsewhere] {
      server.kill();
      elsewhere = server.start_elsewhere();
    });
    co_await change_and_compact(core, elsewhere);
    co_await core.run_blocking([&server] {
      server.kill();
      server.start();
    });
    EXPECT_EQ((co_await store->watch("", known)).error().code, ErrorCode::unsupported);
    const Snapshot again = must(co_await store->read(""));
    EXPECT_EQ(again.entries.at(0).value, "9");
    const Revision after = must(co_await store->commit({}, put("b", "1")));
    const auto changes = co_await store->watch("", again.revision);
    EXPECT_EQ(changes.value().at(0).revision, after);
    co_await store->close();
  });
}

TEST_F(EtcdMetastore, AnEtcdThatWentBackInTimeIsNotBelieved) {
  EtcdServer server;
  test::run_real([&server](Core& core) -> Task<void> {
    const Store store = co_await open(core, server);
    for (int i = 0; i < 10; ++i) static_cast<void>(must(co_await store->commit({}, put("a", "1"))));
    co_await core.run_blocking([&server] {
      server.kill();
      server.delete_data();
      server.start();
    });
    const auto snapshot = co_await store->read("");
    EXPECT_EQ(snapshot.error().code, ErrorCode::corrupt);
    EXPECT_EQ((co_await store->commit({}, put("a", "2"))).error().code, ErrorCode::unavailable);
    co_await store->close();
  });
}

TEST_F(EtcdMetastore, WorksOverTlsAndRefusesACertificateThatItDoesNotTrust) {
  const net::CertificateRequest request{.names = {"etcd.example"},
                                        .valid_from = wall_time_ms(1'700'000'000'000),
                                        .valid_until = wall_time_ms(4'000'000'000'000)};
  const auto certificate = must(net::make_self_signed_certificate(request));
  std::string folder = std::filesystem::temp_directory_path() / "weir-etcd-tls-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/cert.pem") << certificate.certificate;
  std::ofstream(folder + "/key.pem") << certificate.private_key;
  EtcdServer server({"--cert-file=" + folder + "/cert.pem", "--key-file=" + folder + "/key.pem"}, "https");
  test::run_real([&](Core& core) -> Task<void> {
    const auto trusting = must(net::TlsContext::client({.trusted_pem = certificate.certificate}));
    const auto other = must(net::make_self_signed_certificate(request));
    const auto distrusting = must(net::TlsContext::client({.trusted_pem = other.certificate}));
    EtcdOptions options{.endpoints = {server.endpoint()}, .tls = distrusting, .request_timeout = seconds(2)};
    EXPECT_EQ((co_await open_etcd_metastore(core, options)).error().code, ErrorCode::unavailable);
    options.tls = trusting;
    options.server_name = "etcd.example";
    const Store store = must(co_await open_etcd_metastore(core, options));
    const Revision start = (co_await store->read("")).value().revision;
    const Revision committed = must(co_await store->commit({}, put("a", "1")));
    const auto changes = co_await store->watch("", start);
    EXPECT_EQ(changes.value().at(0).revision, committed);
    co_await store->close();
  });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace weir::metastore
