// BufferPool: receive buffers of one core, kept between requests so that a large body costs no page faults.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace weir::net {

class BufferPool;

// A block of uninitialised memory that goes back to its pool by itself.
class PooledBuffer {
 public:
  PooledBuffer() = default;
  PooledBuffer(PooledBuffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  PooledBuffer& operator=(PooledBuffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~PooledBuffer();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  // It goes to that pool instead, on its way to another core.
  void move_to(BufferPool& pool) noexcept { pool_ = &pool; }

 private:
  friend class BufferPool;
  PooledBuffer(BufferPool* pool, std::byte* data, std::size_t capacity) noexcept
      : pool_(pool), data_(data), capacity_(capacity) {}
  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
};

// Belongs to one core and outlives its buffers. Keeps at most `cached_bytes_max` of free memory; what is more goes back
// to the system's allocator.
class BufferPool {
 public:
  static constexpr std::size_t smallest_bytes = 4 * kibibyte;

  explicit BufferPool(std::size_t cached_bytes_max) noexcept : cached_bytes_max_(cached_bytes_max) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // A buffer of at least `bytes`: the next power of two, at least smallest_bytes.
  [[nodiscard]] PooledBuffer acquire(std::size_t bytes);
  // The capacity that acquire(bytes) would give.
  [[nodiscard]] static std::size_t capacity_for(std::size_t bytes) noexcept;

 private:
  friend class PooledBuffer;
  static constexpr std::size_t class_count = 24;  // up to 32 GiB, beyond every setting's range
  void release(std::byte* data, std::size_t capacity) noexcept;

  std::size_t cached_bytes_max_;
  std::size_t cached_bytes_ = 0;
  std::array<std::vector<std::byte*>, class_count> free_;
};

}  // namespace weir::net
