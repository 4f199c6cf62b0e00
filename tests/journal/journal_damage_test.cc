// Invariant 5: a corrupt byte is never returned, and damage to one place does not hide what lies in others.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/log.h"
#include "env/sim/sim_disk.h"
#include "gtest/gtest.h"
#include "journal/inspect.h"
#include "journal/journal.h"
#include "tests/journal/lane_model.h"
#include "tests/journal/memory_segment_store.h"
#include "tests/journal/segment_builder.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

using Lane = std::map<std::string, std::string>;  // files by path

// A lane with some sealed segments and an open one, as a killed process leaves it.
Lane build_lane(LaneModel& model) {
  env::SimulatedDisk disk({.seed = 1});
  test::run_simulation({.seed = 1, .disk = &disk}, [&model](env::Core& core) -> env::Task<void> {
    auto journal = co_await model.open(core);
    EXPECT_TRUE(journal.has_value());
    for (int i = 0; i < 60; ++i) {
      const bool committed = co_await model.commit(**journal);
      EXPECT_TRUE(committed);
    }
    co_await (*journal)->close();
  });
  Lane files;
  for (const std::string& path : disk.file_paths()) files[path] = *disk.file(path);
  return files;
}

// The records that a reader would miss without being told, because their batch cannot be told from a torn write or from
// batches whose contents nobody knows any more (docs/format.md, "What cannot be told").
struct Blind {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
std::vector<Blind> blind_spots(const std::string& segment) {
  SegmentBytes source(as_bytes(segment));
  std::vector<Blind> spots;
  std::uint64_t last_end = 0;
  std::uint64_t last_begin = 0;
  const auto found = run_now(inspect_segment(source, [&](const ScannedBatch& batch) {
    spots.push_back({batch.offset, batch.offset + batch.header.header_bytes});
    last_begin = batch.offset;
    last_end = batch.offset + batch.header.total_bytes;
  }));
  EXPECT_TRUE(found.has_value());
  if (found->is_sealed) return {};
  spots.push_back({last_begin, last_end});
  return spots;
}

enum class Answer : std::uint8_t { right, corrupt, silent };

env::Task<Answer> ask_for(Journal& journal, ShardKey shard, KnownRecord record) {
  const auto result = co_await journal.read(
      {.shard = shard, .from = record.index, .not_before = WallTime::min(), .records_max = 1, .bytes_max = 1});
  if (!result) {
    EXPECT_EQ(result.error().code, ErrorCode::corrupt) << result.error().message;
    co_return Answer::corrupt;
  }
  Answer answer = Answer::silent;
  for (const FragmentSlice& slice : result->slices) {
    std::uint32_t ordinal = 0;
    slice.fragment.for_each([&](const RecordView& found) {
      if (ordinal++ < slice.skip) return true;
      if (found.index == record.index) answer = Answer::right;
      EXPECT_EQ(found.partition_key, key_of(shard, found.index));
      EXPECT_TRUE(as_text(found.data) == data_of(shard, found.index, static_cast<std::uint32_t>(found.data.size())));
      return false;
    });
  }
  co_return answer;
}

struct Tally {
  std::uint64_t right = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t silent = 0;
};

env::Task<void> ask_for_all(env::Core& core, LaneModel& model, Tally& tally) {
  auto journal = co_await model.open(core);
  EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
  if (!journal) co_return;
  for (const auto& [shard, records] : model.known) {
    for (const KnownRecord& record : records) {
      const Answer answer = co_await ask_for(**journal, shard, record);
      if (answer == Answer::right) ++tally.right;
      if (answer == Answer::corrupt) ++tally.corrupt;
      if (answer == Answer::silent) ++tally.silent;
    }
  }
  co_await (*journal)->close();
}

TEST(JournalDamage, AChangedByteAnywhereIsNeverReturned) {
  const SilentLog silent;
  LaneModel model(7, 3);
  model.record_bytes_max = 300;
  model.options.segment_bytes = 16 * kibibyte;
  model.options.first_segment_bytes = 8 * kibibyte;
  const Lane files = build_lane(model);
  std::uint64_t records = 0;
  for (const auto& [shard, all] : model.known) records += all.size();
  env::SeededRandom random(11);
  std::uint64_t damaged_runs = 0;
  for (const auto& [path, content] : files) {
    if (!path.ends_with(".segment")) continue;
    const std::vector<Blind> blind = blind_spots(content);
    for (std::uint64_t offset = 0; offset < content.size(); offset += random.between(1, 2400)) {
      env::SimulatedDisk disk({.seed = offset});
      for (const auto& [other, bytes] : files) disk.put_file(other, bytes);
      ASSERT_TRUE(disk.flip_byte(path, offset, std::byte{0x40}) || content[offset] == 0);
      LaneModel reader(model);
      Tally tally;
      test::run_simulation({.seed = offset, .disk = &disk},
                           [&](env::Core& core) { return ask_for_all(core, reader, tally); });
      EXPECT_EQ(tally.right + tally.corrupt + tally.silent, records);
      const bool may_be_silent =
          std::ranges::any_of(blind, [offset](const Blind& spot) { return offset >= spot.begin && offset < spot.end; });
      EXPECT_TRUE(tally.silent == 0 || may_be_silent) << path << " byte " << offset;
      // One bad byte costs one batch, or one extent list, at most.
      EXPECT_GT(tally.right, records / 2) << path << " byte " << offset;
      if (tally.corrupt > 0) ++damaged_runs;
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(damaged_runs, 3U);
}

// --- Segments built by hand.

using Records = std::vector<std::uint64_t>;

struct Reading {
  Records records;
  std::vector<std::uint64_t> corrupt_at;  // the numbers from which a read failed
};

// Reads shard `ordinal` from number 0 to `end`, going on one number further after every failure.
env::Task<Reading> read_past_damage(Journal& journal, std::uint32_t ordinal, std::uint64_t end) {
  Reading reading;
  ReadRequest request{.shard = {StreamId{1}, ShardIndex{ordinal}}, .from = {0}, .not_before = WallTime::min()};
  request.records_max = 100;
  request.bytes_max = mebibyte;
  while (request.from.value < end) {
    const auto result = co_await journal.read(request);
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::corrupt);
      reading.corrupt_at.push_back(request.from.value);
      ++request.from.value;
      continue;
    }
    for (const FragmentSlice& slice : result->slices) reading.records.push_back(slice.fragment.first_index().value);
    if (result->reached_end) break;
    request.from = result->next;
  }
  co_return reading;
}

// Opens a lane that consists of the given segments and reads one shard.
Reading open_and_read(MemorySegmentStore::Segments& segments, std::uint32_t shard, Epoch epoch = {9}) {
  Reading reading;
  test::run_simulation(1, [&](env::Core& core) -> env::Task<void> {
    auto journal = co_await Journal::open(core, std::make_unique<MemorySegmentStore>(segments),
                                          {.lane = {1}, .epoch = epoch, .space_reserve_bytes = 0});
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
    if (!journal) co_return;
    reading = co_await read_past_damage(**journal, shard, 20);
    co_await (*journal)->close();
  });
  return reading;
}

SegmentHeader header_of(std::uint64_t number, std::uint64_t previous_batch) {
  return {LaneId{1}, SegmentNumber{number}, Epoch{1}, 1000 + number, wall_time_ms(1), previous_batch};
}

TEST(JournalDamage, BatchWithABrokenHeaderInTheMiddleIsAGapThatReadersAreToldOf) {
  const SilentLog silent;
  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1, 2}, 1);
  const std::uint64_t lost = builder.add_batch({1}, 2);
  builder.add_batch({1, 2}, 3);
  builder.add_zeros(4096);
  std::vector<std::byte> bytes = builder.bytes();
  bytes[lost + 20] ^= std::byte{1};
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}};
  for (const std::uint64_t epoch : {2U, 3U}) {  // by scanning, then from the footer that this left
    SCOPED_TRACE(epoch);
    const Reading one = open_and_read(segments, 1, {epoch});
    EXPECT_EQ(one.records, (Records{1, 3}));
    EXPECT_EQ(one.corrupt_at, (Records{2}));
  }
}

