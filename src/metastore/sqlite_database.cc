#include "metastore/sqlite_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/crc32c.h"

namespace weir::metastore {
namespace {

constexpr std::int64_t application_id = 0x57656972;  // "Weir"
constexpr std::int64_t schema_version = 1;
// How long a lock of another process (a backup, someone with the sqlite3 program) is waited for.
constexpr int busy_wait_ms = 2'000;

// `value_crc` covers the revision, the key and the value: SQLite itself does not notice a flipped bit in a value.
constexpr const char* schema =
    "CREATE TABLE entries (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, modified INTEGER NOT NULL,"
    " value_crc INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);"
    "INSERT INTO store VALUES (1, 0);"
    "PRAGMA application_id = 1466263922;"
    "PRAGMA user_version = 1;";
static_assert(application_id == 1466263922 && schema_version == 1);

ErrorCode code_of(int sqlite_code) noexcept {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorCode::unavailable;
    case SQLITE_FULL: return ErrorCode::no_space;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT: return ErrorCode::corrupt;
    case SQLITE_TOOBIG: return ErrorCode::invalid_argument;
    default: return ErrorCode::io;
  }
}

std::uint32_t checksum(BytesView key, BytesView value, Revision modified) noexcept {
  std::array<std::byte, 16> head;
  store_le(head.data(), std::uint64_t{modified});
  store_le(head.data() + 8, static_cast<std::uint64_t>(key.size()));
  return crc32c(value, crc32c(key, crc32c(head)));
}

// The first key after all that start with `prefix`; empty when there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// One use of a prepared statement: binds by position, steps, and is reset at the end. The bound bytes must outlive it.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) noexcept : statement_(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use& bind(std::string_view bytes) noexcept {
    // An empty view may have no address, and SQLite would take that for NULL.
    const char* data = bytes.empty() ? "" : bytes.data();
    keep(sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(), SQLITE_STATIC));
    return *this;
  }
  Use& bind(std::int64_t value) noexcept {
    keep(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
  }
  // SQLITE_ROW, SQLITE_DONE or an error.
  [[nodiscard]] int step() noexcept { return error_ == SQLITE_OK ? sqlite3_step(statement_) : error_; }
  [[nodiscard]] std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string_view bytes(int column) const noexcept {
    const void* data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
  }

 private:
  void keep(int code) noexcept {
    if (error_ == SQLITE_OK) error_ = code;
  }
  sqlite3_stmt* statement_;
  int bound_ = 0;
  int error_ = SQLITE_OK;
};

}  // namespace

void SqliteDatabase::CloseDatabase::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
void SqliteDatabase::FinalizeStatement::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

std::unexpected<Error> SqliteDatabase::failed(const char* doing, int code) const {
  std::string message = "metadata store: ";
  message.append(doing).append(": ").append(sqlite3_errstr(code));
  if (database_ != nullptr) message.append(" (").append(sqlite3_errmsg(database_.get())).append(")");
  return fail(code_of(code), std::move(message));
}

Result<void> SqliteDatabase::execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failed(sql, code);
  return {};
}

Result<void> SqliteDatabase::prepare(Statement& statement, const char* sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  statement.reset(prepared);
  if (code != SQLITE_OK) return failed(sql, code);
  return {};
}

