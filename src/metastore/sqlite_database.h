// SqliteDatabase: the metastore's tables in one SQLite file. Every call blocks: only inside env::Core::run_blocking,
// one call at a time (from any thread).
//
// Journal mode TRUNCATE, not WAL: a commit that fails half-way is undone from the rollback journal when the file is
// opened again, so its outcome is certain, where a WAL frame whose sync failed may or may not come back. Commits are
// rare here, so the extra sync does not count. synchronous=FULL syncs the journal's truncation too, which is what
// commits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metastore/metastore.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir::metastore {

struct CommitOutcome {
  Revision revision = 0;
  std::vector<Change> changes;  // what really changed: removing a missing key does not
};

class SqliteDatabase {
 public:
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;
  ~SqliteDatabase() = default;

  // Opens or creates the file at `path`, in an existing directory, and checks its structure. Errors: corrupt,
  // unsupported (a newer or a foreign format), unavailable (another process holds it), io, no_space.
  [[nodiscard]] static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path);

  [[nodiscard]] Revision revision() const noexcept { return revision_; }
  // Each value's checksum is verified. Errors: corrupt, io.
  [[nodiscard]] Result<Snapshot> read(const std::string& prefix);
  // Errors: conflict, no_space (nothing changed); others: the file must be opened again to know what is in it.
  [[nodiscard]] Result<CommitOutcome> commit(const std::vector<Guard>& guards, std::vector<Write> writes);

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const noexcept;
  };
  struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

  SqliteDatabase() = default;
  [[nodiscard]] Result<void> execute(const char* sql);
  [[nodiscard]] Result<std::int64_t> query_integer(const char* sql);
  [[nodiscard]] Result<void> check_structure();
  [[nodiscard]] Result<void> load_or_create_schema();
  [[nodiscard]] Result<void> prepare(Statement& statement, const char* sql);
  [[nodiscard]] Result<void> prepare_all();
  [[nodiscard]] Result<void> check_guards(const std::vector<Guard>& guards);
  [[nodiscard]] Result<CommitOutcome> apply(std::vector<Write> writes);
  [[nodiscard]] Result<void> put(const std::string& key, const std::string& value, Revision revision);
  [[nodiscard]] Result<bool> remove(const std::string& key);
  [[nodiscard]] std::unexpected<Error> failed(const char* doing, int code) const;

  // The statements go before the database.
  std::unique_ptr<sqlite3, CloseDatabase> database_;
  Statement select_;
  Statement select_modified_;
  Statement put_;
  Statement remove_;
  Statement set_revision_;
  Revision revision_ = 0;
};

}  // namespace weir::metastore
