// Files of the operating system. Every call that may block runs on the blocking pool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/file.h"
#include "env/real/core.h"
#include "env/real/descriptor.h"
#include "env/real/direct_writer.h"

namespace weir::env::real {

// Closes `descriptor` on the pool: the last close of a file that was removed may take long. Any thread.
void close_on_pool(RealCore& core, Descriptor descriptor);

class RealFile final : public File {
 public:
  RealFile(RealCore& core, Descriptor descriptor, std::string path, bool writes_directly)
      : core_(core), descriptor_(std::move(descriptor)), path_(std::move(path)), writes_directly_(writes_directly) {}
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile() override;

  [[nodiscard]] Task<Result<std::size_t>> read_at(std::uint64_t offset, MutableBytes out) override;
  [[nodiscard]] Task<Result<void>> write_at(std::uint64_t offset, std::span<const BytesView> parts,
                                            Durability durability) override;
  [[nodiscard]] Task<Result<void>> sync() override;
  [[nodiscard]] Task<Result<std::uint64_t>> size() override;
  [[nodiscard]] Task<Result<void>> truncate(std::uint64_t size) override;

 private:
  [[nodiscard]] std::size_t read_cached(std::uint64_t offset, MutableBytes out) noexcept;
  [[nodiscard]] Result<std::size_t> read_fully(std::uint64_t offset, MutableBytes out) const;
  [[nodiscard]] Result<void> write_fully(std::uint64_t offset, std::span<const BytesView> parts);
  [[nodiscard]] Result<void> sync_data() const;
  [[nodiscard]] Result<void> resize(std::uint64_t size) const;

  RealCore& core_;
  Descriptor descriptor_;
  std::string path_;
  const bool writes_directly_;
  DirectWriter direct_;
  bool reads_cache_ = true;  // until the file system says that it cannot
};

class RealFileSystem final : public FileSystem {
 public:
  explicit RealFileSystem(RealCore& core) noexcept : core_(core) {}

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
  RealCore& core_;
};

}  // namespace weir::env::real
