#include "directory/stored_state.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "directory/map/shard_map_builder.h"
#include "directory/stream_change.h"
#include "directory/usage.h"
#include "model/hash_range.h"

namespace weir::directory {
namespace {

constexpr std::uint32_t lane_total = 5;
std::vector<std::uint64_t> no_shards() { return std::vector<std::uint64_t>(lane_total, 0); }
using Entries = std::map<std::string, metastore::KeyValue>;

// The writes of a transaction, made in a plain map.
void apply(Entries& entries, metastore::Revision& revision, const std::vector<metastore::Write>& writes) {
  ++revision;
  for (const auto& write : writes) {
    if (write.value) {
      entries[write.key] = {write.key, *write.value, revision};
    } else {
      entries.erase(write.key);
    }
  }
}

metastore::Snapshot snapshot_of(const Entries& entries, metastore::Revision revision) {
  metastore::Snapshot snapshot{.entries = {}, .revision = revision};
  for (const auto& [key, entry] : entries) snapshot.entries.push_back(entry);
  return snapshot;
}

StreamState new_stream(std::uint64_t id, std::string name, std::uint32_t shards) {
  auto stream = std::make_shared<Stream>();
  stream->id = StreamId{id};
  stream->scope = {"000000000000", "us-east-1"};
  stream->name = std::move(name);
  stream->created = wall_time_ms(1'700'000'000'123);
  stream->tags = {{"team", "a"}, {"empty", ""}, {"not \xff text", "\xc3"}};
  StreamState state;
  state.stream = std::move(stream);
  return begin_change(state, StreamStatus::creating,
                      {wall_time_ms(1'700'000'000'323), milliseconds(200), CreateChange{shards}});
}

bool same_stream(const StreamState& a, const StreamState& b) {
  const Stream& x = *a.stream;
  const Stream& y = *b.stream;
  return x.id == y.id && x.scope == y.scope && x.name == y.name && x.status == y.status && x.mode == y.mode &&
         x.created == y.created && x.retention_hours == y.retention_hours && x.record_bytes_max == y.record_bytes_max &&
         x.shards == y.shards && x.open_by_hash == y.open_by_hash && x.tags == y.tags && a.next_shard == b.next_shard &&
         a.pending == b.pending;
}

// One stream, changed at random, with its stored form kept up by the writes of each change alone.
class Walk {
 public:
  explicit Walk(std::uint32_t shards) : state_(new_stream(1, "walk", shards)) {
    apply(entries_, revision_, initial_writes(lane_total, std::array<std::byte, token_key_bytes>{}));
    auto writes = stream_writes(StreamId{1}, nullptr, &state_);
    writes.push_back(counter_write(2));
    apply(entries_, revision_, writes);
    LanePlacement lanes(LaneId{0}, no_shards());
    store(complete_create(state_, lanes));
  }

  void change(std::uint64_t choice) {
    now_ += milliseconds(choice % 5'000'000);
    const Stream& stream = *state_.stream;
    const std::size_t at = (choice >> 8) % stream.open_by_hash.size();
    const Shard& shard = stream.shards[stream.open_by_hash[at]];
    Usage usage(lane_total);
    usage.add(state_);
    LanePlacement lanes(LaneId{0}, usage.open_shards_of_lane());
    switch (choice % 4) {
      case 0: {
        const HashKey key{shard.first_hash.value + (shard.last_hash.value - shard.first_hash.value) / 2};
        if (!model::can_split_at({shard.first_hash, shard.last_hash}, key)) return;
        begin(SplitChange{shard.index, key});
        return store(complete_split(state_, now_, lanes));
      }
      case 1: {
        if (at + 1 == stream.open_by_hash.size()) return;
        begin(MergeChange{stream.shards[stream.open_by_hash[at + 1]].index, shard.index});
        return store(complete_merge(state_, now_, lanes));
      }
      case 2:
        begin(RetentionChange{24 + static_cast<std::uint32_t>(choice >> 32) % 100});
        return store(complete_retention(state_));
      default:
        if (has_expired_shards(stream, now_)) store(without_expired_shards(state_, now_));
    }
  }

  [[nodiscard]] const StreamState& state() const { return state_; }
  [[nodiscard]] const Entries& entries() const { return entries_; }
  [[nodiscard]] Result<StoredState> decode() const { return decode_state(snapshot_of(entries_, revision_)); }

 private:
  void begin(Change change) { store(begin_change(state_, StreamStatus::updating, {now_, milliseconds(100), change})); }
  void store(StreamState next) {
    apply(entries_, revision_, stream_writes(StreamId{1}, state_.stream.get(), &next));
    state_ = std::move(next);
  }

