#include "cell/remote/node_router.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/assert.h"

namespace weir::cell {
namespace {

// A node that has given its lanes up has answered their calls before, but a packet of the answer may have to be sent
// again; one that lost them may answer, or hang.
constexpr Duration last_answers_max = seconds(1);

env::Endpoint endpoint_of(const directory::LaneOwner& owner) { return {.address = owner.address, .port = owner.port}; }

}  // namespace

NodeRouter::NodeRouter(env::Core& core, const net::ConnectToPeer& connect, const RemoteCellSettings& settings,
                       RemoteCellMetrics& metrics)
    : core_(core), connect_(connect), settings_(settings), metrics_(metrics), changed_(core), idle_(core) {}

NodeRouter::~NodeRouter() { WEIR_ASSERT(calls_ == 0 && nodes_.empty()); }

void NodeRouter::apply(directory::ShardMapPointer map) {
  if (map_ != nullptr && map->version() < map_->version()) return;
  map_ = std::move(map);
  absl::erase_if(learned_, [this](const auto& entry) {
    const directory::LaneOwner* const owner = map_->owner(entry.first);
    return owner != nullptr && owner->epoch >= entry.second.epoch;
  });
  let_go_of_idle_nodes();
  changed_.notify_all();
}

env::Task<void> NodeRouter::stop() {
  stopping_ = true;
  changed_.notify_all();
  for (auto& [endpoint, node] : nodes_) node->connection->close();
  while (calls_ != 0) static_cast<void>(co_await idle_.wait());
  for (auto& [endpoint, node] : nodes_) co_await node->connection->stop();
  metrics_.connections.add(-static_cast<std::int64_t>(nodes_.size()));
  nodes_.clear();
}

const directory::LaneOwner* NodeRouter::find_owner(LaneId lane) const noexcept {
  if (const auto learned = learned_.find(lane); learned != learned_.end()) return &learned->second;
  return map_ == nullptr ? nullptr : map_->owner(lane);
}

Epoch NodeRouter::epoch_of(LaneId lane) const noexcept {
  const directory::LaneOwner* const owner = find_owner(lane);
  return owner == nullptr ? Epoch{0} : owner->epoch;
}

env::Task<std::optional<directory::LaneOwner>> NodeRouter::newer_owner(LaneId lane, Epoch tried,
                                                                       MonotonicTime deadline) {
  const MonotonicTime until = std::min<MonotonicTime>(deadline, core_.now() + settings_.owner_wait.get());
  while (!stopping_) {
    const directory::LaneOwner* const owner = find_owner(lane);
    if (owner != nullptr && owner->epoch > tried) co_return *owner;
    if (!co_await changed_.wait_until(until)) break;
  }
  co_return std::nullopt;
}

// What a node says of a lane's owner counts when it is newer than what the map says.
void NodeRouter::learn(LaneId lane, const LaneRefusal& refusal) {
  if (!refusal.owner.has_value() || refusal.owner->epoch <= epoch_of(lane)) return;
  learned_.insert_or_assign(lane, *refusal.owner);
  changed_.notify_all();
}

CallHeader NodeRouter::header_for(LaneId lane, const directory::LaneOwner& owner) const noexcept {
  return {.lane = lane, .map_version = map_ == nullptr ? 0 : map_->version(), .epoch = owner.epoch};
}

void NodeRouter::let_go_of_idle_nodes() {
  absl::flat_hash_set<std::string> owners;
  for (const auto& [lane, owner] : learned_) owners.insert(to_string(endpoint_of(owner)));
  for (const auto& [lane, owner] : map_->owners()) owners.insert(to_string(endpoint_of(*owner)));
  absl::erase_if(nodes_, [&](const auto& entry) {
    Node& node = *entry.second;
    const bool was_owner = std::exchange(node.is_owner, owners.contains(entry.first));
    if (node.is_owner) core_.disarm(node);
    if (was_owner && !node.is_owner) core_.arm(node, core_.now() + last_answers_max);
    if (node.in_flight != 0 || node.is_owner) return false;
    node.connection->close();
    metrics_.connections.add(-1);
    return true;
  });
}

// Null when there are as many as there may be.
NodeRouter::Node* NodeRouter::connect(const env::Endpoint& endpoint) {
  const std::string name = to_string(endpoint);
  if (const auto known = nodes_.find(name); known != nodes_.end()) return known->second.get();
  if (nodes_.size() >= settings_.connections_max.get()) return nullptr;
  auto node = std::make_unique<Node>(core_);
  node->connection = connect_(core_, endpoint);
  metrics_.connections.add(1);
  return nodes_.emplace(name, std::move(node)).first->second.get();
}

env::Task<NodeRouter::SendResult> NodeRouter::send(directory::LaneOwner owner, std::string_view path, std::string body,
                                                   MonotonicTime deadline) {
  Node* const node = stopping_ ? nullptr : connect(endpoint_of(owner));
  if (node == nullptr) {
    co_return std::unexpected(SendError{.failure = Failure::refused, .reason = "no more connections to nodes"});
  }
  ++node->in_flight;
  metrics_.in_flight.add(1);
  SendResult result = read_response(co_await node->connection->send(path, std::move(body), deadline));
  metrics_.in_flight.add(-1);
  --node->in_flight;
  if (!result.has_value()) {
    const bool is_known =
        result.error().failure == Failure::not_processed || result.error().failure == Failure::refused;
    (is_known ? metrics_.not_processed : metrics_.outcome_unknown).add();
    result.error().reason.insert(0, owner.node + ": ");
  }
  if (node->in_flight == 0 && !node->is_owner && !stopping_) let_go_of_idle_nodes();
  co_return result;
}

NodeRouter::SendResult NodeRouter::read_response(Result<net::HttpClientResponse> response) {
  if (!response.has_value()) {
    const ErrorCode code = response.error().code;
    Failure failure = Failure::unknown;
    if (code == ErrorCode::unavailable) failure = Failure::not_processed;
    if (code == ErrorCode::limit_exceeded || code == ErrorCode::invalid_argument) failure = Failure::refused;
    if (code == ErrorCode::closed || code == ErrorCode::io) failure = Failure::broken;
    return std::unexpected(SendError{.failure = failure, .reason = std::move(response.error().message)});
  }
  if (response->status == 200) return std::move(response->body);
  // The node's server had no memory for the request. Other statuses say that the request was not understood.
  const Failure failure = response->status == 503 ? Failure::refused : Failure::unknown;
  return std::unexpected(
      SendError{.failure = failure, .reason = "the node answered with status " + std::to_string(response->status)});
}

LaneRefusal NodeRouter::refusal_of(const SendError& error) {
  const bool nothing_done = error.failure == Failure::not_processed || error.failure == Failure::refused;
  return {.refusal = nothing_done ? Refusal::unavailable : Refusal::failed, .reason = error.reason};
}

}  // namespace weir::cell
