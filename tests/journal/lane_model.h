// A client of one journal and what it knows: which records were acknowledged, which it has seen, and which commit was
// in flight when the machine died. It outlives crashes; check() compares a journal with that knowledge.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "env/core.h"
#include "env/sim/seeded_random.h"
#include "gtest/gtest.h"
#include "journal/file_segment_store.h"
#include "journal/fragment.h"
#include "journal/journal.h"

namespace weir::journal {

// Keeps the log out of a test's output, errors that the test provokes included.
class SilentLog final : public LogSink {
 public:
  SilentLog() { set_log_sink(this, nullptr); }
  ~SilentLog() override { set_log_sink(nullptr, nullptr); }
  SilentLog(const SilentLog&) = delete;
  SilentLog& operator=(const SilentLog&) = delete;
  void write(std::string_view) noexcept override {}
};

struct KnownRecord {
  RecordIndex index;
  WallTime arrival;
  std::uint32_t length = 0;
};

inline ShardKey shard_of(std::uint32_t ordinal) { return {StreamId{100 + ordinal / 2}, ShardIndex{ordinal}}; }

// A record's content follows from its place, so that the model need not keep it.
inline std::string key_of(ShardKey shard, RecordIndex index) {
  return "key-" + std::to_string(shard.shard.value) + "-" + std::to_string(index.value % 97);
}
inline std::string data_of(ShardKey shard, RecordIndex index, std::uint32_t length) {
  std::uint64_t state = index.value * 1000003 + shard.shard.value;
  std::string data(length, '\0');
  for (std::size_t at = 0; at < data.size(); at += 8) {
    const std::uint64_t word = env::splitmix64(state);
    std::memcpy(data.data() + at, &word, std::min<std::size_t>(8, data.size() - at));
  }
  return data;
}
inline std::optional<HashKey> hash_of(RecordIndex index) {
  if (index.value % 3 != 0) return {};
  return HashKey{(static_cast<unsigned __int128>(index.value) << 64) | 7};
}

// The fragment that holds `records` (of consecutive numbers).
inline Fragment make_fragment(ShardKey shard, const std::vector<KnownRecord>& records) {
  FragmentBuilder builder(shard, static_cast<std::uint32_t>(records.size()), 0);
  for (const KnownRecord& record : records) {
    const std::string data = data_of(shard, record.index, record.length);
    builder.add(key_of(shard, record.index), hash_of(record.index), as_bytes(data));
  }
  Fragment fragment = std::move(builder).finish();
  fragment.stamp(records.front().index, records.front().arrival);
  return fragment;
}

class LaneModel final : public RetentionView {
 public:
  using Records = std::vector<KnownRecord>;
  using Batch = std::map<ShardKey, Records>;

  LaneModel(std::uint64_t seed, std::uint32_t shards) : random(seed, 0x6c616e65), shard_count(shards) {}

  env::SeededRandom random;
  std::uint32_t shard_count;
  std::uint32_t record_bytes_max = 1500;
  std::string directory = "/lane";
  // Where the segments are; empty: in files in `directory`.
  std::function<env::Task<Result<std::unique_ptr<SegmentStore>>>(env::Core&, Epoch)> open_store;
  Epoch epoch{0};
  JournalOptions options{.segment_bytes = 64 * kibibyte,
                         .first_segment_bytes = 16 * kibibyte,
                         .tail_cache_bytes_max = 24 * kibibyte,
                         .footer_cache_bytes_max = 2 * kibibyte,
                         .space_reserve_bytes = 0};

  std::map<ShardKey, Records> known;  // acknowledged, or seen by a reader
  std::optional<Batch> in_doubt;      // the commit whose outcome is not known
  std::map<ShardKey, WallTime> cut;   // records that arrived before may be gone
  WallTime clock = wall_time_ms(1'000'000);
  std::uint64_t commits = 0;
  std::uint64_t io_errors_max = 0;          // that a read may meet before it succeeds
  std::map<ShardKey, RecordIndex> highest;  // ever given out and not taken back