Result<std::int64_t> SqliteDatabase::query_integer(const char* sql) {
  Statement statement;
  WEIR_CHECK(prepare(statement, sql));
  Use use(statement.get());
  const int code = use.step();
  if (code != SQLITE_ROW) return failed(sql, code);
  return use.integer(0);
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path) {
  std::unique_ptr<SqliteDatabase> opened(new SqliteDatabase);
  sqlite3* handle = nullptr;
  // Calls come one at a time, so SQLite's own mutexes are not needed.
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  opened->database_.reset(handle);
  if (code != SQLITE_OK) return opened->failed(path.c_str(), code);
  sqlite3_busy_timeout(handle, busy_wait_ms);
  WEIR_CHECK(opened->execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"));
  WEIR_CHECK(opened->execute("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;"));
  WEIR_CHECK(opened->check_structure());
  WEIR_CHECK(opened->load_or_create_schema());
  WEIR_CHECK(opened->prepare_all());
  return opened;
}

Result<void> SqliteDatabase::check_structure() {
  Statement statement;
  WEIR_CHECK(prepare(statement, "PRAGMA quick_check(1)"));
  Use use(statement.get());
  const int code = use.step();
  if (code != SQLITE_ROW) return failed("quick_check", code);
  if (use.bytes(0) != "ok") return fail(ErrorCode::corrupt, "metadata store: " + std::string(use.bytes(0)));
  return {};
}

Result<void> SqliteDatabase::load_or_create_schema() {
  WEIR_CHECK(execute("BEGIN IMMEDIATE"));
  WEIR_TRY(const std::int64_t tables, query_integer("SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) WEIR_CHECK(execute(schema));
  WEIR_CHECK(execute("COMMIT"));
  WEIR_TRY(const std::int64_t application, query_integer("PRAGMA application_id"));
  WEIR_TRY(const std::int64_t version, query_integer("PRAGMA user_version"));
  if (application != application_id) return fail(ErrorCode::unsupported, "metadata store: not a file of Weir's");
  if (version != schema_version) {
    return fail(ErrorCode::unsupported, "metadata store: format " + std::to_string(version) + ", this program knows " +
                                            std::to_string(schema_version));
  }
  WEIR_TRY(const std::int64_t revision, query_integer("SELECT revision FROM store WHERE one = 1"));
  WEIR_TRY(const std::int64_t newest, query_integer("SELECT ifnull(max(modified), 0) FROM entries"));
  if (revision < 0 || newest > revision)
    return fail(ErrorCode::corrupt, "metadata store: entries newer than the store");
  revision_ = static_cast<Revision>(revision);
  return {};
}

Result<void> SqliteDatabase::prepare_all() {
  WEIR_CHECK(prepare(select_, "SELECT key, value, modified, value_crc FROM entries WHERE key >= ?1 ORDER BY key"));
  WEIR_CHECK(prepare(select_modified_, "SELECT modified FROM entries WHERE key = ?1"));
  WEIR_CHECK(prepare(put_, "INSERT OR REPLACE INTO entries (key, value, modified, value_crc) VALUES (?1, ?2, ?3, ?4)"));
  WEIR_CHECK(prepare(remove_, "DELETE FROM entries WHERE key = ?1"));
  return prepare(set_revision_, "UPDATE store SET revision = ?1 WHERE one = 1");
}

Result<Snapshot> SqliteDatabase::read(const std::string& prefix) {
  Snapshot snapshot{.entries = {}, .revision = revision_};
  const std::string end = after_prefix(prefix);
  Use use(select_.get());
  use.bind(prefix);
  int code = use.step();
  for (; code == SQLITE_ROW; code = use.step()) {
    const std::string_view key = use.bytes(0);
    if (!end.empty() && key >= end) return snapshot;
    const std::string_view value = use.bytes(1);
    const auto modified = static_cast<Revision>(use.integer(2));
    if (checksum(as_bytes(key), as_bytes(value), modified) != use.integer(3)) {
      return fail(ErrorCode::corrupt, "metadata store: checksum of " + std::string(key));
    }
    snapshot.entries.push_back({std::string(key), std::string(value), modified});
  }
  if (code != SQLITE_DONE) return failed("read", code);
  return snapshot;
}

Result<CommitOutcome> SqliteDatabase::commit(const std::vector<Guard>& guards, std::vector<Write> writes) {
  WEIR_CHECK(execute("BEGIN IMMEDIATE"));
  Result<CommitOutcome> outcome = CommitOutcome{};
  if (auto held = check_guards(guards); held) {
    outcome = apply(std::move(writes));
  } else {
    outcome = std::unexpected(std::move(held.error()));
  }
  if (outcome && outcome->revision != revision_) {
    if (auto done = execute("COMMIT"); done) {
      revision_ = outcome->revision;
      return outcome;
    } else {
      outcome = std::unexpected(std::move(done.error()));
    }
  }
  // Some errors have rolled the transaction back already.
  if (sqlite3_get_autocommit(database_.get()) == 0) {
    const auto rolled_back = execute("ROLLBACK");
    if (!rolled_back) return std::unexpected(rolled_back.error());
  }
  return outcome;
}

Result<void> SqliteDatabase::check_guards(const std::vector<Guard>& guards) {
  for (const Guard& guard : guards) {
    Use use(select_modified_.get());
    const int code = use.bind(guard.key).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return failed("check a guard", code);
    const Revision modified = code == SQLITE_ROW ? static_cast<Revision>(use.integer(0)) : 0;
    if (modified != guard.modified) return fail(ErrorCode::conflict, guard.key + " has changed");
  }
  return {};
}

Result<CommitOutcome> SqliteDatabase::apply(std::vector<Write> writes) {
  const Revision next = revision_ + 1;
  CommitOutcome outcome{.revision = revision_, .changes = {}};
  for (Write& write : writes) {
    if (write.value) {
      WEIR_CHECK(put(write.key, *write.value, next));
    } else {
      WEIR_TRY(const bool existed, remove(write.key));
      if (!existed) continue;
    }
    outcome.changes.push_back({std::move(write.key), std::move(write.value), next});
  }
  if (outcome.changes.empty()) return outcome;
  Use use(set_revision_.get());
  const int code = use.bind(static_cast<std::int64_t>(next)).step();
  if (code != SQLITE_DONE) return failed("set the revision", code);
  outcome.revision = next;
  return outcome;
}

Result<void> SqliteDatabase::put(const std::string& key, const std::string& value, Revision revision) {
  Use use(put_.get());
  use.bind(key).bind(value).bind(static_cast<std::int64_t>(revision));
  const int code = use.bind(std::int64_t{checksum(as_bytes(key), as_bytes(value), revision)}).step();
  if (code != SQLITE_DONE) return failed("put", code);
  return {};
}

Result<bool> SqliteDatabase::remove(const std::string& key) {
  Use use(remove_.get());
  const int code = use.bind(key).step();
  if (code != SQLITE_DONE) return failed("remove", code);
  return sqlite3_changes(database_.get()) != 0;
}

}  // namespace weir::metastore
