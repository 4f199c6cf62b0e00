// NodeCell: the lanes of a cell that this node owns now. Lanes come and go while it serves; a lane that another owner
// has taken leaves by itself. Lane n lives on core (n modulo lanes_max) modulo the runtime's cores, wherever it came
// from, so that every core knows where to ask.
//
// Threading: CellClient's functions and enter_lane() are for any core, everything else for the home core.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "cell/cell_client.h"
#include "cell/lane/lane.h"
#include "cell/lane/lane_access.h"
#include "cell/lane/lane_count.h"
#include "cell/lane/shard_budget.h"
#include "cell/metrics.h"
#include "cell/remote/rpc.h"
#include "cell/settings.h"
#include "directory/directory.h"
#include "env/event.h"
#include "env/runtime.h"
#include "env/task_group.h"
#include "journal/metrics.h"
#include "journal/settings.h"

namespace weir::cell {

// What all cells of a process share; outlives them.
struct CellContext {
  const CellSettings& settings;
  const journal::JournalSettings& journal_settings;
  CellMetrics& metrics;  // of as many lanes as the cell may hold
  journal::JournalMetrics& journal_metrics;
};

struct NodeCellOptions {
  std::uint32_t cell = 0;  // number of the cell: its lanes are cell * lanes_max and the lanes_max - 1 that follow
  // Whether maps say who owns a lane, and under which epoch, as those of a fleet do. A lane then serves only from a map
  // that was made after its epoch was claimed: an older one may have shards open that were closed before the claim.
  bool maps_name_owners = true;
  // Told, on the home core, of every lane that another owner took; the lane has left by then. May be empty.
  std::function<void(LaneId, Epoch)> on_fenced;
};

// What a node says of itself, of constant size whatever it holds.
struct NodeStatus {
  std::uint64_t lanes_held = 0;      // bit i: lane i of the cell
  std::uint64_t lanes_changing = 0;  // being taken or given up
  std::uint64_t shards = 0;
  std::uint64_t shards_refused = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t accepted_bytes = 0;  // by all lanes since the start
  std::uint64_t map_version = 0;     // 0: none yet
};

class NodeCell : public CellClient, public directory::MapListener, public directory::ShardCloser {
 public:
  // Holds no lane yet. `home` is a core of `runtime`, the calling one; what is passed by reference outlives the cell.
  NodeCell(env::Runtime& runtime, env::Core& home, LaneAccess access, const CellContext& context,
           NodeCellOptions options);
  ~NodeCell() override;  // after stop()

  // Claims the lane's epoch, opens and recovers its journal, and serves it. Calls for the lane that come meanwhile wait
  // (enter_lane). Errors: invalid_argument for a lane that is not the cell's; already_exists when it is held; conflict
  // while it is being taken or given up; limit_exceeded at cell.lanes_held_max; unavailable while the cell stops; those
  // of the claim, the store and the journal.
  [[nodiscard]] env::Task<Result<void>> take(LaneId lane);
  // Refuses the lane's calls from now on (not_mine), makes what was accepted durable, answers it, closes the journal.
  // Waits for a take() under way. A lane that is not held is no error.
  [[nodiscard]] env::Task<void> give_up(LaneId lane);
  // Gives up every lane; calls from now on are `unavailable`. Returns when no lane and no task is left. Once.
  [[nodiscard]] env::Task<void> stop();

  [[nodiscard]] NodeStatus status() const noexcept;
  // Of every lane held, by lane: asks the cores.
  [[nodiscard]] env::Task<std::vector<LaneReport>> reports();

  // For callers in other processes: goes to the lane's core and returns there, with the lane, or with the reason why it
  // does not serve this caller. Waits until `deadline` at most, for the node's map when the caller's is newer and that
  // may make a difference, and for the lane while it is being taken. `shards`: what the call is about; lives until the
  // task ends.
  [[nodiscard]] env::Task<std::expected<std::shared_ptr<Lane>, LaneRefusal>> enter_lane(
      CallHeader caller, std::span<const ShardKey> shards, MonotonicTime deadline);