  Entries entries_;
  metastore::Revision revision_ = 0;
  StreamState state_;
  WallTime now_ = wall_time_ms(1'700'000'001'000);
};

RC_GTEST_PROP(StoredState, TheWritesOfEachChangeKeepTheStoredFormEqualToTheMemory, ()) {
  Walk walk(*rc::gen::element<std::uint32_t>(1, 2, 3, 255, 256, 257));
  for (int i = 0; i < 15; ++i) {
    walk.change(*rc::gen::arbitrary<std::uint64_t>());
    RC_ASSERT(open_shards_tile(*walk.state().stream));
    const auto decoded = walk.decode();
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->streams.size() == 1U);
    RC_ASSERT(same_stream(decoded->streams.at(StreamId{1}), walk.state()));
  }
}

TEST(StoredState, ADeletedStreamLeavesNothingBehind) {
  Entries entries;
  metastore::Revision revision = 0;
  apply(entries, revision, initial_writes(lane_total, std::array<std::byte, token_key_bytes>{}));
  const Entries empty = entries;
  StreamState state = new_stream(1, "gone", 1000);
  LanePlacement lanes(LaneId{0}, no_shards());
  state = complete_create(state, lanes);
  apply(entries, revision, stream_writes(StreamId{1}, nullptr, &state));
  EXPECT_EQ(entries.size(), empty.size() + 5);  // the stream and four chunks
  apply(entries, revision, stream_writes(StreamId{1}, state.stream.get(), nullptr));
  EXPECT_EQ(entries.size(), empty.size());
}

TEST(StoredState, AChangeOfOneShardWritesOnlyItsChunks) {
  StreamState before = new_stream(1, "s", 10'000);
  LanePlacement lanes(LaneId{0}, no_shards());
  before = complete_create(before, lanes);
  const Shard& shard = before.stream->shards[5000];
  const HashKey key{shard.first_hash.value + 1000};
  before =
      begin_change(before, StreamStatus::updating, {wall_time_ms(0), milliseconds(0), SplitChange{shard.index, key}});
  const StreamState after = complete_split(before, wall_time_ms(1'700'000'100'000), lanes);
  EXPECT_EQ(stream_writes(StreamId{1}, before.stream.get(), &after).size(), 3U);  // stream, parent's, children's
}

TEST(StoredState, AnEmptyStoreIsNotInitialized) { EXPECT_FALSE(decode_state({}).value().initialized); }

TEST(StoredState, ANewerFormatIsRefused) {
  Entries entries;
  metastore::Revision revision = 0;
  apply(entries, revision, initial_writes(1, std::array<std::byte, token_key_bytes>{}));
  std::string& value = entries.at(format_key()).value;
  ASSERT_EQ(value[0], '\x08');  // field 1, the version
  value[1] = 2;
  EXPECT_EQ(decode_state(snapshot_of(entries, revision)).error().code, ErrorCode::unsupported);
}

TEST(StoredState, AMissingEntryIsNoticed) {
  Walk walk(600);
  for (std::uint64_t choice = 0; choice < 8; ++choice) walk.change(choice * 0x1234567);
  ASSERT_GE(walk.entries().size(), 5U);
  for (const auto& [key, entry] : walk.entries()) {
    Entries entries = walk.entries();
    entries.erase(key);
    const auto decoded = decode_state(snapshot_of(entries, 1000));
    ASSERT_FALSE(decoded.has_value()) << key;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupt);
  }
}

// What was changed behind the checksums of the metastore may be wrong, but must not crash or make a map with holes.
RC_GTEST_PROP(StoredState, ChangedBytesAreRefusedOrStillMakeAWholeStream, ()) {
  Walk walk(3);
  for (int i = 0; i < 5; ++i) walk.change(*rc::gen::arbitrary<std::uint64_t>());
  Entries entries = walk.entries();
  auto entry = entries.begin();
  std::advance(entry, *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(entries.size())));
  std::string& value = entry->second.value;
  RC_PRE(!value.empty());
  value[*rc::gen::inRange<std::size_t>(0, value.size())] = *rc::gen::arbitrary<char>();
  const auto decoded = decode_state(snapshot_of(entries, 1000));
  if (!decoded) return;
  for (const auto& [id, state] : decoded->streams) {
    RC_ASSERT((state.stream->status == StreamStatus::creating || open_shards_tile(*state.stream)));
  }
}

RC_GTEST_PROP(Usage, IsWhatACountWouldGive, ()) {
  Usage usage(lane_total);
  Walk walk(3);
  usage.add(walk.state());
  for (int i = 0; i < 20; ++i) {
    usage.subtract(walk.state());
    walk.change(*rc::gen::arbitrary<std::uint64_t>());
    usage.add(walk.state());
    const Stream& stream = *walk.state().stream;
    RC_ASSERT(usage.open_shards() == stream.open_shard_count());
    RC_ASSERT(usage.stored_shards() == stream.shards.size());
    RC_ASSERT(usage.of(stream.scope).provisioned_shards == stream.open_shard_count());
    std::uint64_t on_lanes = 0;
    for (const std::uint64_t count : usage.open_shards_of_lane()) on_lanes += count;
    RC_ASSERT(on_lanes == stream.open_shard_count());
  }
  usage.subtract(walk.state());
  RC_ASSERT((usage.streams() == 0U && usage.expected_shards() == 0U && usage.pending_changes() == 0U));
}

TEST(LanePlacement, FillsTheEmptiestLaneFirst) {
  StreamState state = new_stream(1, "s", 7);
  Usage usage(3);
  LanePlacement empty(LaneId{0}, usage.open_shards_of_lane());
  state = complete_create(state, empty);
  std::vector<std::uint64_t> counts(3, 0);
  for (const Shard& shard : state.stream->shards) ++counts[shard.lane.value];
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{3, 2, 2}));
  usage.add(state);
  LanePlacement next(LaneId{0}, usage.open_shards_of_lane());
  EXPECT_EQ(next.place(), LaneId{1});
  EXPECT_EQ(next.place(), LaneId{2});
  EXPECT_EQ(next.place(), LaneId{0});
}

TEST(Lineage, ChildrenAreCreatedAfterTheirParentsInWholeSeconds) {
  const auto at_ms = [](std::int64_t ms) { return wall_time_ms(ms); };
  EXPECT_EQ(child_creation_time(at_ms(5'000), at_ms(9'999)), at_ms(10'000));
  EXPECT_EQ(child_creation_time(at_ms(5'000), at_ms(10'000)), at_ms(11'000));
  // Split again within the second, or with the clock set back: still later than the parent.
  EXPECT_EQ(child_creation_time(at_ms(11'000), at_ms(10'500)), at_ms(12'000));
  EXPECT_EQ(child_creation_time(at_ms(11'000), at_ms(1'000)), at_ms(12'000));
}

}  // namespace
}  // namespace weir::directory
