// The simulated file system of one core: SimulatedDisk's operations with time around them. Only for env/sim.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/file.h"
#include "env/sim/sim_disk.h"

namespace weir::env {

class SimulatedCore;

class SimulatedFileSystem final : public FileSystem {
 public:
  explicit SimulatedFileSystem(SimulatedCore& core) noexcept : core_(core) {}

  [[nodiscard]] Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode,
                                                         std::uint32_t permissions) override;
  [[nodiscard]] Task<Result<void>> create_directories(std::string path) override;
  [[nodiscard]] Task<Result<std::vector<std::string>>> list(std::string path) override;
  [[nodiscard]] Task<Result<FileStatus>> status(std::string path) override;
  [[nodiscard]] Task<Result<void>> rename(std::string from, std::string to) override;
  [[nodiscard]] Task<Result<void>> remove(std::string path) override;
  [[nodiscard]] Task<Result<void>> sync_directory(std::string path) override;
  [[nodiscard]] Task<Result<DiskSpace>> space(std::string path) override;
  [[nodiscard]] Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) override;

 private:
  [[nodiscard]] Task<Result<SimulatedDisk::NodeRef>> open_node(std::string path, OpenMode mode,
                                                               std::uint32_t permissions);
  SimulatedCore& core_;
};

}  // namespace weir::env
