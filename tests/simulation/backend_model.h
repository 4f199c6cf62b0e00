// What the clients of the back end know: what became of every record they sent, and what they have read. From that it
// follows what must be there after a crash, what may be, and what must not.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "journal/journal.h"

namespace weir::simulation {

// A record that was read.
struct ReadRecord {
  RecordIndex index;
  WallTime arrival;
  std::uint64_t id = 0;  // what the data says
};

inline constexpr milliseconds retention = hours(24);

// A record that was sent. Its data names it by its place in the model.
struct SentRecord {
  enum class Fate : std::uint8_t {
    in_flight,
    acknowledged,  // must be there
    in_doubt,      // may be there: the answer was lost, or the commit failed
    refused,       // must not be there
  };
  Fate fate = Fate::in_flight;
  ShardKey shard;
  RecordIndex index;      // once known
  WallTime arrival;       // once known
  bool was_read = false;  // and must be there for that reason
  std::uint64_t data_bytes = 0;
  WallTime latest_clock = wall_time_ms(0);  // that was shown since it was sent

  [[nodiscard]] bool must_be_there() const noexcept { return fate == Fate::acknowledged || was_read; }
  // Whether some clock has put it past its retention.
  [[nodiscard]] bool may_have_expired() const noexcept { return arrival < latest_clock - retention; }
};

// One reader's way along one shard.
struct Walk {
  ShardKey shard;
  RecordIndex start;
  RecordIndex position;
  bool ended = false;  // the reader was told that the shard has nothing more, ever
  std::vector<RecordIndex> seen;
};

class BackendModel {
 public:
  // A new record on its way to `shard`; returns its id.
  std::uint64_t send(ShardKey shard, std::uint64_t data_bytes) {
    records_.push_back({.shard = shard, .data_bytes = data_bytes});
    return records_.size() - 1;
  }
  [[nodiscard]] static std::string data_of(std::uint64_t id, std::uint64_t data_bytes) {
    std::string data = std::to_string(id) + ":";
    if (data.size() < data_bytes) data.resize(data_bytes, static_cast<char>('a' + id % 26));
    return data;
  }

  void acknowledge(std::uint64_t id, RecordIndex index, WallTime arrival) {
    SentRecord& record = records_[id];
    expect(record.fate == SentRecord::Fate::in_flight, "answered twice", id);
    if (record.was_read) expect(record.index == index && record.arrival == arrival, "read as something else", id);
    record.fate = SentRecord::Fate::acknowledged;
    record.index = index;
    record.arrival = arrival;
    ++acknowledged_;
  }
  void refuse(std::uint64_t id, bool in_doubt) {
    expect(in_doubt || !records_[id].was_read, "read and then refused", id);
    records_[id].fate = in_doubt ? SentRecord::Fate::in_doubt : SentRecord::Fate::refused;
  }
  // The process is gone: what was not answered may or may not have happened.
  void lose_answers() {
    for (SentRecord& record : records_) {
      if (record.fate == SentRecord::Fate::in_flight) record.fate = SentRecord::Fate::in_doubt;
    }
  }

  // A clock showed this. To be called before and after every step of a clock.
  void note_clock(WallTime now) {
    for (SentRecord& record : records_) record.latest_clock = std::max(record.latest_clock, now);
  }

  // A reader got `read` from `shard`.
  void saw(ShardKey shard, const ReadRecord& read, std::string_view data) {
    if (read.id >= records_.size()) {
      ADD_FAILURE() << "read a record that nobody sent";
      return;
    }
    SentRecord& record = records_[read.id];
    expect(record.shard == shard, "in another shard", read.id);
    expect(record.fate != SentRecord::Fate::refused, "was refused", read.id);
    expect(data == data_of(read.id, record.data_bytes), "other data", read.id);
    if (record.must_be_there()) {
      expect(record.index == read.index, "under another number", read.id);
      expect(record.arrival == read.arrival, "with another time", read.id);
    }
    record.was_read = true;
    record.index = read.index;
    record.arrival = read.arrival;
  }

  // `all` is everything that the shards hold, each in the order in which it was read. Shards that are not in it are
  // gone for good.
  void check_everything(const std::map<ShardKey, std::vector<ReadRecord>>& all) const {
    std::set<std::uint64_t> found;
    for (const auto& [shard, records] : all) {
      for (std::size_t i = 0; i < records.size(); ++i) {
        expect(found.insert(records[i].id).second, "there twice", records[i].id);
        if (i == 0) continue;
        expect(records[i - 1].index < records[i].index, "numbers do not rise", records[i].id);
        expect(records[i - 1].arrival <= records[i].arrival, "arrival falls", records[i].id);
      }
    }
    for (std::uint64_t id = 0; id < records_.size(); ++id) {
      const SentRecord& record = records_[id];
      if (!record.must_be_there() || record.may_have_expired() || !all.contains(record.shard)) continue;
      expect(found.contains(id), "lost", id);
    }
  }

  // A walk must have met everything between its start and its position, or the end of the shard.
  void check_walk(const Walk& walk) const {
    for (std::size_t i = 1; i < walk.seen.size(); ++i) {
      EXPECT_LT(walk.seen[i - 1], walk.seen[i]) << "a walk went back";
    }
    const std::set<RecordIndex> seen(walk.seen.begin(), walk.seen.end());
    for (std::uint64_t id = 0; id < records_.size(); ++id) {
      const SentRecord& record = records_[id];
      if (record.fate != SentRecord::Fate::acknowledged || record.shard != walk.shard) continue;
      if (record.index < walk.start || record.may_have_expired()) continue;
      if (record.index >= walk.position && !walk.ended) continue;
      expect(seen.contains(record.index), "passed over by a reader", id);
    }
  }

  [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return records_.size(); }

 private:
  void expect(bool holds, std::string_view what, std::uint64_t id) const {
    if (holds) return;
    const SentRecord& record = records_[id];
    ADD_FAILURE() << "record " << id << " of stream " << record.shard.stream.value << " shard "
                  << record.shard.shard.value << ": " << what << " (fate " << static_cast<int>(record.fate)
                  << ", index " << record.index.value << ", was read " << record.was_read << ")";
  }

  std::deque<SentRecord> records_;  // by id
  std::uint64_t acknowledged_ = 0;
};

}  // namespace weir::simulation
