#include "net/receive_buffer.h"

#include <cstring>

namespace weir::net {

namespace {

// The smallest block belongs to the connection and is bounded by the number of connections.
std::size_t budgeted_bytes(std::size_t capacity) noexcept {
  return capacity == BufferPool::smallest_bytes ? 0 : capacity;
}

}  // namespace

bool ReceiveBuffer::make_room(std::size_t bytes) {
  if (has_room(bytes)) return true;
  if (bytes <= limit()) {
    std::memmove(block_.data(), block_.data() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  const std::size_t capacity = BufferPool::capacity_for(bytes + body_padding_bytes);
  if (!reserved_.resize(budget_, budgeted_bytes(capacity))) return false;
  move_to(pool_->acquire(capacity));
  return true;
}

void ReceiveBuffer::shrink() {
  const std::size_t capacity = BufferPool::capacity_for(size() + body_padding_bytes);
  if (capacity < block_.capacity()) {
    move_to(pool_->acquire(capacity));
    // Giving back never fails.
    static_cast<void>(reserved_.resize(budget_, budgeted_bytes(capacity)));
  } else if (begin_ != 0) {
    std::memmove(block_.data(), block_.data() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
}

void ReceiveBuffer::move_to(PooledBuffer block) noexcept {
  std::memcpy(block.data(), block_.data() + begin_, size());
  block_ = std::move(block);
  end_ -= begin_;
  begin_ = 0;
}

}  // namespace weir::net