  // CellClient. A lane that the node does not hold is not_mine.
  [[nodiscard]] env::Task<std::vector<AppendReply>> append(env::Core& caller, LaneId lane,
                                                           std::vector<AppendRequest> requests) override;
  [[nodiscard]] env::Task<ReadReply> read(env::Core& caller, LaneId lane, journal::ReadRequest request) override;
  [[nodiscard]] env::Task<LocateReply> locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from,
                                              WallTime time) override;

  // MapListener: returns when every lane has taken its shards from `map`. A map older than the last is passed over.
  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override;
  // ShardCloser: Lane::close_shard and reopen_shard.
  [[nodiscard]] env::Task<Result<directory::ShardClosing>> close_shard(LaneId lane, ShardKey shard,
                                                                       directory::ShardOrder order) override;
  [[nodiscard]] env::Task<void> reopen_shard(LaneId lane, ShardKey shard, directory::ShardOrder order) override;

  // Trims every lane now, one after the other, instead of waiting for its interval. For tests and operators.
  [[nodiscard]] env::Task<Result<void>> trim();

 private:
  // What one core knows. Only that core touches it.
  struct CoreState {
    explicit CoreState(env::Core& on) : core(on), changed(on) {}
    env::Core& core;
    std::array<std::shared_ptr<Lane>, lanes_max> lanes;  // those held that live here
    std::bitset<lanes_max> taking;
    directory::ShardMapPointer map;
    bool stopping = false;
    env::Event changed;  // any of these
  };
  enum class Phase : std::uint8_t { absent, taking, held, leaving };
  // What the home core knows of a lane.
  struct Slot {
    explicit Slot(env::Core& home) : changed(home) {}
    Phase phase = Phase::absent;
    std::shared_ptr<Lane> lane;
    env::Event changed;
  };

  [[nodiscard]] LaneId lane_at(std::size_t index) const noexcept {
    return LaneId{options_.cell * lanes_max + static_cast<std::uint32_t>(index)};
  }
  [[nodiscard]] bool is_of_cell(LaneId lane) const noexcept {
    return lane.value / lanes_max == options_.cell && lane.value % lanes_max < context_.metrics.lanes.size();
  }
  // Of a lane of the cell.
  [[nodiscard]] static std::size_t index_of(LaneId lane) noexcept { return lane.value % lanes_max; }
  [[nodiscard]] CoreState& state_of(std::size_t index) const noexcept { return *cores_[index % cores_.size()]; }

  [[nodiscard]] Result<void> check_take(LaneId lane) const;
  void enter_phase(Slot& slot, Phase phase);
  [[nodiscard]] env::Task<void> set_taking(std::size_t index, bool taking);
  [[nodiscard]] env::Task<Result<void>> open(LaneId lane);
  [[nodiscard]] env::Task<Result<std::unique_ptr<Lane>>> open_on(env::Core& core, LaneId lane, Epoch epoch);
  [[nodiscard]] env::Task<void> leave(std::size_t index);
  [[nodiscard]] env::Task<void> watch(std::size_t index, std::shared_ptr<Lane> lane);
  // Lets the lane take its shards from its core's map, if that is not too old for it.
  void apply_map(const CoreState& state, Lane& lane, std::size_t index) const;
  [[nodiscard]] env::Task<void> readmit_shards();
  // Goes to the lane's core; null when it is not held.
  [[nodiscard]] env::Task<std::shared_ptr<Lane>> enter_held(LaneId lane);
  [[nodiscard]] LaneRefusal refuse(const CoreState& state, std::size_t index) const;

  env::Core& home_;
  const LaneAccess access_;
  const CellContext context_;
  const NodeCellOptions options_;
  std::vector<std::unique_ptr<CoreState>> cores_;
  std::vector<std::unique_ptr<Slot>> slots_;  // by index within the cell
  ShardBudget shard_budget_;
  std::uint64_t map_version_ = 0;
  bool stopping_ = false;
  env::TaskGroup tasks_;  // watch()
};

}  // namespace weir::cell
