#include "journal/file_segment_store.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "env/sim/sim_disk.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "journal/format.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

using StorePointer = std::unique_ptr<SegmentStore>;

env::Task<Result<StorePointer>> open_store(env::Core& core, std::uint64_t epoch, std::shared_ptr<LaneFence> fence,
                                           std::uint32_t open_files_max = 64) {
  co_return co_await open_file_segment_store(core, {.directory = "/lane",
                                                    .lane = {3},
                                                    .epoch = {epoch},
                                                    .fence = std::move(fence),
                                                    .open_files_max = open_files_max});
}

std::vector<std::byte> filled(std::size_t length, char value) {
  return std::vector<std::byte>(length, static_cast<std::byte>(value));
}

env::Task<Result<void>> append(SegmentStore& store, SegmentNumber number, std::uint64_t offset, std::string text) {
  const BytesView parts[] = {as_bytes(text)};
  co_return co_await store.append(number, offset, parts);
}

env::Task<std::string> read_text(SegmentStore& store, SegmentNumber number, std::size_t length) {
  std::string text(length, '?');
  const auto got = co_await store.read(number, 0, std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(got.has_value()) << (got ? "" : got.error().message);
  text.resize(got.value_or(0));
  co_return text;
}

TEST(FileSegmentStore, SegmentIsFullOfZerosAndHasItsSizeBeforeItIsUsed) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    auto store = co_await open_store(core, 1, std::make_shared<LaneFence>());
    const auto created = co_await (*store)->create({7}, 10'000);
    EXPECT_TRUE(created.has_value());
    const auto again = co_await (*store)->create({7}, 10'000);
    EXPECT_EQ(again.error().code, ErrorCode::already_exists);
    const auto listed = co_await (*store)->list();
    EXPECT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->at(0).number, SegmentNumber{7});
    EXPECT_EQ(listed->at(0).allocated_bytes, 10'000U);
    const std::string content = co_await read_text(**store, {7}, 20'000);
    EXPECT_EQ(content, std::string(10'000, '\0'));
  });
}

TEST(FileSegmentStore, EpochIsClaimedOnceAndOutlivesTheProcess) {
  env::SimulatedDisk disk({.seed = 1});
  const auto opens = [&disk](std::uint64_t epoch) {
    ErrorCode code{};
    bool opened = false;
    test::run_simulation({.seed = 1, .disk = &disk}, [&](env::Core& core) -> env::Task<void> {
      const auto store = co_await open_store(core, epoch, std::make_shared<LaneFence>());
      opened = store.has_value();
      if (!store) code = store.error().code;
    });
    EXPECT_TRUE(opened || code == ErrorCode::fenced);
    return opened;
  };
  EXPECT_TRUE(opens(5));
  EXPECT_FALSE(opens(5));
  EXPECT_FALSE(opens(4));
  disk.crash(env::CrashMode::power_loss);
  EXPECT_TRUE(opens(6));
  EXPECT_FALSE(opens(5));
}

TEST(FileSegmentStore, DamagedEpochFileIsReported) {
  env::SimulatedDisk disk({.seed = 1});
  const auto open = [&disk](std::uint64_t epoch) {
    Result<void> outcome;
    test::run_simulation({.seed = 1, .disk = &disk}, [&](env::Core& core) -> env::Task<void> {
      const auto store = co_await open_store(core, epoch, std::make_shared<LaneFence>());
      if (!store) outcome = std::unexpected(store.error());
    });
    return outcome;
  };
  ASSERT_TRUE(open(1).has_value());
  const std::string content = *disk.file("/lane/epoch");
  for (std::uint64_t offset = 0; offset < content.size(); ++offset) {
    ASSERT_TRUE(disk.flip_byte("/lane/epoch", offset, std::byte{0x20}));
    const auto opened = open(2);
    ASSERT_FALSE(opened.has_value()) << offset;
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
    ASSERT_TRUE(disk.flip_byte("/lane/epoch", offset, std::byte{0x20}));
  }
  EXPECT_TRUE(open(2).has_value());
}

TEST(FileSegmentStore, OvertakenStoreChangesNothing) {
  test::run_simulation(1, [](env::Core& core) -> env::Task<void> {
    const auto fence = std::make_shared<LaneFence>();
    auto old_store = co_await open_store(core, 1, fence);
    EXPECT_TRUE((co_await (*old_store)->create({1}, 4096)).has_value());
    auto new_store = co_await open_store(core, 2, fence);
    const std::vector<std::byte> bytes = filled(512, 'x');
    const BytesView parts[] = {bytes};
    EXPECT_EQ((co_await (*old_store)->append({1}, 0, parts)).error().code, ErrorCode::fenced);
    EXPECT_EQ((co_await (*old_store)->create({2}, 4096)).error().code, ErrorCode::fenced);
    EXPECT_EQ((co_await (*old_store)->truncate({1}, 512)).error().code, ErrorCode::fenced);
    EXPECT_EQ((co_await (*old_store)->replace({1}, parts)).error().code, ErrorCode::fenced);
    EXPECT_EQ((co_await (*old_store)->remove({1})).error().code, ErrorCode::fenced);
    const auto listed = co_await (*new_store)->list();
    EXPECT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->at(0).allocated_bytes, 4096U);
    const std::string content = co_await read_text(**new_store, {1}, 4096);
    EXPECT_EQ(content, std::string(4096, '\0'));
  });
}

// A file cannot refuse a write that has begun, so the newer owner waits for it: it sees all of it, however it ended,
// and nothing changes any more once the newer store is open.
TEST(FileSegmentStore, NewerStoreOpensOnlyWhenTheWriteUnderWayIsOver) {
  std::uint64_t overlapped = 0;
  test::for_each_seed(1, 100, [&overlapped](std::uint64_t seed) {
    env::SimulatedDisk disk({.seed = seed, .slow_probability = 0.4});
    test::run_simulation({.seed = seed, .disk = &disk}, [&overlapped](env::Core& core) -> env::Task<void> {
      const auto fence = std::make_shared<LaneFence>();
      auto old_store = co_await open_store(core, 1, fence);
      EXPECT_TRUE((co_await (*old_store)->create({1}, 4096)).has_value());
      std::optional<bool> written;
      env::TaskGroup tasks(core);
      tasks.spawn([](SegmentStore& store, std::optional<bool>& done) -> env::Task<void> {
        done = (co_await append(store, {1}, 512, std::string(512, 'x'))).has_value();
      }(**old_store, written));
      if (!written.has_value()) ++overlapped;
      const auto new_store = co_await open_store(core, 2, fence);
      EXPECT_TRUE(new_store.has_value());
      EXPECT_TRUE(written.has_value());
      const std::string content = co_await read_text(**new_store, {1}, 4096);
      if (written.value_or(false)) EXPECT_EQ(content.substr(512, 512), std::string(512, 'x'));
      co_await tasks.wait();
      co_await core.sleep_for(seconds(1));
      const std::string later = co_await read_text(**new_store, {1}, 4096);
      EXPECT_EQ(later, content);
    });
  });
  EXPECT_GT(overlapped, 0U);
}

TEST(FileSegmentStore, OfTwoStoresThatOpenAtOnceTheOlderNeverHasTheLastWord) {
  test::for_each_seed(1, 100, [](std::uint64_t seed) {
    env::SimulatedDisk disk({.seed = seed, .slow_probability = 0.4});
    test::run_simulation({.seed = seed, .disk = &disk}, [](env::Core& core) -> env::Task<void> {
      const auto fence = std::make_shared<LaneFence>();
      std::array<bool, 2> opened{};
      env::TaskGroup tasks(core);
      for (std::uint64_t epoch = 1; epoch <= 2; ++epoch) {
        tasks.spawn(
            [](env::Core& on, std::uint64_t with, std::shared_ptr<LaneFence> under, bool& done) -> env::Task<void> {
              done = (co_await open_store(on, with, std::move(under))).has_value();
            }(core, epoch, fence, opened[epoch - 1]));
      }
      co_await tasks.wait();
      EXPECT_TRUE(opened[1]);
      // A new process, which knows only what the disk says.
      EXPECT_FALSE((co_await open_store(core, 2, std::make_shared<LaneFence>())).has_value());
    });
  });
}

TEST(FileSegmentStore, ReplacedSegmentIsReadAnewWhoeverWasOpeningIt) {
  test::for_each_seed(1, 100, [](std::uint64_t seed) {
    test::run_simulation(seed, [](env::Core& core) -> env::Task<void> {
      auto store = co_await open_store(core, 1, std::make_shared<LaneFence>(), 1);
      for (const std::uint64_t number : {1U, 2U}) EXPECT_TRUE((co_await (*store)->create({number}, 512)).has_value());
      bool done = false;
      env::TaskGroup tasks(core);
      for (int reader = 0; reader < 3; ++reader) {
        tasks.spawn([](SegmentStore& from, const bool& stop, std::uint64_t first) -> env::Task<void> {
          // With room for one open file, each of these opens its file again.
          std::uint64_t i = first;
          while (!stop) {
            const std::string text = co_await read_text(from, {1 + i++ % 2}, 512);
            EXPECT_EQ(text, std::string(512, text.at(0)));  // the old or the new, never a mixture
          }
        }(**store, done, static_cast<std::uint64_t>(reader)));
      }
      for (const char version : {'a', 'b', 'c', 'd'}) {
        const std::vector<std::byte> bytes = filled(512, version);
        const BytesView parts[] = {bytes};
        EXPECT_TRUE((co_await (*store)->replace({1}, parts)).has_value());
        const std::string text = co_await read_text(**store, {1}, 512);
        EXPECT_EQ(text, std::string(512, version));
      }
      done = true;
      co_await tasks.wait();
      const std::string text = co_await read_text(**store, {1}, 512);
      EXPECT_EQ(text, std::string(512, 'd'));
    });
  });
}

TEST(FileSegmentStore, RemovingWhatIsNotThereIsNoErrorAndLeftoversGo) {
  env::SimulatedDisk disk({.seed = 1});
  disk.put_file("/lane/00000000000000000009.segment.preparing", "half of a segment");
  disk.put_file("/lane/somebody's notes", "kept");
  test::run_simulation({.seed = 1, .disk = &disk}, [](env::Core& core) -> env::Task<void> {
    auto store = co_await open_store(core, 1, std::make_shared<LaneFence>());
    EXPECT_TRUE((co_await (*store)->remove({9})).has_value());
    EXPECT_TRUE((co_await (*store)->list())->empty());
  });
  EXPECT_FALSE(disk.file("/lane/00000000000000000009.segment.preparing").has_value());
  EXPECT_TRUE(disk.file("/lane/somebody's notes").has_value());
}

}  // namespace
}  // namespace weir::journal
