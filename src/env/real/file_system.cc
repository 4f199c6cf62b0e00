#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "env/real/errors.h"
#include "env/real/files.h"

namespace weir::env::real {
namespace {

class RealFileLock final : public FileLock {
 public:
  RealFileLock(RealCore& core, Descriptor descriptor) noexcept : core_(core), descriptor_(std::move(descriptor)) {}
  RealFileLock(const RealFileLock&) = delete;
  RealFileLock& operator=(const RealFileLock&) = delete;
  ~RealFileLock() override { close_on_pool(core_, std::move(descriptor_)); }

 private:
  RealCore& core_;
  Descriptor descriptor_;
};

int open_flags(OpenMode mode) noexcept {
  switch (mode) {
    case OpenMode::read_only: return O_RDONLY | O_CLOEXEC;
    case OpenMode::read_write:
    case OpenMode::read_write_uncached: return O_RDWR | O_CLOEXEC;
    case OpenMode::create_new: return O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL;
    case OpenMode::open_or_create: return O_RDWR | O_CLOEXEC | O_CREAT;
  }
  return O_RDONLY | O_CLOEXEC;
}

Result<Descriptor> open_descriptor(const std::string& path, int flags, std::uint32_t permissions) {
  for (;;) {
    Descriptor descriptor(::open(path.c_str(), flags, static_cast<mode_t>(permissions)));
    if (descriptor.is_open()) return descriptor;
    if (errno != EINTR) return std::unexpected(file_error(errno, "open", path));
  }
}

Result<void> create_directories_now(const std::string& path) {
  constexpr mode_t directory_permissions = 0750;  // what is stored is nobody else's business
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), directory_permissions) != 0 && errno != EEXIST) {
      return std::unexpected(file_error(errno, "mkdir", part));
    }
    if (end == std::string::npos) break;
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(file_error(errno, "stat", path));
  if (!S_ISDIR(status.st_mode)) return std::unexpected(file_error(ENOTDIR, "mkdir", path));
  return {};
}

Result<std::vector<std::string>> list_now(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return std::unexpected(file_error(error.value(), "list", path));
  std::ranges::sort(names);
  return names;
}

Result<FileStatus> status_now(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(file_error(errno, "stat", path));
  const std::int64_t modified_ms = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000;
  return FileStatus{.size_bytes = static_cast<std::uint64_t>(status.st_size),
                    .modified = wall_time_ms(modified_ms),
                    .permissions = static_cast<std::uint32_t>(status.st_mode & 0777),
                    .is_directory = S_ISDIR(status.st_mode)};
}

Result<void> sync_directory_now(const std::string& path) {
  WEIR_TRY(const Descriptor directory, open_descriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (::fsync(directory.get()) != 0) return std::unexpected(file_error(errno, "fsync", path));
  return {};
}

Result<DiskSpace> space_now(const std::string& path) {
  struct statvfs space{};
  if (::statvfs(path.c_str(), &space) != 0) return std::unexpected(file_error(errno, "statvfs", path));
  return DiskSpace{.total_bytes = space.f_blocks * space.f_frsize, .available_bytes = space.f_bavail * space.f_frsize};
}

Result<Descriptor> lock_now(const std::string& path) {
  WEIR_TRY(Descriptor descriptor, open_descriptor(path, open_flags(OpenMode::open_or_create), 0640));
  while (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(ErrorCode::conflict, "lock " + path + ": another process holds it");
    if (errno != EINTR) return std::unexpected(file_error(errno, "flock", path));
  }
  return descriptor;
}

}  // namespace

Task<Result<std::unique_ptr<File>>> RealFileSystem::open(std::string path, OpenMode mode, std::uint32_t permissions) {
  Result<Descriptor> opened;
  co_await core_.blocking([&] { opened = open_descriptor(path, open_flags(mode), permissions); });
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  co_return std::make_unique<RealFile>(core_, std::move(*opened), std::move(path),
                                       mode == OpenMode::read_write_uncached);
}

Task<Result<void>> RealFileSystem::create_directories(std::string path) {
  Result<void> result;
  co_await core_.blocking([&] { result = create_directories_now(path); });
  co_return result;
}

Task<Result<std::vector<std::string>>> RealFileSystem::list(std::string path) {
  Result<std::vector<std::string>> result;
  co_await core_.blocking([&] { result = list_now(path); });
  co_return result;
}

Task<Result<FileStatus>> RealFileSystem::status(std::string path) {
  Result<FileStatus> result;
  co_await core_.blocking([&] { result = status_now(path); });
  co_return result;
}

Task<Result<void>> RealFileSystem::rename(std::string from, std::string to) {
  Result<void> result;
  co_await core_.blocking([&] {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      result = std::unexpected(file_error(errno, "rename", from + " to " + to));
    }
  });
  co_return result;
}

Task<Result<void>> RealFileSystem::remove(std::string path) {
  Result<void> result;
  co_await core_.blocking([&] {
    if (std::remove(path.c_str()) != 0) result = std::unexpected(file_error(errno, "remove", path));
  });
  co_return result;
}

Task<Result<void>> RealFileSystem::sync_directory(std::string path) {
  Result<void> result;
  co_await core_.blocking([&] { result = sync_directory_now(path); });
  co_return result;
}

Task<Result<DiskSpace>> RealFileSystem::space(std::string path) {
  Result<DiskSpace> result;
  co_await core_.blocking([&] { result = space_now(path); });
  co_return result;
}

Task<Result<std::unique_ptr<FileLock>>> RealFileSystem::lock(std::string path) {
  Result<Descriptor> locked;
  co_await core_.blocking([&] { locked = lock_now(path); });
  if (!locked) co_return std::unexpected(std::move(locked.error()));
  co_return std::make_unique<RealFileLock>(core_, std::move(*locked));
}

}  // namespace weir::env::real
