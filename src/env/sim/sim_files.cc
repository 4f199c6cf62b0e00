#include "env/sim/sim_files.h"

#include <cstring>
#include <utility>

#include "base/crc32c.h"
#include "env/sim/scheduler.h"

namespace weir::env {
namespace {

using Ticket = SimulatedDisk::Ticket;

// Performs one disk operation as code of `core`: waits until it takes effect, lets `act` do it, waits until the caller
// hears of it. When the disk reaches its crash point in `act` the machine dies here.
template <class Act>
auto perform(SimulatedCore& core, DiskOperation operation, std::string path, Act act)
    -> Task<decltype(act(std::declval<const Ticket&>()))> {
  core.check_current();
  SimulatedDisk& disk = core.machine().disk();
  const Ticket ticket = disk.admit(operation, path);
  co_await core.wait_for(ticket.before);
  const std::uint64_t boundary = disk.boundaries_crossed();
  auto result = act(ticket);
  core.scheduler().record(to_string(operation), path, boundary, result.has_value() ? 1 : 0);
  if (disk.crash_reached()) co_await core.machine().stop_here();
  co_await core.wait_for(ticket.after);
  co_return result;
}

class SimulatedFile final : public File {
 public:
  SimulatedFile(SimulatedCore& core, SimulatedDisk::NodeRef node, std::string path, bool writable)
      : core_(core),
        disk_(core.machine().disk()),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable) {}
  ~SimulatedFile() override {
    WEIR_ASSERT_NOTE(calls_in_flight_ == 0, "a file must not go while a call on it is in flight");
    disk_.close(node_);
  }

  Task<Result<std::size_t>> read_at(std::uint64_t offset, MutableBytes out) override {
    ++calls_in_flight_;
    auto result = co_await perform(core_, DiskOperation::read, path_, [this, offset, out](const Ticket& ticket) {
      return disk_.read(ticket, node_, offset, out);
    });
    --calls_in_flight_;
    co_return result;
  }

  Task<Result<void>> write_at(std::uint64_t offset, std::span<const BytesView> parts, Durability durability) override {
    if (!writable_) co_return fail(ErrorCode::io, path_ + ": opened for reading only");
    begin_change();
    // The data is taken when the write happens, not when it is asked for: a caller that changes its buffers meanwhile
    // gets what it would get from a real disk.
    auto result = co_await perform(core_, DiskOperation::write, path_, [this, offset, parts](const Ticket& ticket) {
      const std::vector<std::byte> bytes = join(parts);
      core_.scheduler().record("bytes", path_, offset, (std::uint64_t{crc32c(bytes)} << 32) | bytes.size());
      return disk_.write(ticket, node_, offset, bytes, core_.wall_now());
    });
    if (result && durability == Durability::synced) result = co_await perform_sync();
    end_change();
    co_return result;
  }

  Task<Result<void>> sync() override {
    ++calls_in_flight_;
    auto result = co_await perform_sync();
    --calls_in_flight_;
    co_return result;
  }

  Task<Result<std::uint64_t>> size() override {
    core_.check_current();
    co_return disk_.size(node_);
  }

  Task<Result<void>> truncate(std::uint64_t size) override {
    if (!writable_) co_return fail(ErrorCode::io, path_ + ": opened for reading only");
    begin_change();
    auto result = co_await perform(core_, DiskOperation::truncate, path_, [this, size](const Ticket& ticket) {
      return disk_.truncate(ticket, node_, size, core_.wall_now());
    });
    end_change();
    co_return result;
  }

 private:
  static std::vector<std::byte> join(std::span<const BytesView> parts) {
    std::vector<std::byte> bytes;
    std::size_t total = 0;
    for (const BytesView part : parts) total += part.size();
    bytes.reserve(total);
    for (const BytesView part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
  }
  [[nodiscard]] Task<Result<void>> perform_sync() {
    return perform(core_, DiskOperation::sync, path_,
                   [this](const Ticket& ticket) { return disk_.sync(ticket, node_); });
  }
  void begin_change() {
    WEIR_ASSERT_NOTE(!changing_, "writes to one file go one after the other");
    changing_ = true;
    ++calls_in_flight_;
  }
  void end_change() {
    changing_ = false;
    --calls_in_flight_;
  }

  SimulatedCore& core_;
  SimulatedDisk& disk_;
  SimulatedDisk::NodeRef node_;
  std::string path_;
  bool writable_;
  bool changing_ = false;
  std::uint32_t calls_in_flight_ = 0;
};

class SimulatedFileLock final : public FileLock {
 public:
  SimulatedFileLock(SimulatedDisk& disk, SimulatedDisk::NodeRef node) : disk_(disk), node_(std::move(node)) {}
  ~SimulatedFileLock() override {
    disk_.unlock(node_);
    disk_.close(node_);
  }

