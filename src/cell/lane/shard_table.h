// ShardTable: the shards of one lane, as the shard map names them, with what the lane keeps in memory for each.
//
// Threading: the lane's core.
#pragma once

#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "base/time.h"
#include "cell/lane/shard_budget.h"
#include "directory/map/shard_map.h"
#include "directory/shard_closer.h"
#include "journal/journal.h"
#include "model/pace.h"
#include "model/rate_window.h"

namespace weir::cell {

struct ShardState {
  std::optional<WallTime> closed;    // by the map: for good
  std::optional<WallTime> closing;   // by close_shard(): until the map says so, too, or reopen_shard()
  directory::ShardOrder last_order;  // that was followed
  milliseconds retention{};
  RecordIndex next;  // the lowest number that no record was given
  WallTime last_arrival = WallTime::min();
  model::RateWindow writes;
  std::unique_ptr<model::Pace> pace;  // of writes, when something was asked in vain lately
  model::RateWindow reads;            // records: calls
  model::CallRate iterators;
  bool read_in_flight = false;  // while rates are enforced: the cost of a read is known only at its end

  [[nodiscard]] bool takes_records() const noexcept { return !closed.has_value() && !closing.has_value(); }
};

class ShardTable {
 public:
  // `budget`, of which every shard in the table takes its part, outlives the table; null: as many as come.
  ShardTable(LaneId lane, ShardBudget* budget) noexcept : lane_(lane), budget_(budget) {}
  ShardTable(const ShardTable&) = delete;
  ShardTable& operator=(const ShardTable&) = delete;
  ~ShardTable() { clear(); }

  // Makes the table that of `map`: adds the lane's new shards (going on where `journal` left off), closes those that
  // the map closes, forgets those that it no longer has. Looks only at streams that changed since the last map, unless
  // some shards did not fit into the budget then. An older map than the last is passed over.
  void apply(const directory::ShardMap& map, const journal::Journal& journal);
  // Whether there has been a map yet.
  [[nodiscard]] bool is_filled() const noexcept { return version_.has_value(); }

  // Null when the lane does not have the shard. The state stays where it is until apply() forgets the shard: look it up
  // again after every co_await.
  [[nodiscard]] ShardState* find(ShardKey key) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return shards_.size(); }

  // How many shards of the lane the budget had no room for, and whether `key` is one of them. Their records are kept.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  [[nodiscard]] bool is_refused(ShardKey key) const noexcept {
    return find_in_map(key) != nullptr && !shards_.contains(key);
  }
  // Forgets every shard.
  void clear() noexcept;

  // Gives back the memory of shards that have had no traffic for a while.
  void release_idle(MonotonicTime now);

  // What journal::RetentionView::keep_from() answers at the time `now`.
  [[nodiscard]] WallTime keep_from(ShardKey key, WallTime now) const noexcept;

 private:
  void update(const directory::Stream& stream, const journal::Journal& journal);
  void forget_missing(const directory::Stream& before, const directory::Stream* after);

  void erase(ShardKey key) noexcept;
  // The shard's stream, when the last map has the shard on this lane.
  [[nodiscard]] const directory::Stream* find_in_map(ShardKey key) const noexcept;

  LaneId lane_;
  ShardBudget* budget_;
  std::uint64_t refused_ = 0;
  std::optional<std::uint64_t> version_;
  absl::flat_hash_map<StreamId, std::shared_ptr<const directory::Stream>> streams_;
  absl::flat_hash_map<ShardKey, std::unique_ptr<ShardState>> shards_;
};

}  // namespace weir::cell
