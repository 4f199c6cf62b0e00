// LargeWork: keeps the large requests of one core from standing in the way of the small ones.
//
// To hash, decode or encode a request of megabytes takes the core milliseconds, and a client may send a dozen of them
// at one moment. Each such piece of work waits for its turn; between two turns the core serves everything that is
// ready. Whoever has more than a piece to do takes a turn for each, so that of two requests both go on.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"
#include "env/core.h"
#include "env/task.h"
#include "env/turn.h"

namespace weir::frontend {

// Belongs to one core.
class LargeWork {
 public:
  // Less is done at once. It takes a core tenths of a millisecond.
  [[nodiscard]] static constexpr bool is_large(std::size_t bytes) noexcept { return bytes >= 64 * kibibyte; }
  // What is large is done in pieces of this size, where it can be. To hash one takes a core 0.2 ms; smaller ones cost
  // PutRecords of 700 KB some percent of its rate.
  static constexpr std::size_t piece_bytes = 256 * kibibyte;

  explicit LargeWork(env::Core& core) noexcept : core_(core), turn_(core) {}

  // Before a piece of large work, which then goes on until the caller next waits for something. First come, first
  // served.
  [[nodiscard]] env::Task<void> turn() {
    co_await turn_.take();
    co_await core_.yield();
    turn_.give_back();  // the next one comes when this piece is done, and lets what is ready go first in its turn
  }

  // Calls `work` with pieces of `bytes`, in order.
  template <class Work>
  [[nodiscard]] env::Task<void> run_in_pieces(BytesView bytes, Work work) {
    while (!bytes.empty()) {
      const BytesView piece = bytes.first(std::min(bytes.size(), piece_bytes));
      co_await turn();
      work(piece);
      bytes = bytes.subspan(piece.size());
    }
  }

 private:
  env::Core& core_;
  env::Turn turn_;
};

}  // namespace weir::frontend
