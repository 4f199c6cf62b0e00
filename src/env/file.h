// Files: the only way to stored bytes. Calls that may block run outside the loop and resume on the calling core.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "env/task.h"

namespace weir::env {

// Whether a write returns only when its bytes would survive a loss of power.
enum class Durability : std::uint8_t {
  buffered,  // the bytes may be lost until the next sync()
  synced,    // fdatasync before returning
};

enum class OpenMode : std::uint8_t {
  read_only,   // must exist
  read_write,  // must exist
  // As read_write, for what is hardly read again soon: writes of whole sectors (offset and length multiples of 512)
  // leave nothing in the system's page cache, where the file system can do that. May take a second descriptor.
  read_write_uncached,
  create_new,      // must not exist; read and write
  open_or_create,  // read and write
};

// An open file. Belongs to the core that opened it; closing happens in the destructor, off the loop.
// Several reads may be in flight; the owner keeps writes to one file one after the other.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Reads up to out.size() bytes at `offset`; fewer only at the end of the file. Errors: io.
  [[nodiscard]] virtual Task<Result<std::size_t>> read_at(std::uint64_t offset, MutableBytes out) = 0;
  // Writes all of `parts` one after the other from `offset`, in one trip to the disk. On an error any part of the
  // range may hold old or new bytes. A failed sync must never be tried again: what it covered is in doubt.
  // Errors: io, no_space.
  [[nodiscard]] virtual Task<Result<void>> write_at(std::uint64_t offset, std::span<const BytesView> parts,
                                                    Durability durability) = 0;
  [[nodiscard]] virtual Task<Result<void>> sync() = 0;  // fdatasync. Errors: io
  [[nodiscard]] virtual Task<Result<std::uint64_t>> size() = 0;
  // Cuts the file, or grows it: what is new reads as zeros and has its space reserved. Errors: io, no_space.
  [[nodiscard]] virtual Task<Result<void>> truncate(std::uint64_t size) = 0;
};

struct FileStatus {
  std::uint64_t size_bytes = 0;
  WallTime modified;
  std::uint32_t permissions = 0;  // the low nine bits of the mode
  bool is_directory = false;
  friend bool operator==(const FileStatus&, const FileStatus&) = default;
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // to an unprivileged writer
};

// Held for as long as the process uses a directory; a second holder is refused.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  // `permissions` applies when the file is created. Errors: not_found, already_exists, io, no_space.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode,
                                                                 std::uint32_t permissions = 0640) = 0;
  [[nodiscard]] virtual Task<Result<void>> create_directories(std::string path) = 0;
  // Names in `path`, sorted, without "." and "..". Errors: not_found, io.
  [[nodiscard]] virtual Task<Result<std::vector<std::string>>> list(std::string path) = 0;
  [[nodiscard]] virtual Task<Result<FileStatus>> status(std::string path) = 0;
  [[nodiscard]] virtual Task<Result<void>> rename(std::string from, std::string to) = 0;
  [[nodiscard]] virtual Task<Result<void>> remove(std::string path) = 0;
  // Makes creations, renames and removals in the directory durable.
  [[nodiscard]] virtual Task<Result<void>> sync_directory(std::string path) = 0;
  [[nodiscard]] virtual Task<Result<DiskSpace>> space(std::string path) = 0;
  // An exclusive advisory lock on the file at `path`, created if missing. Errors: conflict when someone holds it.
  [[nodiscard]] virtual Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) = 0;
};

// Reads a whole file of at most `size_bytes_max`. Errors: as open; limit_exceeded when it is larger.
[[nodiscard]] Task<Result<std::string>> read_whole_file(FileSystem& files, std::string path,
                                                        std::uint64_t size_bytes_max);
// Replaces the file at `path` by `content` so that after a crash it is either the old or the new: a temporary file
// beside it, synced, renamed, directory synced.
[[nodiscard]] Task<Result<void>> replace_file(FileSystem& files, std::string path, std::string content,
                                              std::uint32_t permissions = 0640);

}  // namespace weir::env
