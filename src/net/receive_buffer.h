// ReceiveBuffer: where a connection's bytes arrive, [begin, end) of a pooled block.
#pragma once

#include "net/buffer_pool.h"
#include "net/http.h"
#include "net/memory_budget.h"

namespace weir::net {

// A connection that waits owns only the smallest block; larger ones come from the process's budget. body_padding_bytes
// at the end of the block are never written, so that they may be read behind a body.
class ReceiveBuffer {
 public:
  ReceiveBuffer(BufferPool& pool, MemoryBudget& budget) : pool_(&pool), budget_(budget), block_(pool.acquire(0)) {}

  [[nodiscard]] MutableBytes filled() const noexcept { return {block_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] MutableBytes free_space() const noexcept { return {block_.data() + end_, limit() - end_}; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

  void append(std::size_t bytes) noexcept { end_ += bytes; }  // read into free_space()
  void drop_front(std::size_t bytes) noexcept { begin_ += bytes; }
  void cut_to(std::size_t bytes) noexcept { end_ = begin_ + bytes; }  // keeps the first `bytes` of filled()

  // Makes room for `bytes` in filled() altogether. What is filled may move. False when the budget is used up.
  [[nodiscard]] bool make_room(std::size_t bytes);
  // Whether filled() can hold `bytes` without moving.
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept { return begin_ + bytes <= limit(); }
  // Moves what is filled to the front, into the smallest block that holds it.
  void shrink();
  // The connection goes on on the core of `pool`.
  void move_to(BufferPool& pool) noexcept {
    pool_ = &pool;
    block_.move_to(pool);
  }

 private:
  [[nodiscard]] std::size_t limit() const noexcept { return block_.capacity() - body_padding_bytes; }
  void move_to(PooledBuffer block) noexcept;

  BufferPool* pool_;
  MemoryBudget& budget_;
  MemoryReservation reserved_;
  PooledBuffer block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace weir::net