TEST(JournalDamage, BatchWithBrokenRecordsInTheMiddleIsReadAsCorrupt) {
  const SilentLog silent;
  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1, 2}, 1);
  const std::uint64_t damaged = builder.add_batch({1, 2}, 2);
  builder.add_batch({1, 2}, 3);
  builder.add_zeros(4096);
  std::vector<std::byte> bytes = builder.bytes();
  bytes[damaged + 64 + 2 * 64 + 70] ^= std::byte{1};  // in the first fragment, shard 1's
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}};
  const Reading one = open_and_read(segments, 1);
  EXPECT_EQ(one.records, (Records{1, 3}));
  EXPECT_EQ(one.corrupt_at, (Records{2}));
}

TEST(JournalDamage, BatchWithBrokenRecordsSparesTheOtherShardsInIt) {
  const SilentLog silent;
  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1, 2}, 1);
  const std::uint64_t damaged = builder.add_batch({1, 2}, 2);
  builder.add_batch({1, 2}, 3);
  std::vector<std::byte> bytes = builder.bytes();
  bytes[damaged + 64 + 2 * 64 + 70] ^= std::byte{1};
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}};
  const Reading two = open_and_read(segments, 2);
  EXPECT_EQ(two.records, (Records{1, 2, 3}));
  EXPECT_TRUE(two.corrupt_at.empty());
}

