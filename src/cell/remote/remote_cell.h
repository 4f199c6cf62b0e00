// RemoteCell: the lanes of all cells, wherever their nodes are, over RPC. See NodeRouter for who is asked and what is
// tried again, and AppendGatherer for how appends share requests.
//
// What a shard's lane throttled is refused here for as long as the lane said that it would refuse it, without asking;
// of what may fit in part, only that part is sent.
//
// Every core has connections, queues and a map of its own; cores share nothing.
//
// Threading: CellClient's functions are for any core, everything else for the home core.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "base/result.h"
#include "cell/cell_client.h"
#include "cell/lane/append_gatherer.h"
#include "cell/lane/throttle.h"
#include "cell/remote/node_router.h"
#include "cell/remote/remote_cell_settings.h"
#include "directory/directory.h"
#include "env/core.h"
#include "env/runtime.h"
#include "env/task.h"
#include "net/rpc_connection.h"

namespace weir::cell {

class RemoteCell final : public CellClient, public directory::MapListener, public directory::ShardCloser {
 public:
  // Knows no owner before the first apply(). `home` is a core of `runtime`; what is passed by reference outlives the
  // cell.
  RemoteCell(env::Runtime& runtime, env::Core& home, net::ConnectToPeer connect, const RemoteCellSettings& settings,
             RemoteCellMetrics& metrics);
  ~RemoteCell() override;  // after stop()

  // Refuses what comes from now on, breaks what is under way, closes every connection. Returns when all calls have been
  // answered. Once.
  [[nodiscard]] env::Task<void> stop();

  [[nodiscard]] std::size_t may_take(env::Core& caller, ShardKey shard,
                                     std::span<const std::uint64_t> record_bytes) override;
  // CellClient. A lane that cannot be reached is `unavailable` when nothing was done, `failed` when that is not known;
  // what was appended then may be there or not, and is never sent twice.
  [[nodiscard]] env::Task<std::vector<AppendReply>> append(env::Core& caller, LaneId lane,
                                                           std::vector<AppendRequest> requests) override;
  [[nodiscard]] env::Task<ReadReply> read(env::Core& caller, LaneId lane, journal::ReadRequest request) override;
  [[nodiscard]] env::Task<LocateReply> locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from,
                                              WallTime time) override;

  // MapListener: returns when every core sends to the owners that `map` names.
  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override;
  // ShardCloser.
  [[nodiscard]] env::Task<Result<directory::ShardClosing>> close_shard(LaneId lane, ShardKey shard,
                                                                       directory::ShardOrder order) override;
  [[nodiscard]] env::Task<void> reopen_shard(LaneId lane, ShardKey shard, directory::ShardOrder order) override;

 private:
  struct PerCore {
    PerCore(env::Core& on, const net::ConnectToPeer& connect, const RemoteCellSettings& settings,
            RemoteCellMetrics& metrics)
        : core(on), router(on, connect, settings, metrics), appends(on, router, settings, metrics) {}
    env::Core& core;
    NodeRouter router;
    AppendGatherer appends;
    ShardThrottles throttles;
    absl::flat_hash_map<std::uint32_t, std::uint64_t> reads;  // under way, by cell
  };
  class ReadGuard;

  [[nodiscard]] std::size_t may_take(PerCore& own, ShardKey shard, std::span<const std::uint64_t> record_bytes);
  [[nodiscard]] std::vector<bool> throttle_early(PerCore& own, std::vector<AppendRequest>& requests);
  [[nodiscard]] env::Task<void> reserve_room(PerCore& own, LaneId lane, std::vector<AppendRequest>& requests,
                                             std::vector<bool>& refused);
  [[nodiscard]] PerCore& of(const env::Core& core) noexcept { return *cores_[core.index()]; }
  [[nodiscard]] MonotonicTime deadline(const env::Core& core) const noexcept {
    return core.now() + settings_.timeout.get();
  }

  env::Core& home_;
  const net::ConnectToPeer connect_;
  const RemoteCellSettings& settings_;
  RemoteCellMetrics& metrics_;
  std::vector<std::unique_ptr<PerCore>> cores_;  // by index
};

}  // namespace weir::cell
