// The metastore of one machine: one SQLite file. docs/format-metadata.md describes its tables.
#pragma once

#include <memory>
#include <string>

#include "metastore/metastore.h"

namespace weir::metastore {

// Opens the store in the file at `path` on `core`, which it then belongs to; creates file (mode 0600) and directory
// when they are missing. A write that fails closes the file; the next call opens it again, which undoes what was half
// done. Errors: corrupt, unsupported (written by a newer program, or not Weir's), unavailable (another process holds
// it), io, no_space.
[[nodiscard]] env::Task<Result<std::unique_ptr<Metastore>>> open_sqlite_metastore(env::Core& core, std::string path);

}  // namespace weir::metastore
