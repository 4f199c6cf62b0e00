// A lane over a real journal on a simulated disk, and short ways to use it in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/metrics.h"
#include "cell/lane/lane.h"
#include "directory/map/shard_map_builder.h"
#include "env/event.h"
#include "env/sim/simulation.h"
#include "env/task_group.h"
#include "journal/file_segment_store.h"
#include "journal/journal.h"

namespace weir::cell {

// Asserts inside coroutines: gtest's ASSERT_ returns, which a coroutine cannot.
template <class T>
T must(Result<T> result) {
  WEIR_ASSERT_NOTE(result.has_value(), result.has_value() ? "" : result.error().message.c_str());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Passes everything on to a journal, but can hold commits back at the door and remembers what was committed.
class GatedJournal final : public journal::Journal {
 public:
  GatedJournal(env::Core& core, std::unique_ptr<journal::Journal> inner) : inner_(std::move(inner)), gate_(core) {}

  void hold() noexcept { held_ = true; }
  void release() {
    held_ = false;
    gate_.notify_all();
  }
  [[nodiscard]] std::uint32_t commits_in_flight() const noexcept { return in_flight_; }
  // Fragments in each commit so far.
  [[nodiscard]] const std::vector<std::size_t>& commits() const noexcept { return commits_; }

  [[nodiscard]] env::Task<Result<void>> commit(std::vector<journal::Fragment> fragments) override {
    WEIR_ASSERT(in_flight_ == 0);
    ++in_flight_;
    commits_.push_back(fragments.size());
    while (held_) co_await gate_.wait();
    auto result = co_await inner_->commit(std::move(fragments));
    --in_flight_;
    co_return result;
  }
  [[nodiscard]] env::Task<Result<void>> recover() override { return inner_->recover(); }
  [[nodiscard]] env::Task<Result<journal::ReadResult>> read(journal::ReadRequest request) override {
    return inner_->read(request);
  }
  [[nodiscard]] std::optional<journal::ShardBounds> bounds(ShardKey shard) const override {
    return inner_->bounds(shard);
  }
  [[nodiscard]] env::Task<Result<RecordIndex>> find_arrival(ShardKey shard, WallTime time) override {
    return inner_->find_arrival(shard, time);
  }
  [[nodiscard]] env::Task<Result<journal::TrimReport>> trim(const journal::RetentionView& retention) override {
    return inner_->trim(retention);
  }
  [[nodiscard]] journal::JournalStatistics statistics() const noexcept override { return inner_->statistics(); }
  [[nodiscard]] env::Task<void> close() override { return inner_->close(); }

 private:
  std::unique_ptr<journal::Journal> inner_;
  env::Event gate_;
  bool held_ = false;
  std::uint32_t in_flight_ = 0;
  std::vector<std::size_t> commits_;
};

inline constexpr LaneId test_lane{0};
inline constexpr ShardKey first_shard{StreamId{1}, ShardIndex{0}};
inline constexpr ShardKey second_shard{StreamId{1}, ShardIndex{1}};

// What the tests say of the stream that they use: one stream, its shards all on test_lane.
struct StreamSketch {
  StreamId id{1};
  std::uint32_t shards = 2;
  std::uint32_t retention_hours = 24;
  std::vector<std::pair<ShardIndex, WallTime>> closed;
};

inline directory::ShardMapPointer sketch_map(std::uint64_t version, const std::vector<StreamSketch>& streams) {
  directory::ShardMapBuilder builder;
  for (const StreamSketch& sketch : streams) {
    auto stream = std::make_shared<directory::Stream>();
    stream->id = sketch.id;
    stream->scope = {"000000000000", "us-east-1"};
    stream->name = "stream-" + std::to_string(sketch.id.value);
    stream->status = directory::StreamStatus::active;
    stream->retention_hours = sketch.retention_hours;
    for (std::uint32_t i = 0; i < sketch.shards; ++i) {
      stream->shards.push_back({.index = ShardIndex{i}, .lane = test_lane});
      for (const auto& [index, closed] : sketch.closed) {
        if (index.value == i) stream->shards.back().closed = closed;
      }
    }
    builder.put(std::move(stream));
  }
  return builder.build(version);
}

// Segments so small that tests roll and trim.
inline journal::JournalOptions small_journal(Epoch epoch) {
  return {.lane = test_lane,
          .epoch = epoch,
          .segment_bytes = mebibyte,
          .first_segment_bytes = mebibyte,
          .tail_cache_bytes_max = 256 * kibibyte,
          .footer_cache_bytes_max = mebibyte,
          .space_reserve_bytes = mebibyte};
}

// A lane that serves, with its gate and its metrics. Stop it before it goes.
class TestLane {
 public:
  TestLane(env::Core& core, std::unique_ptr<journal::Journal> inner, LaneOptions options)
      : core_(core), metrics_(registry_, 1) {
    auto gated = std::make_unique<GatedJournal>(core, std::move(inner));
    gate_ = gated.get();
    lane_ = std::make_unique<Lane>(core, std::move(gated), options, metrics_, metrics_.lanes[0]);
    lane_->start();
  }
  Lane* operator->() noexcept { return lane_.get(); }
  Lane& operator*() noexcept { return *lane_; }
  GatedJournal& gate() noexcept { return *gate_; }
  CellMetrics& metrics() noexcept { return metrics_; }
  env::Core& core() noexcept { return core_; }

 private:
  env::Core& core_;
  MetricsRegistry registry_;
  CellMetrics metrics_;
  GatedJournal* gate_ = nullptr;
  std::unique_ptr<Lane> lane_;
};

inline LaneOptions lane_options(std::uint64_t epoch, bool enforce_rates = false) {
  return {.lane = test_lane, .epoch = Epoch{epoch}, .enforce_rates = enforce_rates};
}

// Opens the lane's journal in "lane" under `options.epoch`, and a lane over it.
inline env::Task<std::unique_ptr<TestLane>> open_lane_without_map(
    env::Core& core, LaneOptions options,
    std::shared_ptr<journal::LaneFence> fence = std::make_shared<journal::LaneFence>()) {
  auto store = must(co_await journal::open_file_segment_store(
      core, {.directory = "lane", .lane = test_lane, .epoch = options.epoch, .fence = std::move(fence)}));
  auto journal = must(co_await journal::Journal::open(core, std::move(store), small_journal(options.epoch)));
  co_return std::make_unique<TestLane>(core, std::move(journal), options);
}

// The same with sketch_map(1, {StreamSketch{}}).
inline env::Task<std::unique_ptr<TestLane>> open_lane(
    env::Core& core, LaneOptions options,
    std::shared_ptr<journal::LaneFence> fence = std::make_shared<journal::LaneFence>()) {
  auto lane = co_await open_lane_without_map(core, options, std::move(fence));
  (*lane)->apply(*sketch_map(1, {StreamSketch{}}));
  co_return lane;
}

// A fragment of `count` records of `bytes_each` payload bytes each, all with the data `text` and then dots. The
// partition key is one byte.
inline journal::Fragment make_fragment(ShardKey shard, std::string text, std::uint32_t count = 1,
                                       std::uint64_t bytes_each = 0) {
  if (text.size() + 1 < bytes_each) text.resize(bytes_each - 1, '.');
  journal::FragmentBuilder builder(shard, count, count * (text.size() + 1));
  for (std::uint32_t i = 0; i < count; ++i) builder.add("k", std::nullopt, as_bytes(text));
  return std::move(builder).finish();
}

inline std::vector<AppendRequest> one_request(journal::Fragment fragment) {
  std::vector<AppendRequest> requests;
  requests.push_back({.fragment = std::move(fragment)});
  return requests;
}

inline env::Task<AppendReply> append(TestLane& lane, journal::Fragment fragment) {
  auto replies = co_await lane->append(lane.core(), one_request(std::move(fragment)));
  WEIR_ASSERT(replies.size() == 1);
  co_return std::move(replies.front());
}

// Appends one record with `text` as its data.
inline env::Task<AppendReply> put(TestLane& lane, ShardKey shard, std::string text) {
  return append(lane, make_fragment(shard, std::move(text)));
}

// Starts a put that ends when it ends; the reply appears in `reply`.
inline env::Task<void> put_into(TestLane& lane, ShardKey shard, std::string text, std::optional<AppendReply>& reply) {
  reply = co_await put(lane, shard, std::move(text));
}

// One record as a test sees it.
struct SeenRecord {
  std::uint64_t index = 0;
  WallTime arrival;
  std::string data;
  friend bool operator==(const SeenRecord&, const SeenRecord&) = default;
};

inline void add_records_of(const journal::ReadResult& result, std::vector<SeenRecord>& seen) {
  for (const journal::FragmentSlice& slice : result.slices) {
    std::uint32_t ordinal = 0;
    slice.fragment.for_each([&](const journal::RecordView& record) {
      if (ordinal >= slice.skip) {
        seen.push_back({record.index.value, record.arrival, std::string(as_text(record.data))});
      }
      return ++ordinal < slice.skip + slice.count;
    });
  }
}

// Reads from `from` to the tip. Nothing may refuse: for lanes that do not enforce rates.
inline env::Task<std::vector<SeenRecord>> read_all(Lane& lane, ShardKey shard, RecordIndex from = {}) {
  std::vector<SeenRecord> seen;
  for (;;) {
    const ReadReply reply =
        co_await lane.read({.shard = shard, .from = from, .records_max = 100, .bytes_max = mebibyte});
    WEIR_ASSERT_NOTE(reply.refusal == Refusal::none, reply.reason.c_str());
    add_records_of(reply.result, seen);
    if (reply.result.reached_end) co_return seen;
    WEIR_ASSERT(reply.result.next > from);
    from = reply.result.next;
  }
}

inline std::vector<std::string> data_of(const std::vector<SeenRecord>& records) {
  std::vector<std::string> data;
  for (const SeenRecord& record : records) data.push_back(record.data);
  return data;
}

// Waits, in virtual time, until `condition` holds. The condition is kept in this frame, so it may capture.
inline env::Task<void> wait_until(env::Core& core, std::function<bool()> condition) {
  while (!condition()) co_await core.sleep_for(microseconds(10));
}

}  // namespace weir::cell
