#include "env/file.h"

#include <string_view>

namespace weir::env {
namespace {

std::string parent_directory(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

// Writes and syncs a new file at `path`. The file is closed when this returns.
Task<Result<void>> write_new_file(FileSystem& files, std::string path, const std::string& content,
                                  std::uint32_t permissions) {
  WEIR_CO_TRY(const std::unique_ptr<File> file, co_await files.open(path, OpenMode::create_new, permissions));
  const BytesView part = as_bytes(content);
  co_return co_await file->write_at(0, std::span(&part, 1), Durability::synced);
}

}  // namespace

Task<Result<std::string>> read_whole_file(FileSystem& files, std::string path, std::uint64_t size_bytes_max) {
  WEIR_CO_TRY(const std::unique_ptr<File> file, co_await files.open(path, OpenMode::read_only));
  WEIR_CO_TRY(const std::uint64_t size, co_await file->size());
  if (size > size_bytes_max) {
    co_return fail(ErrorCode::limit_exceeded, path + " holds " + std::to_string(size) + " bytes, more than the " +
                                                  std::to_string(size_bytes_max) + " allowed");
  }
  std::string content(size, '\0');
  WEIR_CO_TRY(const std::size_t got, co_await file->read_at(0, std::as_writable_bytes(std::span(content))));
  content.resize(got);
  co_return content;
}

Task<Result<void>> replace_file(FileSystem& files, std::string path, std::string content, std::uint32_t permissions) {
  const std::string temporary = path + ".new";
  // A crash may have left an earlier attempt behind, with other permissions perhaps.
  if (const auto removed = co_await files.remove(temporary); !removed && removed.error().code != ErrorCode::not_found) {
    co_return std::unexpected(removed.error());
  }
  Result<void> done = co_await write_new_file(files, temporary, content, permissions);
  if (done) done = co_await files.rename(temporary, path);
  if (!done) {
    // The first error is the one to report; the next attempt clears what a failed removal leaves.
    static_cast<void>(co_await files.remove(temporary));
    co_return done;
  }
  co_return co_await files.sync_directory(parent_directory(path));
}

}  // namespace weir::env