  [[nodiscard]] WallTime keep_from(ShardKey shard) const override {
    const auto at = cut.find(shard);
    return at == cut.end() ? WallTime::min() : at->second;
  }

  // Opens the lane under the next epoch.
  env::Task<Result<std::unique_ptr<Journal>>> open(env::Core& core) {
    ++epoch.value;
    options.epoch = epoch;
    WEIR_CO_TRY(auto store, co_await (open_store ? open_store(core, epoch) : open_files(core)));
    co_return co_await Journal::open(core, std::move(store), options);
  }

  // One commit of random fragments. False when it failed; `in_doubt` then says what may or may not be there.
  env::Task<bool> commit(Journal& journal) {
    clock += milliseconds(random.below(50));
    Batch batch;
    std::vector<Fragment> fragments;
    const std::uint64_t count = random.between(1, 5);
    for (std::uint64_t i = 0; i < count; ++i) {
      const ShardKey shard = shard_of(static_cast<std::uint32_t>(random.below(shard_count)));
      Records records = next_records(shard, batch[shard]);
      fragments.push_back(make_fragment(shard, records));
      batch[shard].insert(batch[shard].end(), records.begin(), records.end());
    }
    in_doubt = batch;
    const auto done = co_await journal.commit(std::move(fragments));
    if (done) {
      acknowledge();
      ++commits;
      co_return true;
    }
    if (done.error().code == ErrorCode::no_space || done.error().code == ErrorCode::limit_exceeded) in_doubt.reset();
    co_return false;
  }

  // After recover() succeeded: the doubtful commit must never appear.
  void forget_doubtful() { in_doubt.reset(); }

  // Everything known is there, in order, once; the doubtful commit is there whole or not at all. What is seen is known
  // from here on.
  env::Task<void> check(Journal& journal) {
    std::map<ShardKey, Records> found;
    for (std::uint32_t i = 0; i < shard_count; ++i) {
      const ShardKey shard = shard_of(i);
      co_await read_all(journal, shard, found[shard]);
      if (testing::Test::HasFailure()) co_return;
    }
    settle_doubt(found);
    for (const auto& [shard, records] : found) {
      compare(shard, records);
      check_bounds(journal, shard);
      co_await check_arrival(journal, shard);
      if (testing::Test::HasFailure()) co_return;
    }
  }

  // Lets the records of some shards expire, up to now.
  void expire(std::uint64_t modulus) {
    for (std::uint32_t i = 0; i < shard_count; ++i) {
      if (i % modulus == 0) cut[shard_of(i)] = clock + milliseconds(1);
    }
    clock += milliseconds(2);
  }

 private:
  env::Task<Result<std::unique_ptr<SegmentStore>>> open_files(env::Core& core) {
    co_return co_await open_file_segment_store(
        core, {.directory = directory, .lane = options.lane, .epoch = epoch, .open_files_max = 4});
  }

  Records next_records(ShardKey shard, const Records& pending) {
    std::uint64_t next = highest[shard].value + 1;
    if (!pending.empty()) next = pending.back().index.value + 1;
    next += random.below(4);
    Records records(random.between(1, 6));
    for (KnownRecord& record : records) {
      const bool is_large = random.chance(0.02);
      record = {{next++},
                clock,
                static_cast<std::uint32_t>(random.below(is_large ? 20 * record_bytes_max : record_bytes_max))};
    }
    return records;
  }

  void acknowledge() {
    for (auto& [shard, records] : *in_doubt) {
      Records& all = known[shard];
      all.insert(all.end(), records.begin(), records.end());
      highest[shard] = records.back().index;
    }
    in_doubt.reset();
  }

  static bool holds(const Records& records, RecordIndex index) {
    return std::ranges::binary_search(records, index, {}, &KnownRecord::index);
  }

