// DirectWriter: writes whole sectors of a file past the page cache, where the file system can (O_DIRECT; open(2)).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "env/real/descriptor.h"

namespace weir::env::real {

// Of one file, one write at a time, on any thread that may block.
class DirectWriter {
 public:
  // Writes as much of the front of `parts` as can be written so, and returns how many bytes; the rest is for the caller
  // to write through the cache. Nothing can unless `offset` and the length of all parts are multiples of 512.
  // `descriptor` is the file, `path` its name for messages. Errors: as File::write_at.
  [[nodiscard]] Result<std::uint64_t> write(int descriptor, const std::string& path, std::uint64_t offset,
                                            std::span<const BytesView> parts);
  // The descriptor of its own that it may have, to be closed by whoever can wait for that.
  [[nodiscard]] Descriptor release() noexcept { return std::move(direct_); }

 private:
  [[nodiscard]] bool open(int descriptor);

  Descriptor direct_;
  bool is_refused_ = false;  // by the file system, or by the disk, whose sectors are larger
};

}  // namespace weir::env::real
