#include "cell/remote/rpc_handler.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cell/remote/rpc_codec.h"

namespace weir::cell {
namespace {

constexpr std::string_view requests_name = "weir_cell_rpc_requests_total";
constexpr std::string_view requests_help = "Requests of front ends and of the directory to this node, by method.";
constexpr std::string_view refused_name = "weir_cell_rpc_refused_total";
constexpr std::string_view refused_help = "Requests refused as a whole, nothing done, by reason.";

net::HttpResponse answer(std::string body) {
  net::HttpResponse response;
  response.headers.emplace_back("Content-Type", "application/x-protobuf");
  response.body = std::move(body);
  return response;
}

net::HttpResponse answer_status(std::uint16_t status, std::string text) {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

}  // namespace

CellRpcSettings::CellRpcSettings(SettingsRegistry& registry)
    : requests_max(registry, "cell.rpc_requests_max", 8'192, {.least = 1, .most = 1'000'000},
                   "Requests of front ends that one node has in work at once; one more is refused, to be tried again."),
      bytes_max(registry, "cell.rpc_bytes_max", 256 * mebibyte, {.least = 16 * mebibyte, .most = 1024 * gibibyte},
                "Bytes that these requests bring and read at once; one that does not fit is refused, to be tried "
                "again."),
      wait(registry, "cell.rpc_wait", seconds(1), {milliseconds(0), seconds(60)},
           "How long a request waits for the node's map to catch up with the caller's, or for a lane that is being "
           "recovered.") {}

CellRpcMetrics::CellRpcMetrics(MetricsRegistry& registry)
    : appends(registry.counter(requests_name, requests_help, {{"method", "append"}})),
      reserves(registry.counter(requests_name, requests_help, {{"method", "reserve"}})),
      reads(registry.counter(requests_name, requests_help, {{"method", "read"}})),
      locates(registry.counter(requests_name, requests_help, {{"method", "locate"}})),
      closes(registry.counter(requests_name, requests_help, {{"method", "close_shard"}})),
      reopens(registry.counter(requests_name, requests_help, {{"method", "reopen_shard"}})),
      malformed(registry.counter(refused_name, refused_help, {{"reason", "malformed"}})),
      overloaded(registry.counter(refused_name, refused_help, {{"reason", "overloaded"}})),
      refused_not_mine(registry.counter(refused_name, refused_help, {{"reason", "not_mine"}})),
      refused_unavailable(registry.counter(refused_name, refused_help, {{"reason", "unavailable"}})),
      requests(registry.gauge("weir_cell_rpc_requests", "Requests in work; at most cell.rpc_requests_max.")),
      bytes(registry.gauge("weir_cell_rpc_bytes", "Bytes of requests in work; at most cell.rpc_bytes_max.")) {}

const CellRpcHandler::Method* CellRpcHandler::find_method(std::string_view path) noexcept {
  static constexpr std::array<Method, 6> methods{{
      {append_path, &CellRpcHandler::append, [](CellRpcMetrics& metrics) -> Counter& { return metrics.appends; }},
      {reserve_path, &CellRpcHandler::reserve, [](CellRpcMetrics& metrics) -> Counter& { return metrics.reserves; }},
      {read_path, &CellRpcHandler::read, [](CellRpcMetrics& metrics) -> Counter& { return metrics.reads; }},
      {locate_path, &CellRpcHandler::locate, [](CellRpcMetrics& metrics) -> Counter& { return metrics.locates; }},
      {close_shard_path, &CellRpcHandler::close_shard,
       [](CellRpcMetrics& metrics) -> Counter& { return metrics.closes; }},
      {reopen_shard_path, &CellRpcHandler::reopen_shard,
       [](CellRpcMetrics& metrics) -> Counter& { return metrics.reopens; }},
  }};
  const auto* const found = std::ranges::find(methods, path, &Method::path);
  return found == methods.end() ? nullptr : found;
}

env::Task<net::HttpResponse> CellRpcHandler::handle(net::HttpRequest& request) {
  const Method* const method = find_method(request.path);
  if (method == nullptr) co_return answer_status(404, "no such method");
  if (request.method != "POST") co_return answer_status(405, "POST only");
  method->counter(resources_.metrics).add();
  net::MemoryReservation place;
  net::MemoryReservation bytes;
  if (!place.resize(resources_.requests, 1) || !bytes.resize(resources_.bytes, request.body.size())) {
    co_return answer_overload();
  }
  co_return co_await (this->*method->serve)(request.body, bytes);
}

env::Task<net::HttpResponse> CellRpcHandler::append(BytesView body, net::MemoryReservation& /*bytes*/) {
  auto call = decode_append_call(body);
  if (!call.has_value()) co_return answer_malformed(call.error());
  std::vector<ShardKey> shards;
  shards.reserve(call->requests.size());
  for (const AppendRequest& request : call->requests) shards.push_back(request.fragment.shard());
  const auto entered = co_await cell_.enter_lane(call->header, shards, wait_deadline());
  if (!entered.has_value()) {
    co_await core_.enter();
    co_return answer_refusal(entered.error());
  }
  const auto replies = co_await (*entered)->append(core_, std::move(call->requests));  // ends on core_
  co_return answer(encode_append_answer(replies));
}

env::Task<net::HttpResponse> CellRpcHandler::reserve(BytesView body, net::MemoryReservation& /*bytes*/) {
  const auto call = decode_reserve_call(body);
  if (!call.has_value()) co_return answer_malformed(call.error());
  const auto entered = co_await cell_.enter_lane(call->header, {&call->shard, 1}, wait_deadline());
  if (!entered.has_value()) {
    co_await core_.enter();
    co_return answer_refusal(entered.error());
  }
  const ReserveReply reply = (*entered)->reserve(*call);
  co_await core_.enter();
  co_return answer(encode_reserve_answer(reply));
}

env::Task<net::HttpResponse> CellRpcHandler::read(BytesView body, net::MemoryReservation& bytes) {
  const auto call = decode_read_call(body);
  if (!call.has_value()) co_return answer_malformed(call.error());
  const auto entered = co_await cell_.enter_lane(call->header, {&call->request.shard, 1}, wait_deadline());
  if (!entered.has_value()) {
    co_await core_.enter();
    co_return answer_refusal(entered.error());
  }
  const ReadReply reply = co_await (*entered)->read(call->request);
  co_await core_.enter();
  std::uint64_t stored_bytes = body.size();
  for (const auto& slice : reply.result.slices) stored_bytes += slice.fragment.stored_bytes();
  if (!bytes.resize(resources_.bytes, stored_bytes)) co_return answer_overload();
  ReadAnswerBody encoded = encode_read_answer(reply);
  net::HttpResponse response = answer(std::move(encoded.first));
  response.body_rest = std::move(encoded.rest);
  co_return response;
}

env::Task<net::HttpResponse> CellRpcHandler::locate(BytesView body, net::MemoryReservation& /*bytes*/) {
  const auto call = decode_locate_call(body);
  if (!call.has_value()) co_return answer_malformed(call.error());
  const auto entered = co_await cell_.enter_lane(call->header, {&call->shard, 1}, wait_deadline());
  if (!entered.has_value()) {
    co_await core_.enter();
    co_return answer_refusal(entered.error());
  }
  const LocateReply reply = co_await (*entered)->locate(call->shard, call->from, call->time);
  co_await core_.enter();
  co_return answer(encode_locate_answer(reply));
}

env::Task<net::HttpResponse> CellRpcHandler::close_shard(BytesView body, net::MemoryReservation& /*bytes*/) {
  const auto call = decode_shard_call(body);
  if (!call.has_value()) co_return answer_malformed(call.error());
  const auto entered = co_await cell_.enter_lane(call->header, {&call->shard, 1}, wait_deadline());
  if (!entered.has_value()) {
    co_await core_.enter();
    co_return answer_refusal(entered.error());
  }
  Result<directory::ShardClosing> closed = fail(ErrorCode::conflict, "the lane has another owner by now");
  if (call->header.epoch == (*entered)->epoch()) closed = co_await (*entered)->close_shard(call->shard, call->order);
  co_await core_.enter();
  co_return answer(encode_close_shard_answer(closed));
}

env::Task<net::HttpResponse> CellRpcHandler::reopen_shard(BytesView body, net::MemoryReservation& /*bytes*/) {
  const auto call = decode_shard_call(body);
  if (!call.has_value()) co_return answer_malformed(call.error());
  const auto entered = co_await cell_.enter_lane(call->header, {&call->shard, 1}, wait_deadline());
  if (entered.has_value()) (*entered)->reopen_shard(call->shard, call->order);
  co_await core_.enter();
  co_return entered.has_value() ? answer(encode_reopen_shard_answer()) : answer_refusal(entered.error());
}

net::HttpResponse CellRpcHandler::refuse(std::uint16_t status) { return answer_status(status, {}); }

net::HttpResponse CellRpcHandler::answer_malformed(const Error& error) {
  resources_.metrics.malformed.add();
  return answer_status(400, error.message);
}

net::HttpResponse CellRpcHandler::answer_refusal(const LaneRefusal& refusal) {
  (refusal.refusal == Refusal::not_mine ? resources_.metrics.refused_not_mine : resources_.metrics.refused_unavailable)
      .add();
  return answer(encode_refusal(refusal));
}

net::HttpResponse CellRpcHandler::answer_overload() {
  resources_.metrics.overloaded.add();
  return answer(encode_refusal({.refusal = Refusal::unavailable, .reason = "the node has as much in work as it may"}));
}

}  // namespace weir::cell
