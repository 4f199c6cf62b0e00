#include "net/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/assert.h"

namespace weir::net {

namespace {

std::size_t class_of(std::size_t capacity) noexcept {
  return static_cast<std::size_t>(std::countr_zero(capacity) - std::countr_zero(BufferPool::smallest_bytes));
}

}  // namespace

PooledBuffer::~PooledBuffer() {
  if (data_ != nullptr) pool_->release(data_, capacity_);
}

BufferPool::~BufferPool() {
  for (auto& blocks : free_) {
    for (std::byte* block : blocks) ::operator delete(block);
  }
}

std::size_t BufferPool::capacity_for(std::size_t bytes) noexcept {
  return std::bit_ceil(std::max(bytes, std::size_t{smallest_bytes}));
}

PooledBuffer BufferPool::acquire(std::size_t bytes) {
  const std::size_t capacity = capacity_for(bytes);
  const std::size_t index = class_of(capacity);
  WEIR_ASSERT(index < class_count);
  auto& blocks = free_[index];
  if (blocks.empty()) return PooledBuffer(this, static_cast<std::byte*>(::operator new(capacity)), capacity);
  std::byte* data = blocks.back();
  blocks.pop_back();
  cached_bytes_ -= capacity;
  return PooledBuffer(this, data, capacity);
}

void BufferPool::release(std::byte* data, std::size_t capacity) noexcept {
  if (capacity > cached_bytes_max_ - cached_bytes_) {
    ::operator delete(data);
    return;
  }
  free_[class_of(capacity)].push_back(data);
  cached_bytes_ += capacity;
}

}  // namespace weir::net
