#include "metastore/sqlite_metastore.h"

#include <utility>

#include "base/log.h"
#include "env/file.h"
#include "metastore/sqlite_database.h"
#include "metastore/transaction_check.h"
#include "metastore/watch_hub.h"

namespace weir::metastore {
namespace {

constexpr std::uint32_t file_permissions = 0600;

class SqliteMetastore final : public Metastore {
 public:
  SqliteMetastore(env::Core& core, std::string path) : core_(core), path_(std::move(path)), hub_(core), free_(core) {}

  env::Task<Result<void>> open() {
    co_await acquire();
    auto opened = co_await ensure_open();
    release();
    co_return opened;
  }

  env::Task<Result<Snapshot>> read(std::string prefix) override {
    co_await acquire();
    Result<Snapshot> snapshot = Snapshot{};
    if (auto opened = co_await ensure_open(); !opened) {
      snapshot = std::unexpected(std::move(opened.error()));
    } else {
      co_await core_.run_blocking([this, &prefix, &snapshot] { snapshot = database_->read(prefix); });
      if (!snapshot && snapshot.error().code != ErrorCode::corrupt) co_await drop_database();
    }
    release();
    co_return snapshot;
  }

  env::Task<Result<Revision>> commit(std::vector<Guard> guards, std::vector<Write> writes) override {
    WEIR_CO_CHECK(check_transaction(guards, writes));
    co_await acquire();
    Result<CommitOutcome> outcome = CommitOutcome{};
    if (auto opened = co_await ensure_open(); !opened) {
      outcome = std::unexpected(std::move(opened.error()));
    } else {
      co_await core_.run_blocking(
          [this, &guards, &writes, &outcome] { outcome = database_->commit(guards, std::move(writes)); });
      if (!outcome && outcome.error().code != ErrorCode::conflict && outcome.error().code != ErrorCode::no_space) {
        log_error("metastore", "a commit failed", {{"path", path_}, {"reason", outcome.error().message}});
        co_await drop_database();
      }
    }
    if (outcome) hub_.publish(std::move(outcome->changes));
    release();
    if (!outcome) co_return std::unexpected(std::move(outcome.error()));
    co_return outcome->revision;
  }

  env::Task<Result<std::vector<Change>>> watch(std::string prefix, Revision after) override {
    return hub_.wait(std::move(prefix), after);
  }

  env::Task<void> close() override {
    co_await hub_.close();
    co_await acquire();
    closed_ = true;
    co_await drop_database();
    release();
  }

 private:
  // One call at a time uses the database.
  env::Task<void> acquire() {
    while (busy_) co_await free_.wait();
    busy_ = true;
  }
  void release() noexcept {
    busy_ = false;
    free_.notify_one();
  }

  env::Task<Result<void>> ensure_open() {
    if (closed_) co_return fail(ErrorCode::closed, "the metadata store is closed");
    if (database_ != nullptr) co_return Result<void>{};
    Result<std::unique_ptr<SqliteDatabase>> opened = nullptr;
    co_await core_.run_blocking([this, &opened] { opened = SqliteDatabase::open(path_); });
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    database_ = std::move(*opened);
    hub_.restart(database_->revision());
    co_return Result<void>{};
  }

  env::Task<void> drop_database() {
    co_await core_.run_blocking([this] { database_.reset(); });
  }

  env::Core& core_;
  const std::string path_;
  std::unique_ptr<SqliteDatabase> database_;  // null: to be opened
  WatchHub hub_;
  env::Event free_;
  bool busy_ = false;
  bool closed_ = false;
};

// SQLite would create the file readable by all. An existing file is not opened here: closing a second descriptor while
// SQLite holds a lock on the file would drop that lock.
env::Task<Result<void>> create_private_file(env::FileSystem& files, std::string path) {
  if (const auto slash = path.rfind('/'); slash != std::string::npos && slash != 0) {
    WEIR_CO_CHECK(co_await files.create_directories(path.substr(0, slash)));
  }
  auto file = co_await files.open(path, env::OpenMode::create_new, file_permissions);
  if (!file && file.error().code != ErrorCode::already_exists) co_return std::unexpected(std::move(file.error()));
  co_return Result<void>{};
}

}  // namespace

env::Task<Result<std::unique_ptr<Metastore>>> open_sqlite_metastore(env::Core& core, std::string path) {
  if (auto created = co_await create_private_file(core.files(), path); !created) {
    co_return fail_while("metadata store", std::move(created.error()));
  }
  auto store = std::make_unique<SqliteMetastore>(core, std::move(path));
  WEIR_CO_CHECK(co_await store->open());
  co_return std::unique_ptr<Metastore>(std::move(store));
}

}  // namespace weir::metastore
