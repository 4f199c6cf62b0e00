#include "cell/lane/append_gatherer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cell/lane/lane_count.h"
#include "cell/remote/rpc_codec.h"

namespace weir::cell {
namespace {

std::vector<AppendReply> refusals(std::size_t count, Refusal refusal, const std::string& reason) {
  std::vector<AppendReply> replies(count);
  for (AppendReply& reply : replies) {
    reply.refusal = refusal;
    reply.reason = reason;
  }
  return replies;
}

}  // namespace

AppendGatherer::AppendGatherer(env::Core& core, NodeRouter& router, const RemoteCellSettings& settings,
                               RemoteCellMetrics& metrics)
    : core_(core), router_(router), settings_(settings), metrics_(metrics), tasks_(core) {}

AppendGatherer::~AppendGatherer() = default;

env::Task<std::vector<AppendReply>> AppendGatherer::append(LaneId lane, std::vector<AppendRequest> requests) {
  Call call(core_, std::move(requests));
  for (const AppendRequest& request : call.requests) call.bytes += request.fragment.bytes().size();
  Queue& queue = queue_of(lane);
  if (stopping_ || !has_room(queue, call.bytes)) {
    if (!stopping_) metrics_.refused_for_bounds.add();
    co_return refusals(call.requests.size(), Refusal::unavailable,
                       stopping_ ? "the process is stopping" : "too much is waiting to be sent to the lane's node");
  }
  call.deadline = core_.now() + settings_.timeout.get();
  queue.waiting.push_back(&call);
  queue.bytes += call.bytes;
  ++queue.calls;
  cell_bytes(lane) += call.bytes;
  metrics_.append_bytes.add(static_cast<std::int64_t>(call.bytes));
  metrics_.append_calls.add(1);
  if (!queue.has_sender) start_sender(queue);
  while (!call.settled) static_cast<void>(co_await call.settled_event.wait());
  co_return std::move(call.replies);
}

AppendGatherer::Queue& AppendGatherer::queue_of(LaneId lane) {
  auto& queue = queues_[lane];
  if (queue == nullptr) {
    queue = std::make_unique<Queue>();
    queue->lane = lane;
  }
  return *queue;
}

std::uint64_t& AppendGatherer::cell_bytes(LaneId lane) { return cell_bytes_[lane.value / lanes_max]; }

bool AppendGatherer::has_room(const Queue& queue, std::uint64_t bytes) {
  const std::uint64_t lane_most = settings_.lane_bytes_max.get();
  const std::uint64_t cell_most = settings_.cell_bytes_max.get();
  const std::uint64_t in_cell = cell_bytes(queue.lane);
  if (in_cell != 0 && (bytes > cell_most || in_cell > cell_most - bytes)) return false;
  return queue.calls == 0 ||
         (queue.calls < settings_.lane_calls_max.get() && bytes <= lane_most && queue.bytes <= lane_most - bytes);
}

void AppendGatherer::owners_changed() {
  for (const auto& [lane, queue] : queues_) {
    const Epoch epoch = router_.epoch_of(lane);
    if (epoch <= queue->epoch) continue;
    queue->epoch = epoch;
    if (!queue->has_sender) continue;
    ++queue->generation;
    queue->has_sender = false;
    if (!queue->waiting.empty()) start_sender(*queue);
  }
}

void AppendGatherer::start_sender(Queue& queue) {
  queue.has_sender = true;
  queue.epoch = std::max(queue.epoch, router_.epoch_of(queue.lane));
  tasks_.spawn(send_waiting(queue, queue.generation));
}

env::Task<void> AppendGatherer::send_waiting(Queue& queue, std::uint64_t generation) {
  co_await core_.yield();  // what is ready at this moment comes along
  while (queue.generation == generation && !queue.waiting.empty()) {
    std::vector<Call*> calls = take_batch(queue);
    if (!calls.empty()) co_await send(queue, std::move(calls));
  }
  if (queue.generation == generation) queue.has_sender = false;
}

// The oldest calls, as many as go into one request. Those that have waited too long are refused.
std::vector<AppendGatherer::Call*> AppendGatherer::take_batch(Queue& queue) {
  std::vector<Call*> calls;
  std::uint64_t bytes = 0;
  while (!queue.waiting.empty()) {
    Call& call = *queue.waiting.front();
    if (core_.now() >= call.deadline) {
      queue.waiting.pop_front();
      metrics_.expired.add();
      refuse(queue, call, Refusal::unavailable, "the lane's node takes no requests");
      continue;
    }
    if (!calls.empty() && bytes + call.bytes > settings_.append_bytes_max.get()) break;
    queue.waiting.pop_front();
    bytes += call.bytes;
    calls.push_back(&call);
  }
  return calls;
}

// One request with all of `calls`, and what comes of it to each.
env::Task<void> AppendGatherer::send(Queue& queue, std::vector<Call*> calls) {
  std::vector<journal::Fragment*> fragments;
  std::vector<model::Demand::Slots> kept_back;
  std::vector<bool> has_room;
  for (Call* const call : calls) {
    for (AppendRequest& request : call->requests) {
      fragments.push_back(&request.fragment);
      kept_back.push_back(request.kept_back);
      has_room.push_back(request.has_room);
    }
  }
  metrics_.appends.add();
  metrics_.calls_per_append.observe(static_cast<double>(calls.size()));
  const auto encode_call = [&](const CallHeader& header) {
    return encode_append_call(header, fragments, kept_back, has_room);
  };
  auto answer = co_await router_.call<std::vector<AppendReply>>(
      queue.lane, append_path, encode_call, decode_append_answer, false, core_.now() + settings_.timeout.get());
  if (answer.has_value() && answer->size() != fragments.size()) {
    answer = std::unexpected(LaneRefusal{.refusal = Refusal::failed, .reason = "the node answered another request"});
  }
  auto next = answer.has_value() ? answer->begin() : std::vector<AppendReply>::iterator{};
  for (Call* const call : calls) {
    if (!answer.has_value()) {
      refuse(queue, *call, answer.error().refusal, answer.error().reason);
      continue;
    }
    const auto end = next + static_cast<std::ptrdiff_t>(call->requests.size());
    settle(queue, *call, {std::make_move_iterator(next), std::make_move_iterator(end)});
    next = end;
  }
}

void AppendGatherer::settle(Queue& queue, Call& call, std::vector<AppendReply> replies) {
  queue.bytes -= call.bytes;
  --queue.calls;
  cell_bytes(queue.lane) -= call.bytes;
  metrics_.append_bytes.add(-static_cast<std::int64_t>(call.bytes));
  metrics_.append_calls.add(-1);
  call.replies = std::move(replies);
  call.settled = true;
  call.settled_event.notify_all();
}

void AppendGatherer::refuse(Queue& queue, Call& call, Refusal refusal, const std::string& reason) {
  settle(queue, call, refusals(call.requests.size(), refusal, reason));
}

void AppendGatherer::begin_stop() {
  stopping_ = true;
  for (const auto& [lane, queue] : queues_) {
    while (!queue->waiting.empty()) {
      Call& call = *queue->waiting.front();
      queue->waiting.pop_front();
      refuse(*queue, call, Refusal::unavailable, "the process is stopping");
    }
  }
}

}  // namespace weir::cell