TEST(JournalDamage, TornLastBatchIsCutOff) {
  const SilentLog silent;
  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1}, 1);
  const std::uint64_t torn = builder.add_batch({1}, 2, 900);
  builder.add_zeros(4096);
  std::vector<std::byte> bytes = builder.bytes();
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(torn) + 512, 512, std::byte{0});
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}};
  const Reading one = open_and_read(segments, 1);
  EXPECT_EQ(one.records, (Records{1}));
  EXPECT_TRUE(one.corrupt_at.empty());
}

// The next segment's header says which batch came last: what a failed commit left behind that does not count, even when
// it is whole; and what is missing before that was acknowledged.
TEST(JournalDamage, BatchesBeyondTheEndThatTheNextSegmentNamesDoNotCount) {
  const SilentLog silent;
  SegmentBuilder first(header_of(1, 0));
  first.add_batch({1}, 1);
  first.add_batch({1}, 2);  // failed to sync, declared void
  first.add_zeros(1024);
  SegmentBuilder second(header_of(2, 1));
  second.add_batch({1}, 3);
  second.add_zeros(1024);
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, first.bytes()}, {SegmentNumber{2}, second.bytes()}};
  const Reading one = open_and_read(segments, 1);
  EXPECT_EQ(one.records, (Records{1, 3}));
  EXPECT_TRUE(one.corrupt_at.empty());
}

TEST(JournalDamage, LostLastBatchOfASegmentThatHasASuccessorIsAGap) {
  const SilentLog silent;
  SegmentBuilder first(header_of(1, 0));
  first.add_batch({1}, 1);
  const std::uint64_t lost = first.add_batch({1}, 2);
  first.add_zeros(1024);
  std::vector<std::byte> bytes = first.bytes();
  bytes[lost] ^= std::byte{1};
  SegmentBuilder second(header_of(2, 2));
  second.add_batch({1}, 3);
  second.add_zeros(1024);
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}, {SegmentNumber{2}, second.bytes()}};
  const Reading one = open_and_read(segments, 1);
  EXPECT_EQ(one.records, (Records{1, 3}));
  EXPECT_EQ(one.corrupt_at, (Records{2}));
}

TEST(JournalDamage, SegmentThatRetentionTookFromTheMiddleIsNoGap) {
  const SilentLog silent;
  SegmentBuilder first(header_of(1, 0));
  first.add_batch({1}, 1);
  first.add_zeros(1024);
  SegmentBuilder third(header_of(3, 7));  // the second held batches 2 to 7
  third.add_batch({1}, 3);
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, first.bytes()}, {SegmentNumber{3}, third.bytes()}};
  const Reading one = open_and_read(segments, 1);
  EXPECT_EQ(one.records, (Records{1, 3}));
  EXPECT_TRUE(one.corrupt_at.empty());
}

TEST(JournalDamage, SegmentWithoutAReadableHeaderIsStillRead) {
  const SilentLog silent;
  for (const bool sealed : {false, true}) {
    SCOPED_TRACE(sealed);
    SegmentBuilder builder(header_of(1, 5));
    builder.add_batch({1}, 1);
    builder.add_batch({1}, 2);
    builder.add_zeros(1024);
    if (sealed) builder.seal();
    std::vector<std::byte> bytes = builder.bytes();
    std::fill_n(bytes.begin(), 512, std::byte{0});
    MemorySegmentStore::Segments segments{{SegmentNumber{1}, bytes}};
    const Reading one = open_and_read(segments, 1);
    EXPECT_EQ(one.records, (Records{1, 2}));
    EXPECT_TRUE(one.corrupt_at.empty());
  }
}

