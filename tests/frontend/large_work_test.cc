#include "frontend/large_work.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "env/runtime.h"
#include "env/task_group.h"

namespace weir::frontend {
namespace {

// Three pieces of large work, one after the other.
env::Task<void> large_request(LargeWork& work, std::string& log) {
  for (int piece = 0; piece < 3; ++piece) {
    co_await work.turn();
    log += 'L';
  }
}

// Something small that is ready again at once, whenever the core gets to it.
env::Task<void> small_requests(env::Core& core, std::string& log, std::size_t enough) {
  while (log.size() < enough) {
    log += 's';
    co_await core.yield();
  }
}

env::Task<int> many_at_one_moment(env::Core& core, std::string& log) {
  LargeWork work(core);
  env::TaskGroup tasks(core);
  tasks.spawn(small_requests(core, log, 200));
  for (int i = 0; i < 12; ++i) tasks.spawn(large_request(work, log));
  co_await tasks.wait();
  co_return 0;
}

TEST(LargeWork, BetweenTwoPiecesOfItTheCoreServesWhatIsReady) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  std::string log;
  ASSERT_EQ(runtime->run([&] { return many_at_one_moment(runtime->core(0), log); }), 0);
  EXPECT_EQ(std::ranges::count(log, 'L'), 36) << log;
  EXPECT_EQ(log.find("LL"), std::string::npos) << log;
}

env::Task<void> named_request(LargeWork& work, std::string& log, char name) {
  co_await work.turn();
  log += name;
  co_await work.turn();
  log += name;
}

env::Task<int> in_order(env::Core& core, std::string& log) {
  LargeWork work(core);
  env::TaskGroup tasks(core);
  for (const char name : {'a', 'b', 'c'}) tasks.spawn(named_request(work, log, name));
  co_await tasks.wait();
  co_return 0;
}

TEST(LargeWork, GoesFirstComeFirstServed) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  std::string log;
  ASSERT_EQ(runtime->run([&] { return in_order(runtime->core(0), log); }), 0);
  EXPECT_EQ(log, "abcabc");
}

env::Task<int> pieces_of(env::Core& core) {
  LargeWork work(core);
  const std::string bytes(2 * LargeWork::piece_bytes + 1, 'x');
  std::vector<std::size_t> sizes;
  const auto note = [&](BytesView piece) { sizes.push_back(piece.size()); };
  co_await work.run_in_pieces(as_bytes(bytes), note);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{LargeWork::piece_bytes, LargeWork::piece_bytes, 1}));
  sizes.clear();
  co_await work.run_in_pieces({}, note);
  EXPECT_TRUE(sizes.empty());
  co_return 0;
}

TEST(LargeWork, IsDoneInPiecesThatAreTheWhole) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  ASSERT_EQ(runtime->run([&] { return pieces_of(runtime->core(0)); }), 0);
}

}  // namespace
}  // namespace weir::frontend
