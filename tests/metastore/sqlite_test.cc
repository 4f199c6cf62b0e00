#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "env/runtime.h"
#include "metastore/sqlite_database.h"
#include "metastore/sqlite_metastore.h"

namespace weir::metastore {
namespace {

namespace fs = std::filesystem;

class SqliteMetastoreFile : public testing::Test {
 public:
  SqliteMetastoreFile() {
    std::string pattern = fs::temp_directory_path() / "weir-sqlite-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~SqliteMetastoreFile() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string path() const { return directory_ + "/data/metadata.db"; }

  // Opens the store with the real runtime, runs `body` on it and closes it. The error when it does not open.
  std::optional<ErrorCode> with_store(const std::function<env::Task<void>(Metastore&)>& body) {
    const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 2});
    std::optional<ErrorCode> failure;
    const auto run = [](env::Core& core, std::string where, const std::function<env::Task<void>(Metastore&)>& work,
                        std::optional<ErrorCode>& error) -> env::Task<int> {
      auto store = co_await open_sqlite_metastore(core, std::move(where));
      if (!store) {
        error = store.error().code;
        co_return 1;
      }
      co_await work(**store);
      co_await (*store)->close();
      co_return 0;
    };
    static_cast<void>(runtime->run([&] { return run(runtime->core(0), path(), body, failure); }));
    return failure;
  }

  void fill(int entries) {
    EXPECT_EQ(with_store([entries](Metastore& store) { return put_many(store, entries); }), std::nullopt);
  }

  void run_sql(const char* sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

 private:
  static env::Task<void> put_many(Metastore& store, int entries) {
    for (int i = 0; i < entries; ++i) {
      std::vector<Write> writes;
      writes.push_back({"key/" + std::to_string(i), std::string(200, 'v')});
      EXPECT_TRUE((co_await store.commit({}, std::move(writes))).has_value());
    }
  }
  std::string directory_;
};

env::Task<void> nothing(Metastore&) { co_return; }

TEST_F(SqliteMetastoreFile, IsReadableByItsOwnerOnly) {
  EXPECT_EQ(with_store(nothing), std::nullopt);
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(SqliteMetastoreFile, ANewerFormatOrAForeignFileIsRefused) {
  fill(1);
  run_sql("PRAGMA user_version = 2");
  EXPECT_EQ(with_store(nothing), ErrorCode::unsupported);
  run_sql("PRAGMA user_version = 1; PRAGMA application_id = 7");
  EXPECT_EQ(with_store(nothing), ErrorCode::unsupported);
  fs::remove(path());
  run_sql("CREATE TABLE somebody_elses (x)");
  EXPECT_EQ(with_store(nothing), ErrorCode::unsupported);
  std::ofstream(path(), std::ios::trunc) << std::string(8192, 'x');
  EXPECT_EQ(with_store(nothing), ErrorCode::corrupt);
}

TEST_F(SqliteMetastoreFile, AChangedValueIsDetectedWhenItIsRead) {
  fill(3);
  run_sql("UPDATE entries SET value = x'00' WHERE key = CAST('key/1' AS BLOB)");
  EXPECT_EQ(with_store([](Metastore& store) -> env::Task<void> {
              EXPECT_EQ((co_await store.read("key/")).error().code, ErrorCode::corrupt);
              EXPECT_TRUE((co_await store.read("key/2")).has_value());
            }),
            std::nullopt);
}

TEST_F(SqliteMetastoreFile, AChangedRevisionOrKeyIsDetected) {
  fill(3);
  run_sql("UPDATE entries SET key = CAST('key/9' AS BLOB) WHERE key = CAST('key/1' AS BLOB)");
  EXPECT_EQ(with_store([](Metastore& store) -> env::Task<void> {
              EXPECT_EQ((co_await store.read("")).error().code, ErrorCode::corrupt);
            }),
            std::nullopt);
  run_sql("UPDATE store SET revision = 1");
  EXPECT_EQ(with_store(nothing), ErrorCode::corrupt);
}

TEST_F(SqliteMetastoreFile, DamagedStructureIsDetectedAtOpen) {
  fill(200);
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path()) / 2 / 4096 * 4096));
    file << std::string(2048, '\x7f');
  }
  EXPECT_EQ(with_store(nothing), ErrorCode::corrupt);
}