TEST(JournalDamage, SegmentOfWhichNothingIsReadableIsKeptAndToldOf) {
  const SilentLog silent;
  SegmentBuilder first(header_of(1, 0));
  first.add_batch({1}, 1);
  first.seal();
  SegmentBuilder third(header_of(3, 9));
  third.add_batch({1}, 3);
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, first.bytes()},
                                        {SegmentNumber{2}, std::vector<std::byte>(8192, std::byte{0xee})},
                                        {SegmentNumber{3}, third.bytes()}};
  const Reading one = open_and_read(segments, 1);
  EXPECT_EQ(one.records, (Records{1, 3}));
  EXPECT_EQ(one.corrupt_at, (Records{2}));
  EXPECT_TRUE(segments.contains(SegmentNumber{2}));
}

TEST(JournalDamage, SegmentOfAnotherLaneOrAnUnknownVersionIsRefused) {
  const SilentLog silent;
  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1}, 1);
  const auto open = [](MemorySegmentStore::Segments& segments, LaneId lane) {
    MemorySegmentStore store(segments);
    Recovery recovery(store, JournalOptions{.lane = lane, .epoch = {2}});
    return run_now(recovery.run());
  };
  MemorySegmentStore::Segments segments{{SegmentNumber{1}, builder.bytes()}};
  const auto other_lane = open(segments, {2});
  ASSERT_FALSE(other_lane.has_value());
  EXPECT_EQ(other_lane.error().code, ErrorCode::corrupt);
  MemorySegmentStore::Segments renamed{{SegmentNumber{4}, builder.bytes()}};
  EXPECT_FALSE(open(renamed, {1}).has_value());
  std::vector<std::byte> newer = builder.bytes();
  store_le(newer.data() + 8, std::uint32_t{2});
  store_le(newer.data() + 508, crc32c(BytesView(newer).first(508)));
  MemorySegmentStore::Segments unknown{{SegmentNumber{1}, newer}};
  const auto newer_version = open(unknown, {1});
  ASSERT_FALSE(newer_version.has_value());
  EXPECT_EQ(newer_version.error().code, ErrorCode::unsupported);
}

TEST(JournalDamage, InspectTellsAnUnusedSegmentFromOneThatLostItsHeader) {
  const std::vector<std::byte> zeros(64 * 1024);
  SegmentBytes unused(zeros);
  const auto empty = run_now(inspect_segment(unused, {}));
  ASSERT_TRUE(empty.has_value());
  const std::string text = describe_segment(*empty, "x.segment");
  EXPECT_NE(text.find("not written to yet"), std::string::npos) << text;
  EXPECT_EQ(text.find("NO HEADER"), std::string::npos) << text;

  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1}, 1);
  std::vector<std::byte> headless = builder.bytes();
  std::fill_n(headless.begin(), segment_header_bytes, std::byte{0});
  SegmentBytes damaged(headless);
  const auto found = run_now(inspect_segment(damaged, {}));
  ASSERT_TRUE(found.has_value());
  EXPECT_NE(describe_segment(*found, "x.segment").find("NO HEADER"), std::string::npos);
}

TEST(JournalDamage, InspectNamesWhatIsWrong) {
  SegmentBuilder builder(header_of(1, 0));
  builder.add_batch({1, 2}, 1);
  const std::uint64_t lost = builder.add_batch({1}, 2);
  const std::uint64_t damaged = builder.add_batch({2}, 3);
  builder.add_batch({1}, 4);
  std::vector<std::byte> bytes = builder.bytes();
  bytes[lost + 20] ^= std::byte{1};
  bytes[damaged + 150] ^= std::byte{1};
  SegmentBytes source(bytes);
  std::string batches;
  const auto found = run_now(inspect_segment(
      source, [&batches](const ScannedBatch& batch) { batches += describe_batch(batch) + describe_records(batch); }));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->batches, 3U);
  EXPECT_EQ(found->batches_damaged, 1U);
  ASSERT_EQ(found->gaps.size(), 1U);
  EXPECT_EQ(found->gaps[0].offset, lost);
  const std::string text = describe_segment(*found, "x.segment");
  EXPECT_NE(text.find("not sealed"), std::string::npos) << text;
  EXPECT_NE(text.find("DAMAGED BATCHES: 1"), std::string::npos) << text;
  EXPECT_NE(text.find("LOST BATCHES: at byte"), std::string::npos) << text;
  EXPECT_NE(batches.find("batch 3 at byte"), std::string::npos) << batches;
  EXPECT_NE(batches.find("key \"key\" 40 bytes"), std::string::npos) << batches;
}

}  // namespace
}  // namespace weir::journal
