#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>

#include "env/real/errors.h"
#include "env/real/files.h"
#include "env/real/gather.h"

namespace weir::env::real {
namespace {

// Up to this many bytes are copied out of the page cache on the loop; more would hold it up for longer than the way to
// the pool and back takes.
constexpr std::size_t cached_read_bytes_max = 256 * kibibyte;

// Closes a descriptor on the pool and ends itself.
class CloseJob final : public BlockingJob {
 public:
  explicit CloseJob(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  void run() noexcept override { delete this; }

 private:
  Descriptor descriptor_;
};

}  // namespace

void close_on_pool(RealCore& core, Descriptor descriptor) {
  if (descriptor.is_open()) core.pool().submit(*new CloseJob(std::move(descriptor)));
}

RealFile::~RealFile() {
  close_on_pool(core_, direct_.release());
  close_on_pool(core_, std::move(descriptor_));
}

// Reads what the page cache holds from `offset` on, without ever waiting for the disk. Returns how many bytes.
std::size_t RealFile::read_cached(std::uint64_t offset, MutableBytes out) noexcept {
  if (!reads_cache_ || out.size() > cached_read_bytes_max) return 0;
  const iovec piece{out.data(), out.size()};
  const ssize_t got = ::preadv2(descriptor_.get(), &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (got > 0) return static_cast<std::size_t>(got);
  if (got < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)) reads_cache_ = false;
  return 0;
}

Result<std::size_t> RealFile::read_fully(std::uint64_t offset, MutableBytes out) const {
  std::size_t total = 0;
  while (total < out.size()) {
    const ssize_t got =
        ::pread(descriptor_.get(), out.data() + total, out.size() - total, static_cast<off_t>(offset + total));
    if (got == 0) break;
    if (got > 0) {
      total += static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      return std::unexpected(file_error(errno, "read", path_));
    }
  }
  return total;
}

Task<Result<std::size_t>> RealFile::read_at(std::uint64_t offset, MutableBytes out) {
  const std::size_t cached = read_cached(offset, out);
  if (cached == out.size()) co_return cached;
  // What the cache held ends before a gap or the end of the file; only a read that may wait can tell.
  Result<std::size_t> rest = 0;
  co_await core_.blocking([&] { rest = read_fully(offset + cached, out.subspan(cached)); });
  if (rest) *rest += cached;
  co_return rest;
}

Result<void> RealFile::write_fully(std::uint64_t offset, std::span<const BytesView> parts) {
  Gather gather(parts);
  if (writes_directly_) {
    WEIR_TRY(const std::uint64_t written, direct_.write(descriptor_.get(), path_, offset, parts));
    gather.advance(written);
    offset += written;
  }
  Gather::Pieces pieces;
  while (!gather.done()) {
    const int count = static_cast<int>(gather.next(pieces));
    const ssize_t written = ::pwritev(descriptor_.get(), pieces.data(), count, static_cast<off_t>(offset));
    if (written > 0) {
      gather.advance(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    } else if (written == 0) {
      return fail(ErrorCode::io, "write " + path_ + ": the system wrote nothing");
    } else if (errno != EINTR) {
      return std::unexpected(file_error(errno, "write", path_));
    }
  }
  return {};
}

// EINTR is no exception here: a sync that did not succeed leaves the state of the pages in doubt.
Result<void> RealFile::sync_data() const {
  if (::fdatasync(descriptor_.get()) != 0) return std::unexpected(file_error(errno, "fdatasync", path_));
  return {};
}

Task<Result<void>> RealFile::write_at(std::uint64_t offset, std::span<const BytesView> parts, Durability durability) {
  Result<void> result;
  co_await core_.blocking([&] {
    result = write_fully(offset, parts);
    if (result && durability == Durability::synced) result = sync_data();
  });
  co_return result;
}

Task<Result<void>> RealFile::sync() {
  Result<void> result;
  co_await core_.blocking([&] { result = sync_data(); });
  co_return result;
}

Task<Result<std::uint64_t>> RealFile::size() {
  Result<std::uint64_t> result = 0;
  co_await core_.blocking([&] {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) {
      result = std::unexpected(file_error(errno, "fstat", path_));
    } else {
      result = static_cast<std::uint64_t>(status.st_size);
    }
  });
  co_return result;
}

Result<void> RealFile::resize(std::uint64_t size) const {
  struct stat status{};
  if (::fstat(descriptor_.get(), &status) != 0) return std::unexpected(file_error(errno, "fstat", path_));
  const off_t from = status.st_size;
  const off_t to = static_cast<off_t>(size);
  if (to > from) {
    int failed = EINTR;
    while (failed == EINTR) failed = ::fallocate(descriptor_.get(), 0, from, to - from) == 0 ? 0 : errno;
    if (failed == 0) return {};
    // Some file systems cannot reserve space; there the file only gets its size.
    if (failed != EOPNOTSUPP) return std::unexpected(file_error(failed, "fallocate", path_));
  }
  while (::ftruncate(descriptor_.get(), to) != 0) {
    if (errno != EINTR) return std::unexpected(file_error(errno, "truncate", path_));
  }
  return {};
}

Task<Result<void>> RealFile::truncate(std::uint64_t size) {
  Result<void> result;
  co_await core_.blocking([&] { result = resize(size); });
  co_return result;
}

}  // namespace weir::env::real