 private:
  SimulatedDisk& disk_;
  SimulatedDisk::NodeRef node_;
};

}  // namespace

Task<Result<SimulatedDisk::NodeRef>> SimulatedFileSystem::open_node(std::string path, OpenMode mode,
                                                                    std::uint32_t permissions) {
  SimulatedDisk& disk = core_.machine().disk();
  const bool may_create = mode == OpenMode::create_new || mode == OpenMode::open_or_create;
  const bool creates = mode == OpenMode::create_new || (may_create && !disk.exists(path));
  co_return co_await perform(core_, creates ? DiskOperation::create : DiskOperation::open, path,
                             [this, &disk, &path, mode, may_create, permissions](const Ticket& ticket) {
                               const bool exists = disk.exists(path);
                               if (mode == OpenMode::create_new || (may_create && !exists)) {
                                 return disk.create(ticket, path, permissions, core_.wall_now());
                               }
                               return disk.open(ticket, path);
                             });
}

Task<Result<std::unique_ptr<File>>> SimulatedFileSystem::open(std::string path, OpenMode mode,
                                                              std::uint32_t permissions) {
  WEIR_CO_TRY(SimulatedDisk::NodeRef node, co_await open_node(path, mode, permissions));
  co_return std::make_unique<SimulatedFile>(core_, std::move(node), path, mode != OpenMode::read_only);
}

Task<Result<void>> SimulatedFileSystem::create_directories(std::string path) {
  SimulatedDisk& disk = core_.machine().disk();
  for (std::size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const std::string directory = path.substr(0, end);
    if (directory == "/" || directory == "." || directory.empty()) continue;
    WEIR_CO_CHECK(
        co_await perform(core_, DiskOperation::create, directory, [this, &disk, &directory](const Ticket& ticket) {
          return disk.create_directory(ticket, directory, core_.wall_now());
        }));
  }
  co_return Result<void>{};
}

Task<Result<std::vector<std::string>>> SimulatedFileSystem::list(std::string path) {
  SimulatedDisk& disk = core_.machine().disk();
  co_return co_await perform(core_, DiskOperation::list, path,
                             [&disk, &path](const Ticket& ticket) { return disk.list(ticket, path); });
}

Task<Result<FileStatus>> SimulatedFileSystem::status(std::string path) {
  SimulatedDisk& disk = core_.machine().disk();
  co_return co_await perform(core_, DiskOperation::list, path,
                             [&disk, &path](const Ticket& ticket) { return disk.status(ticket, path); });
}

Task<Result<void>> SimulatedFileSystem::rename(std::string from, std::string to) {
  SimulatedDisk& disk = core_.machine().disk();
  co_return co_await perform(core_, DiskOperation::rename, from,
                             [&disk, &from, &to](const Ticket& ticket) { return disk.rename(ticket, from, to); });
}

Task<Result<void>> SimulatedFileSystem::remove(std::string path) {
  SimulatedDisk& disk = core_.machine().disk();
  co_return co_await perform(core_, DiskOperation::remove, path,
                             [&disk, &path](const Ticket& ticket) { return disk.remove(ticket, path); });
}

Task<Result<void>> SimulatedFileSystem::sync_directory(std::string path) {
  SimulatedDisk& disk = core_.machine().disk();
  co_return co_await perform(core_, DiskOperation::sync_directory, path,
                             [&disk, &path](const Ticket& ticket) { return disk.sync_directory(ticket, path); });
}

Task<Result<DiskSpace>> SimulatedFileSystem::space(std::string path) {
  SimulatedDisk& disk = core_.machine().disk();
  co_return co_await perform(core_, DiskOperation::list, path,
                             [&disk, &path](const Ticket& ticket) -> Result<DiskSpace> {
                               WEIR_CHECK(disk.status(ticket, path));
                               return disk.space();
                             });
}

Task<Result<std::unique_ptr<FileLock>>> SimulatedFileSystem::lock(std::string path) {
  WEIR_CO_TRY(SimulatedDisk::NodeRef node, co_await open_node(path, OpenMode::open_or_create, 0640));
  SimulatedDisk& disk = core_.machine().disk();
  if (auto locked = disk.lock(node); !locked) {
    disk.close(node);
    co_return std::unexpected(std::move(locked.error()));
  }
  co_return std::make_unique<SimulatedFileLock>(disk, std::move(node));
}

}  // namespace weir::env