  // Whether the doubtful commit is there; all of it must be, or none.
  void settle_doubt(const std::map<ShardKey, Records>& found) {
    if (!in_doubt) return;
    std::uint64_t present = 0;
    std::uint64_t all = 0;
    for (const auto& [shard, records] : *in_doubt) {
      for (const KnownRecord& record : records) {
        ++all;
        if (holds(found.at(shard), record.index)) ++present;
      }
    }
    EXPECT_TRUE(present == 0 || present == all) << present << " of " << all << " records of one commit are there";
    if (present == 0) {
      in_doubt.reset();
    } else {
      acknowledge();
    }
  }

  void compare(ShardKey shard, const Records& found) {
    Records& all = known[shard];
    const WallTime keep = keep_from(shard);
    // Expired ones may be gone, in any order; what is left is exactly what is known.
    std::erase_if(all, [&](const KnownRecord& record) { return record.arrival < keep && !holds(found, record.index); });
    ASSERT_EQ(all.size(), found.size()) << "shard " << shard.shard.value;
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i].index, found[i].index) << "shard " << shard.shard.value;
      ASSERT_EQ(all[i].arrival, found[i].arrival);
      ASSERT_EQ(all[i].length, found[i].length);
    }
  }

  void check_bounds(Journal& journal, ShardKey shard) {
    const Records& all = known[shard];
    const auto bounds = journal.bounds(shard);
    ASSERT_EQ(bounds.has_value(), !all.empty());
    if (!bounds) return;
    EXPECT_EQ(bounds->first, all.front().index);
    EXPECT_EQ(bounds->last, all.back().index);
    EXPECT_EQ(bounds->first_arrival, all.front().arrival);
    EXPECT_EQ(bounds->last_arrival, all.back().arrival);
  }

  env::Task<void> check_arrival(Journal& journal, ShardKey shard) {
    const Records& all = known[shard];
    if (all.empty()) co_return;
    const WallTime time = all[random.below(all.size())].arrival + milliseconds(random.below(3)) - milliseconds(1);
    auto found = co_await journal.find_arrival(shard, time);
    for (std::uint64_t i = 0; i < io_errors_max && !found && found.error().code == ErrorCode::io; ++i) {
      found = co_await journal.find_arrival(shard, time);
    }
    EXPECT_TRUE(found.has_value());
    if (!found) co_return;
    const auto first = std::ranges::partition_point(all, [&](const KnownRecord& r) { return r.arrival < time; });
    EXPECT_EQ(found->value, first == all.end() ? all.back().index.value + 1 : first->index.value);
  }

  env::Task<void> read_all(Journal& journal, ShardKey shard, Records& out) {
    ReadRequest request{.shard = shard, .from = {0}, .not_before = WallTime::min()};
    std::uint64_t failures = 0;
    for (;;) {
      request.records_max = static_cast<std::uint32_t>(random.between(1, 40));
      request.bytes_max = random.between(1, 20'000);
      auto result = co_await journal.read(request);
      if (!result && result.error().code == ErrorCode::io && ++failures <= io_errors_max) continue;
      EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
      if (!result) co_return;
      EXPECT_LE(result->record_count, request.records_max);
      EXPECT_TRUE(result->record_count > 0 || result->reached_end);
      for (const FragmentSlice& slice : result->slices) take(shard, slice, out);
      if (testing::Test::HasFailure()) co_return;
      request.from = result->next;
      if (result->reached_end) co_return;
    }
  }

  static void take(ShardKey shard, const FragmentSlice& slice, Records& out) {
    std::uint32_t ordinal = 0;
    slice.fragment.for_each([&](const RecordView& record) {
      if (ordinal++ < slice.skip) return true;
      if (ordinal > slice.skip + slice.count) return false;
      EXPECT_TRUE(out.empty() || out.back().index < record.index);
      EXPECT_EQ(record.partition_key, key_of(shard, record.index));
      EXPECT_EQ(record.explicit_hash_key, hash_of(record.index));
      const auto length = static_cast<std::uint32_t>(record.data.size());
      EXPECT_TRUE(as_text(record.data) == data_of(shard, record.index, length));
      out.push_back({record.index, record.arrival, length});
      return true;
    });
    EXPECT_GE(ordinal, slice.skip + slice.count);
  }
};

}  // namespace weir::journal
