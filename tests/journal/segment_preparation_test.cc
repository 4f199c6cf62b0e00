// Segments are prepared beside the commits, never in their way.
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "journal/journal.h"
#include "tests/journal/lane_model.h"
#include "tests/journal/memory_segment_store.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

// Preparing one step takes a second.
class SlowToPrepare final : public MemorySegmentStore {
 public:
  SlowToPrepare(env::Core& core, Segments& segments) : MemorySegmentStore(segments), core_(core) {}
  env::Task<Result<void>> prepare(SegmentNumber /*number*/, std::uint64_t /*offset*/,
                                  std::uint64_t /*bytes*/) override {
    co_await core_.sleep_for(seconds(1));
    co_return Result<void>{};
  }

 private:
  env::Core& core_;
};

constexpr std::uint64_t segments_filled = 5;

TEST(SegmentPreparation, AFastWriterWaitsForNoSegmentToBePreparedWhole) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    MemorySegmentStore::Segments segments;
    auto journal = co_await Journal::open(core, std::make_unique<SlowToPrepare>(core, segments),
                                          {.lane = {1},
                                           .epoch = {1},
                                           .segment_bytes = 64 * mebibyte,
                                           .first_segment_bytes = 64 * mebibyte,
                                           .space_reserve_bytes = 0});
    EXPECT_TRUE(journal.has_value());
    const MonotonicTime began = core.now();
    for (std::uint64_t i = 1; i <= segments_filled * 8; ++i) {
      std::vector<Fragment> batch;
      batch.push_back(make_fragment(shard_of(0), {{{i}, wall_time_ms(1), 8 * mebibyte}}));
      EXPECT_TRUE(co_await (*journal)->commit(std::move(batch)));
    }
    // One step at the most for each, of the 32 that a whole segment takes.
    EXPECT_LE(core.now() - began, seconds(segments_filled + 1));
    EXPECT_GE(segments.size(), segments_filled);
    co_await (*journal)->close();
  });
}

}  // namespace
}  // namespace weir::journal