TEST_F(SqliteMetastoreFile, AnotherProcessesLockMakesItUnavailableNotWrong) {
  fill(1);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  EXPECT_EQ(with_store([other](Metastore& store) -> env::Task<void> {
              EXPECT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
              std::vector<Write> writes;
              writes.push_back({"blocked", "x"});
              EXPECT_EQ((co_await store.commit({}, writes)).error().code, ErrorCode::unavailable);
              EXPECT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
              EXPECT_TRUE((co_await store.commit({}, writes)).has_value());
              EXPECT_EQ((co_await store.read("blocked")).value().entries.size(), 1U);
            }),
            std::nullopt);
  sqlite3_close(other);
}

// A file size limit stands in for the full disk: the same failure, in the middle of a commit.
TEST_F(SqliteMetastoreFile, AWriteThatDoesNotFitLeavesWhatWasThere) {
  fill(20);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{fs::file_size(path()), RLIM_INFINITY};
    bool held = setrlimit(RLIMIT_FSIZE, &limit) == 0;
    const auto failure = with_store([&held](Metastore& store) -> env::Task<void> {
      std::vector<Write> writes;
      writes.push_back({"large", std::string(500'000, 'x')});
      held = held && !(co_await store.commit({}, writes)).has_value();
      held = held && (co_await store.read("key/")).value().entries.size() == 20;
      const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
      held = held && setrlimit(RLIMIT_FSIZE, &none) == 0;
      held = held && (co_await store.commit({}, writes)).value() == 21;
    });
    _exit(held && !failure ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Commits in a child process, which tells each acknowledged revision, until it is killed.
void commit_until_killed(SqliteMetastoreFile& test, int acknowledged) {
  static_cast<void>(test.with_store([acknowledged](Metastore& store) -> env::Task<void> {
    while (true) {
      std::vector<Write> writes;
      const Revision next = (co_await store.read("counter")).value().revision + 1;
      writes.push_back({"counter", std::to_string(next)});
      writes.push_back({"twin/" + std::to_string(next % 7), std::to_string(next)});
      const auto revision = co_await store.commit({}, std::move(writes));
      if (!revision || write(acknowledged, &*revision, sizeof(Revision)) != sizeof(Revision)) _exit(1);
    }
  }));
}

TEST_F(SqliteMetastoreFile, AcknowledgedCommitsSurviveKillNine) {
  Revision seen = 0;
  for (useconds_t cycle = 0; cycle < 12; ++cycle) {
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      commit_until_killed(*this, pipes[1]);
      _exit(1);
    }
    close(pipes[1]);
    // The child dies at a moment of its own, some commits after its first one.
    Revision revision = 0;
    for (useconds_t i = 0; i <= cycle && read(pipes[0], &revision, sizeof revision) == sizeof revision; ++i) {
      seen = revision;
    }
    usleep(cycle * 137);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    while (read(pipes[0], &revision, sizeof revision) == sizeof revision) seen = revision;
    close(pipes[0]);
    const auto database = SqliteDatabase::open(path());
    ASSERT_TRUE(database.has_value()) << database.error().message;
    EXPECT_GE((*database)->revision(), seen);
    const auto counter = (*database)->read("counter");
    const auto twin = (*database)->read("twin/" + std::to_string((*database)->revision() % 7));
    EXPECT_EQ(counter.value().entries.at(0).value, std::to_string((*database)->revision()));
    EXPECT_EQ(twin.value().entries.at(0).value, counter.value().entries.at(0).value);
  }
}

}  // namespace
}  // namespace weir::metastore
