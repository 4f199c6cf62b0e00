// LocalCell: a cell within the process. Its lanes are spread over the cores of one runtime; calls go to the lane's core
// and come back.
//
// Threading: CellClient's functions are for any core, everything else for the home core, on which the cell was opened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "cell/cell_client.h"
#include "cell/lane.h"
#include "cell/lane_access.h"
#include "cell/metrics.h"
#include "cell/settings.h"
#include "directory/directory.h"
#include "env/runtime.h"
#include "journal/metrics.h"
#include "journal/settings.h"

namespace weir::cell {

// What all cells of a process share; outlives them.
struct CellContext {
  const CellSettings& settings;
  const journal::JournalSettings& journal_settings;
  CellMetrics& metrics;  // of as many lanes as the cell has
  journal::JournalMetrics& journal_metrics;
};

class LocalCell final : public CellClient, public directory::MapListener, public directory::ShardCloser {
 public:
  // Claims and recovers `lanes` lanes (fix_lane_count), all at once; lane i lives on core i modulo the runtime's cores.
  // Every shard is not_mine until the first apply(). `home` is a core of `runtime`, the one that calls. Errors:
  // that of the first lane that does not open, naming it; nothing stays open then.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<LocalCell>>> open(env::Runtime& runtime, env::Core& home,
                                                                          std::uint32_t lanes, LaneAccess access,
                                                                          const CellContext& context);
  ~LocalCell() override;  // after stop()

  [[nodiscard]] std::uint32_t lane_count() const noexcept { return static_cast<std::uint32_t>(lanes_.size()); }

  // Refuses what comes from now on (unavailable), makes what was accepted durable, answers it, closes the journals.
  // Once.
  [[nodiscard]] env::Task<void> stop();

  // CellClient. A lane number that the cell does not have is not_mine.
  [[nodiscard]] env::Task<std::vector<AppendReply>> append(env::Core& caller, LaneId lane,
                                                           std::vector<AppendRequest> requests) override;
  [[nodiscard]] env::Task<ReadReply> read(env::Core& caller, LaneId lane, journal::ReadRequest request) override;
  [[nodiscard]] env::Task<LocateReply> locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from,
                                              WallTime time) override;

  // MapListener: returns when every lane has taken its shards from `map`.
  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override;
  // ShardCloser: Lane::close_shard and reopen_shard.
  [[nodiscard]] env::Task<Result<WallTime>> close_shard(LaneId lane, ShardKey shard) override;
  [[nodiscard]] env::Task<void> reopen_shard(LaneId lane, ShardKey shard) override;

  // Trims every lane now, one after the other, instead of waiting for its interval. For tests and operators.
  [[nodiscard]] env::Task<Result<void>> trim();

 private:
  LocalCell(env::Core& home, const CellContext& context, std::uint32_t lanes)
      : home_(home), context_(context), lanes_(lanes) {}
  [[nodiscard]] env::Task<void> open_lane(env::Core& core, LaneId id, Epoch epoch, const LaneAccess& access,
                                          Result<void>& outcome);
  [[nodiscard]] env::Task<void> stop_lane(Lane& lane);
  [[nodiscard]] static env::Task<std::vector<AppendReply>> refuse_unknown_lane(std::vector<AppendRequest> requests);
  [[nodiscard]] Lane* find(LaneId lane) noexcept {
    return lane.value < lanes_.size() ? lanes_[lane.value].get() : nullptr;
  }

  env::Core& home_;
  const CellContext context_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // by id
};

}  // namespace weir::cell
