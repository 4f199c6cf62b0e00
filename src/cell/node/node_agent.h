// NodeAgent: tells the directory's leader every second that this node is there, and takes and gives up lanes as the
// leader says. When no directory answers the node goes on with the lanes it has: only the engine's fence takes one from
// it (design, section 4).
//
// Threading: the node's home core.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cell/node/node_cell.h"
#include "directory/fleet/fleet_messages.h"
#include "env/core.h"
#include "env/event.h"
#include "env/network.h"
#include "env/task_group.h"

namespace weir::cell {

struct NodeAgentOptions {
  std::string node;
  std::uint32_t cell = 0;
  env::Endpoint endpoint;                       // where front ends reach the node
  std::vector<env::Endpoint> directories;       // at least one
  Duration interval = seconds(1);               // between two beats
  Duration timeout = milliseconds(900);         // for the answer to one
  Duration retry_interval = milliseconds(250);  // after a beat that got no answer ...
  Duration hurry_for = seconds(3);              // ... while the last answer is not older than this
  Duration claim_timeout = seconds(3);
  Duration rate_window = seconds(10);  // over which bytes per second are measured
};

// POSTs `body` to `path` of a directory and returns the body of its answer; any error, or a status other than 200, is
// an error.
using AskDirectory = std::function<env::Task<Result<std::string>>(env::Endpoint, std::string_view path,
                                                                  std::string body, MonotonicTime deadline)>;

class NodeAgent {
 public:
  NodeAgent(env::Core& core, NodeAgentOptions options, AskDirectory ask);
  ~NodeAgent();  // after stop()
  NodeAgent(const NodeAgent&) = delete;
  NodeAgent& operator=(const NodeAgent&) = delete;

  // For LaneAccess::claim_epoch. Errors: unavailable when no leader answers; conflict when it refuses.
  [[nodiscard]] env::Task<Result<Epoch>> claim(LaneId lane);

  // Begins to beat. `cell` outlives stop(). Once.
  void start(NodeCell& cell);
  // Stops beating; returns when no lane is being taken or given up any more. Once.
  [[nodiscard]] env::Task<void> stop();

  // How long ago the leader last answered; since the start when it never did.
  [[nodiscard]] Duration silence() const noexcept { return core_.now() - last_answer_; }
  [[nodiscard]] const std::string& last_error() const noexcept { return last_error_; }

 private:
  [[nodiscard]] env::Task<void> beat_regularly();
  // Whether a leader took it.
  [[nodiscard]] env::Task<bool> beat_once();
  // Asks whom it takes for the leader, and follows one hint where the leader is.
  [[nodiscard]] env::Task<Result<directory::FleetReply>> ask_leader(std::string_view path, std::string body,
                                                                    Duration timeout);
  // Of what the lanes have accepted lately.
  [[nodiscard]] std::uint64_t bytes_per_second(std::uint64_t accepted_bytes);
  void obey(const directory::LaneSet& lanes);
  [[nodiscard]] env::Task<void> take(LaneId lane);
  [[nodiscard]] env::Task<void> give_up(LaneId lane);
  void note_error(const std::string& error);

  env::Core& core_;
  const NodeAgentOptions options_;
  const AskDirectory ask_;
  const std::uint64_t boot_;
  NodeCell* cell_ = nullptr;
  env::Endpoint leader_;
  std::size_t next_directory_ = 0;
  directory::LaneSet changing_;  // being taken or given up
  MonotonicTime last_answer_;
  std::deque<std::pair<MonotonicTime, std::uint64_t>> accepted_;  // one for each beat within rate_window
  std::string last_error_;
  bool stopping_ = false;
  env::Event wake_;
  env::TaskGroup tasks_;
};

}  // namespace weir::cell
