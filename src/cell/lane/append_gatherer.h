// AppendGatherer: gathers the appends of one core, so that a lane gets few requests with many records in each.
//
// Appends are gathered by lane: while one request for a lane is under way, what comes for that lane goes into the next.
// A lane commits one batch at a time anyway, so gathering over lanes would not make its batches larger, but would make
// every lane wait for the slowest. And one request at a time makes the largest ones: two would each carry half, and
// wait for each other's commit at the node. When a lane's owner changes, its requests to the new owner do not wait for
// one that is still with the old.
//
// Threading: its core.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "base/time.h"
#include "cell/cell_client.h"
#include "cell/remote/node_router.h"
#include "cell/remote/remote_cell_settings.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task.h"
#include "env/task_group.h"

namespace weir::cell {

class AppendGatherer {
 public:
  // What is passed by reference outlives the gatherer.
  AppendGatherer(env::Core& core, NodeRouter& router, const RemoteCellSettings& settings, RemoteCellMetrics& metrics);
  AppendGatherer(const AppendGatherer&) = delete;
  AppendGatherer& operator=(const AppendGatherer&) = delete;
  ~AppendGatherer();  // after stop()

  // As CellClient::append. Beyond lane_bytes_max, lane_calls_max or cell_bytes_max: unavailable, nothing was sent. Into
  // an idle cell every call goes. Returns within about three times remote_cell.timeout, whatever happens.
  [[nodiscard]] env::Task<std::vector<AppendReply>> append(LaneId lane, std::vector<AppendRequest> requests);
  // To be called when the router has a new map.
  void owners_changed();

  // Refuses what waits and what comes from now on.
  void begin_stop();
  // Once the router has stopped.
  [[nodiscard]] env::Task<void> stop() { return tasks_.wait(); }

 private:
  // One append() that waits. Lives in its frame.
  struct Call {
    Call(env::Core& core, std::vector<AppendRequest> from_caller)
        : requests(std::move(from_caller)), settled_event(core) {}
    std::vector<AppendRequest> requests;
    std::vector<AppendReply> replies;
    std::uint64_t bytes = 0;
    MonotonicTime deadline;  // to be sent
    bool settled = false;
    env::Event settled_event;
  };
  // Of a lane. Kept for ever: there are as many as lanes in all maps so far.
  struct Queue {
    LaneId lane;
    std::deque<Call*> waiting;
    std::uint64_t bytes = 0;  // waiting or under way
    std::uint64_t calls = 0;
    Epoch epoch;                   // of the owner that the present sender sends to, or a newer one
    std::uint64_t generation = 0;  // of the sender: one that is not of this generation ends
    bool has_sender = false;
  };

  [[nodiscard]] Queue& queue_of(LaneId lane);
  [[nodiscard]] std::uint64_t& cell_bytes(LaneId lane);
  [[nodiscard]] bool has_room(const Queue& queue, std::uint64_t bytes);
  void start_sender(Queue& queue);
  [[nodiscard]] env::Task<void> send_waiting(Queue& queue, std::uint64_t generation);
  [[nodiscard]] env::Task<void> send(Queue& queue, std::vector<Call*> calls);
  [[nodiscard]] std::vector<Call*> take_batch(Queue& queue);
  void settle(Queue& queue, Call& call, std::vector<AppendReply> replies);
  void refuse(Queue& queue, Call& call, Refusal refusal, const std::string& reason);

  env::Core& core_;
  NodeRouter& router_;
  const RemoteCellSettings& settings_;
  RemoteCellMetrics& metrics_;
  absl::flat_hash_map<LaneId, std::unique_ptr<Queue>> queues_;
  absl::flat_hash_map<std::uint32_t, std::uint64_t> cell_bytes_;
  bool stopping_ = false;
  env::TaskGroup tasks_;  // send_waiting()
};

}  // namespace weir::cell
