// LargeWork: keeps the large requests of one core from standing in the way of the small ones.
//
// To hash, decode or encode a request of megabytes takes the core milliseconds, and a client may send a dozen of them
// at one moment. Each such piece of work waits for its turn; between two turns the core serves everything that is
// ready. Whoever has more than a piece to do takes a turn for each, so that of two requests both go on.
//
// An account whose large requests are over a rate sends them in vain, and what they take of the processor the others
// miss. For some seconds its large requests are hashed and decoded by a thread that gives way to everybody else: they
// wait for a processor that nobody wants, those within the rate among them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "base/time.h"
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
  // How long an account gives way after a large request of it was over a rate.
  static constexpr Duration gives_way_time = seconds(5);
  // Accounts remembered at most; one more is not, and goes on as everybody does.
  static constexpr std::size_t accounts_max = 1'024;

  explicit LargeWork(env::Core& core) noexcept : core_(core), turn_(core) {}

  // Before a piece of large work, which then goes on until the caller next waits for something. First come, first
  // served.
  [[nodiscard]] env::Task<void> turn() {
    co_await turn_.take();
    co_await core_.yield();
    turn_.give_back();  // the next one comes when this piece is done, and lets what is ready go first in its turn
  }

  // A large request of `account` was over a rate, wholly or in part.
  void note_over_rate(const std::string& account);
  [[nodiscard]] bool gives_way(const std::string& account) const;

  // Runs `work`, which only computes, and touches nothing that others touch meanwhile: as a piece of large work on this
  // core, or, of an account that gives way, on the thread for work that may wait.
  template <class Work>
  [[nodiscard]] env::Task<void> run(const std::string& account, Work work) {
    if (gives_way(account)) {
      co_await core_.run_in_background([&work] { work(); });
      co_return;
    }
    co_await turn();
    work();
  }
  // The same for `work` that can be done on pieces of `bytes`, in order.
  template <class Work>
  [[nodiscard]] env::Task<void> run_in_pieces(const std::string& account, BytesView bytes, Work work) {
    while (!bytes.empty()) {
      const BytesView piece = bytes.first(gives_way(account) ? bytes.size() : std::min(bytes.size(), piece_bytes));
      co_await run(account, [&work, piece] { work(piece); });
      bytes = bytes.subspan(piece.size());
    }
  }

 private:
  env::Core& core_;
  env::Turn turn_;
  absl::flat_hash_map<std::string, MonotonicTime> give_way_until_;
};

}  // namespace weir::frontend
