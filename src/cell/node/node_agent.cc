#include "cell/node/node_agent.h"

#include "base/assert.h"
#include "base/log.h"

namespace weir::cell {
namespace {

using directory::FleetOutcome;
using directory::FleetReply;

}  // namespace

NodeAgent::NodeAgent(env::Core& core, NodeAgentOptions options, AskDirectory ask)
    : core_(core),
      options_(std::move(options)),
      ask_(std::move(ask)),
      boot_(core.random_u64() | 1),
      leader_(options_.directories.at(0)),
      last_answer_(core.now()),
      wake_(core),
      tasks_(core) {}

NodeAgent::~NodeAgent() = default;

void NodeAgent::start(NodeCell& cell) {
  WEIR_ASSERT(cell_ == nullptr);
  cell_ = &cell;
  tasks_.spawn(beat_regularly());
}

env::Task<void> NodeAgent::stop() {
  stopping_ = true;
  wake_.notify_all();
  co_await tasks_.wait();
}

env::Task<Result<FleetReply>> NodeAgent::ask_leader(std::string_view path, std::string body, Duration timeout) {
  const MonotonicTime deadline = core_.now() + timeout;
  Result<FleetReply> reply = fail(ErrorCode::unavailable, "no directory is reachable");
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto answer = co_await ask_(leader_, path, body, deadline);
    reply = answer ? directory::decode_fleet_reply(*answer) : std::unexpected(std::move(answer.error()));
    if (reply && reply->outcome != FleetOutcome::not_leader) co_return reply;
    if (reply && reply->leader) {
      leader_ = *reply->leader;
      continue;
    }
    next_directory_ = (next_directory_ + 1) % options_.directories.size();
    leader_ = options_.directories[next_directory_];
    if (!reply) co_return reply;
  }
  co_return fail(ErrorCode::unavailable, "no directory leads at the moment");
}

env::Task<Result<Epoch>> NodeAgent::claim(LaneId lane) {
  const directory::LaneClaim claim{
      .node = options_.node, .address = options_.endpoint.address, .port = options_.endpoint.port, .lane = lane};
  WEIR_CO_TRY(FleetReply reply,
              co_await ask_leader(directory::claim_path, directory::encode(claim), options_.claim_timeout));
  if (reply.outcome != FleetOutcome::done) co_return fail(ErrorCode::conflict, std::move(reply.reason));
  if (reply.epoch.value == 0) co_return fail(ErrorCode::corrupt, "the directory granted epoch 0");
  co_return reply.epoch;
}

env::Task<void> NodeAgent::beat_regularly() {
  while (!stopping_) {
    const MonotonicTime began = core_.now();
    const bool answered = co_await beat_once();
    // Lost beats are made up for while that can still keep the node from being taken for dead; after that there is no
    // hurry, and a directory that is gone is not met by all nodes at once when it is back.
    const bool hurries = !answered && silence() < options_.hurry_for;
    if (!stopping_) {
      static_cast<void>(co_await wake_.wait_until(began + (hurries ? options_.retry_interval : options_.interval)));
    }
  }
}

std::uint64_t NodeAgent::bytes_per_second(std::uint64_t accepted_bytes) {
  const MonotonicTime now = core_.now();
  accepted_.emplace_back(now, accepted_bytes);
  while (accepted_.size() > 2 && now - accepted_.front().first > options_.rate_window) accepted_.pop_front();
  const std::int64_t ms = (now - accepted_.front().first) / milliseconds(1);
  if (ms <= 0) return 0;
  return (accepted_bytes - accepted_.front().second) * 1'000 / static_cast<std::uint64_t>(ms);
}

env::Task<bool> NodeAgent::beat_once() {
  directory::LaneSet not_writing;
  LaneTrouble trouble = LaneTrouble::none;
  for (const LaneReport& report : co_await cell_->reports()) {
    if (report.trouble == LaneTrouble::none) continue;
    if (not_writing.none()) trouble = report.trouble;
    not_writing.set(directory::lane_within_cell(report.lane));
  }
  const NodeStatus status = cell_->status();
  const directory::NodeBeat beat{.node = options_.node,
                                 .cell = options_.cell,
                                 .address = options_.endpoint.address,
                                 .port = options_.endpoint.port,
                                 .boot = boot_,
                                 .held = directory::LaneSet(status.lanes_held | status.lanes_changing),
                                 .shards = status.shards,
                                 .bytes_per_second = bytes_per_second(status.accepted_bytes),
                                 .stored_bytes = status.stored_bytes,
                                 .map_version = status.map_version,
                                 .not_writing = not_writing,
                                 .trouble = static_cast<std::uint32_t>(trouble)};
  auto reply = co_await ask_leader(directory::beat_path, directory::encode(beat), options_.timeout);
  if (stopping_) co_return true;
  if (!reply || reply->outcome == FleetOutcome::refused) {
    note_error(reply ? reply->reason : reply.error().message);
    co_return false;
  }
  if (!last_error_.empty()) log_info("node", "the directory answers again", {{"node", options_.node}});
  last_error_.clear();
  last_answer_ = core_.now();
  obey(reply->lanes);
  co_return true;
}

// Once for every new reason.
void NodeAgent::note_error(const std::string& error) {
  if (error == last_error_) return;
  last_error_ = error;
  log_warning("node", "no order from the directory; the node goes on with the lanes it has",
              {{"node", options_.node}, {"reason", error}});
}

void NodeAgent::obey(const directory::LaneSet& lanes) {
  const NodeStatus status = cell_->status();
  const directory::LaneSet held(status.lanes_held);
  const directory::LaneSet changing = changing_ | directory::LaneSet(status.lanes_changing);
  for (std::uint32_t i = 0; i < directory::lanes_per_cell_max; ++i) {
    if (changing.test(i) || lanes.test(i) == held.test(i)) continue;
    changing_.set(i);
    const LaneId lane = directory::lane_of(options_.cell, i);
    tasks_.spawn(lanes.test(i) ? take(lane) : give_up(lane));
  }
}

env::Task<void> NodeAgent::take(LaneId lane) {
  const MonotonicTime began = core_.now();
  if (auto taken = co_await cell_->take(lane); taken) {
    log_info("node", "serves a lane",
             {{"lane", lane.value}, {"ms", std::chrono::duration_cast<milliseconds>(core_.now() - began).count()}});
    wake_.notify_all();  // the leader should know soon
  } else {
    log_warning("node", "a lane could not be taken, will be tried again",
                {{"lane", lane.value}, {"reason", taken.error().message}});
  }
  changing_.reset(directory::lane_within_cell(lane));
}

env::Task<void> NodeAgent::give_up(LaneId lane) {
  co_await cell_->give_up(lane);
  log_info("node", "gave a lane up", {{"lane", lane.value}});
  changing_.reset(directory::lane_within_cell(lane));
  wake_.notify_all();
}

}  // namespace weir::cell
