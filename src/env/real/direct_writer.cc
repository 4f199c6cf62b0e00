#include "env/real/direct_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "env/real/errors.h"
#include "env/real/gather.h"

namespace weir::env::real {
namespace {

// What nearly every disk takes; one with larger sectors says EINVAL and is written through the cache.
constexpr std::size_t sector_bytes = 512;

// Memory must be aligned, which the callers' parts are not: they are copied. So much goes in one write.
constexpr std::size_t copy_bytes = 512 * kibibyte;
constexpr std::size_t memory_alignment = 4096;

struct alignas(memory_alignment) Copy {
  std::array<std::byte, copy_bytes> bytes;
};

// One for each thread that writes; the threads of the blocking pool are few.
MutableBytes copy_of_this_thread() {
  static thread_local const auto copy = std::make_unique_for_overwrite<Copy>();
  return copy->bytes;
}

// Copies what comes next, as much as there is room for, and returns it.
BytesView copy_next(Gather& gather, MutableBytes room) {
  std::size_t filled = 0;
  while (!gather.done() && filled < room.size()) {
    Gather::Pieces pieces;
    const std::size_t count = gather.next(pieces);
    std::size_t copied = 0;
    for (std::size_t i = 0; i < count && filled < room.size(); ++i) {
      const std::size_t bytes = std::min(pieces[i].iov_len, room.size() - filled);
      std::memcpy(room.data() + filled, pieces[i].iov_base, bytes);
      filled += bytes;
      copied += bytes;
    }
    gather.advance(copied);
  }
  return room.first(filled);
}

}  // namespace

// By the descriptor and not by the path, which may stand for another file by now.
bool DirectWriter::open(int descriptor) {
  if (is_refused_ || direct_.is_open()) return !is_refused_;
  const std::string itself = "/proc/self/fd/" + std::to_string(descriptor);
  direct_ = Descriptor(::open(itself.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC));
  is_refused_ = !direct_.is_open();
  return !is_refused_;
}

Result<std::uint64_t> DirectWriter::write(int descriptor, const std::string& path, std::uint64_t offset,
                                          std::span<const BytesView> parts) {
  std::uint64_t total = 0;
  for (const BytesView part : parts) total += part.size();
  if (total == 0 || (offset | total) % sector_bytes != 0 || !open(descriptor)) return 0;

  Gather gather(parts);
  std::uint64_t done = 0;
  while (done < total) {
    BytesView rest = copy_next(gather, copy_of_this_thread());
    while (!rest.empty()) {
      const ssize_t written = ::pwrite(direct_.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EINVAL) {
        is_refused_ = true;
        return done;
      }
      if (written < 0) return std::unexpected(file_error(errno, "write", path));
      // Of a sector that was written in part, the cache may write all.
      const std::uint64_t whole = static_cast<std::uint64_t>(written) / sector_bytes * sector_bytes;
      if (whole == 0) return done;
      rest = rest.subspan(whole);
      done += whole;
    }
  }
  return done;
}

}  // namespace weir::env::real
