// The journal on RADOS objects, against a pool in memory that loses answers and lets writes happen late.
#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/journal/lane_model.h"
#include "tests/journal/memory_object_pool.h"
#include "tests/journal/rados_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

// Until it succeeds: a segment whose removal failed may come back with the next opening, which the model does not know.
env::Task<void> trim(MemoryObjectPool& pool, LaneModel& model, Journal& journal) {
  const double fault_chance = pool.fault_chance;
  for (int attempt = 0;; ++attempt) {
    if (attempt == 20) pool.fault_chance = 0;
    const auto report = co_await journal.trim(model);
    if (report) break;
    EXPECT_LE(attempt, 20) << report.error().message;
    if (attempt > 20) break;
  }
  pool.fault_chance = fault_chance;
}

// Random commits, reads, trims and reopenings while the pool loses requests and answers.
env::Task<void> live(env::Core& core, MemoryObjectPool& pool, LaneModel& model, std::uint64_t steps) {
  std::unique_ptr<Journal> journal;
  for (std::uint64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
    if (!journal) {
      auto opened = co_await model.open(core);
      if (!opened) {
        EXPECT_EQ(opened.error().code, ErrorCode::io) << opened.error().message;
        continue;
      }
      journal = std::move(*opened);
      co_await model.check(*journal);
    }
    const std::uint64_t choice = model.random.below(100);
    if (choice < 75) {
      if (!co_await model.commit(*journal)) {
        const auto recovered = co_await journal->recover();
        if (recovered) {
          model.forget_doubtful();
        } else {
          co_await journal->close();
          journal.reset();  // what is in doubt is settled by the next opening
        }
      }
    } else if (choice < 85) {
      co_await model.check(*journal);
    } else if (choice < 93) {
      model.expire(model.random.between(1, 3));
      co_await trim(pool, model, *journal);
    } else {
      co_await journal->close();
      journal.reset();
    }
  }
  if (journal) co_await journal->close();
}

TEST(RadosJournal, HoldsWhatAMapHoldsWhateverTheClusterLoses) {
  const SilentLog silent;
  test::for_each_seed(1, 30, [](std::uint64_t seed) {
    LaneModel model(seed, 1 + static_cast<std::uint32_t>(seed % 7));
    test::run_simulation(seed, [&model, seed](env::Core& core) -> env::Task<void> {
      MemoryObjectPool pool(core, seed);
      pool.fault_chance = std::array{0.0, 0.02, 0.3}[seed % 3];
      model.open_store = [&pool](env::Core& on, Epoch epoch) { return open_rados(on, pool, epoch.value); };
      co_await live(core, pool, model, 300);
      co_await pool.wait();
      pool.fault_chance = 0;
      auto journal = co_await model.open(core);
      EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
      if (!journal) co_return;
      co_await model.check(**journal);
      co_await (*journal)->close();
    });
  });
}

// An owner of one lane among several: commits to a shard of its own until it is told that it is fenced.
struct Owner {
  std::vector<std::uint64_t> acknowledged;
  bool is_fenced = false;
};

env::Task<void> own(env::Core& core, MemoryObjectPool& pool, std::uint64_t epoch, Owner& owner) {
  JournalOptions options{
      .lane = {3}, .epoch = {epoch}, .segment_bytes = 16 * kibibyte, .first_segment_bytes = 4 * kibibyte};
  options.space_reserve_bytes = 0;
  auto store = co_await open_rados(core, pool, epoch);
  if (!store) co_return;
  auto journal = co_await Journal::open(core, std::move(*store), options);
  if (!journal) co_return;
  std::uint64_t failures = 0;
  for (std::uint64_t index = 1; !owner.is_fenced && failures < 20; ++index) {
    std::vector<Fragment> fragments;
    fragments.push_back(make_fragment(shard_of(static_cast<std::uint32_t>(epoch)), {{{index}, wall_time_ms(1), 300}}));
    auto done = co_await (*journal)->commit(std::move(fragments));
    if (done) {
      owner.acknowledged.push_back(index);
      continue;
    }
    done = co_await (*journal)->recover();
    failures = done ? 0 : failures + 1;
    owner.is_fenced = !done && done.error().code == ErrorCode::fenced;
  }
  co_await (*journal)->close();
}

env::Task<std::vector<std::uint64_t>> stored_by(Journal& journal, std::uint64_t epoch) {
  std::vector<std::uint64_t> indexes;
  ReadRequest request{.shard = shard_of(static_cast<std::uint32_t>(epoch)), .not_before = WallTime::min()};
  request.records_max = 100;
  request.bytes_max = mebibyte;
  for (bool is_end = false; !is_end;) {
    const auto result = co_await journal.read(request);
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    if (!result) break;
    for (const FragmentSlice& slice : result->slices) {
      for (std::uint32_t i = 0; i < slice.count; ++i) {
        indexes.push_back(slice.fragment.first_index().value + slice.skip + i);
      }
    }
    request.from = result->next;
    is_end = result->reached_end;
  }
  co_return indexes;
}

TEST(RadosJournal, OwnersThatOvertakeEachOtherLoseNothingAcknowledged) {
  const SilentLog silent;
  test::for_each_seed(1, 20, [](std::uint64_t seed) {
    test::run_simulation(seed, [seed](env::Core& core) -> env::Task<void> {
      constexpr std::uint64_t owners = 5;
      MemoryObjectPool pool(core, seed);
      pool.fault_chance = seed % 2 == 0 ? 0.05 : 0;
      std::vector<Owner> all(owners);
      env::SeededRandom random(seed, 7);
      env::TaskGroup tasks(core);
      for (std::uint64_t i = 0; i < owners; ++i) {
        tasks.spawn(own(core, pool, i + 1, all[i]));
        co_await core.sleep_for(milliseconds(random.below(60)));
      }
      // The last one is overtaken by the check.
      pool.fault_chance = 0;
      auto store = co_await open_rados(core, pool, owners + 1);
      EXPECT_TRUE(store.has_value());
      co_await tasks.wait();
      co_await pool.wait();
      JournalOptions options{.lane = {3}, .epoch = {owners + 1}};
      options.space_reserve_bytes = 0;
      auto journal = co_await Journal::open(core, std::move(*store), options);
      EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
      if (!journal) co_return;
      std::size_t found = 0;
      for (std::uint64_t i = 0; i < owners; ++i) {
        EXPECT_TRUE(all[i].is_fenced || all[i].acknowledged.empty());
        const std::vector<std::uint64_t> stored = co_await stored_by(**journal, i + 1);
        EXPECT_TRUE(std::ranges::includes(stored, all[i].acknowledged)) << "owner " << i + 1;
        EXPECT_TRUE(std::ranges::adjacent_find(stored) == stored.end()) << "owner " << i + 1;
        found += all[i].acknowledged.size();
      }
      EXPECT_GT(found, 0U);
      co_await (*journal)->close();
    });
  });
}

}  // namespace
}  // namespace weir::journal
