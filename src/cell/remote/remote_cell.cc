#include "cell/remote/remote_cell.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "cell/lane/lane_count.h"
#include "cell/remote/rpc_codec.h"

namespace weir::cell {
namespace {

constexpr std::string_view over_rate = "the shard's lane said a moment ago that it is over its rate";
// What is smaller costs less to be sent in vain than to be asked for first.
constexpr std::size_t reserve_bytes_min = 32 * kibibyte;
constexpr milliseconds reserve_time_max{200};
constexpr std::string_view too_many_reads = "too many reads of the cell are under way";

template <class Reply>
Reply refused(Refusal refusal, std::string reason) {
  Reply reply;
  reply.refusal = refusal;
  reply.reason = std::move(reason);
  return reply;
}

std::vector<std::uint64_t> sizes_of(const journal::Fragment& fragment) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(fragment.record_count());
  fragment.view().for_each([&](const journal::RecordView& record) {
    sizes.push_back(record.partition_key.size() + record.data.size());
    return true;
  });
  return sizes;
}

// How many records at the front may still be taken.
std::size_t records_within(std::span<const std::uint64_t> record_bytes, ShardThrottles::Left left) {
  std::size_t records = 0;
  for (const std::uint64_t bytes : record_bytes) {
    if (bytes > left.bytes && !(records == 0 && left.any_first)) break;
    left.bytes -= std::min(bytes, left.bytes);
    ++records;
  }
  return records;
}

ReserveCall reserve_call_of(const CallHeader& header, const AppendRequest& request) {
  ReserveCall call{
      .header = header, .shard = request.fragment.shard(), .record_bytes = {}, .kept_back = request.kept_back};
  call.record_bytes.reserve(request.fragment.record_count());
  request.fragment.view().for_each([&](const journal::RecordView& record) {
    call.record_bytes.push_back(static_cast<std::uint32_t>(record.partition_key.size() + record.data.size()));
    return true;
  });
  return call;
}

template <class Reply>
Reply reply_of(Answer<Reply> answer) {
  if (answer.has_value()) return *std::move(answer);
  return refused<Reply>(answer.error().refusal, std::move(answer.error().reason));
}

}  // namespace

// A read's place among those of its cell that are under way.
class RemoteCell::ReadGuard {
 public:
  ReadGuard(PerCore& core, LaneId lane, std::uint64_t reads_max) : count_(core.reads), cell_(lane.value / lanes_max) {
    std::uint64_t& reads = count_[cell_];
    has_place_ = reads < reads_max;
    if (has_place_) ++reads;
  }
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;
  ~ReadGuard() {
    if (has_place_) --count_[cell_];
  }
  [[nodiscard]] bool has_place() const noexcept { return has_place_; }

 private:
  absl::flat_hash_map<std::uint32_t, std::uint64_t>& count_;
  std::uint32_t cell_;
  bool has_place_ = false;
};

RemoteCell::RemoteCell(env::Runtime& runtime, env::Core& home, net::ConnectToPeer connect,
                       const RemoteCellSettings& settings, RemoteCellMetrics& metrics)
    : home_(home), connect_(std::move(connect)), settings_(settings), metrics_(metrics) {
  for (std::uint32_t i = 0; i < runtime.loop_count(); ++i) {
    cores_.push_back(std::make_unique<PerCore>(runtime.core(i), connect_, settings, metrics));
  }
}

RemoteCell::~RemoteCell() = default;

env::Task<void> RemoteCell::stop() {
  for (const auto& own : cores_) {
    co_await own->core.enter();
    own->appends.begin_stop();
    co_await own->router.stop();
    co_await own->appends.stop();
  }
  co_await home_.enter();
}

env::Task<void> RemoteCell::apply(directory::ShardMapPointer map) {
  for (const auto& own : cores_) {
    co_await own->core.enter();
    own->router.apply(map);
    own->appends.owners_changed();
  }
  co_await home_.enter();
}

env::Task<std::vector<AppendReply>> RemoteCell::append(env::Core& caller, LaneId lane,
                                                       std::vector<AppendRequest> requests) {
  WEIR_ASSERT(caller.is_current());
  PerCore& own = of(caller);
  std::vector<ShardKey> shards;
  shards.reserve(requests.size());
  for (const AppendRequest& request : requests) shards.push_back(request.fragment.shard());
  std::vector<bool> refused_here(requests.size());
  if (own.throttles.size() != 0) {
    refused_here = throttle_early(own, requests);
    co_await reserve_room(own, lane, requests, refused_here);
    std::size_t position = 0;
    std::erase_if(requests, [&](const AppendRequest&) { return refused_here[position++]; });
  }
  const MonotonicTime asked = caller.now();
  std::vector<AppendReply> answers;
  if (!requests.empty()) answers = co_await own.appends.append(lane, std::move(requests));

  std::vector<AppendReply> replies;
  replies.reserve(shards.size());
  auto answer = answers.begin();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (refused_here[i]) {
      replies.push_back(refused<AppendReply>(Refusal::throttled, std::string(over_rate)));
      continue;
    }
    own.throttles.note(asked, caller.now(), ShardThrottles::Kind::append, shards[i], answer->throttle);
    replies.push_back(std::move(*answer++));
  }
  co_return replies;
}

std::size_t RemoteCell::may_take(env::Core& caller, ShardKey shard, std::span<const std::uint64_t> record_bytes) {
  WEIR_ASSERT(caller.is_current());
  return may_take(of(caller), shard, record_bytes);
}

std::size_t RemoteCell::may_take(PerCore& own, ShardKey shard, std::span<const std::uint64_t> record_bytes) {
  constexpr auto kind = ShardThrottles::Kind::append;
  const MonotonicTime now = own.core.now();
  const auto left = own.throttles.left(now, kind, shard);
  if (!left) return record_bytes.size();
  const std::size_t records = records_within(record_bytes, *left);
  if (records < record_bytes.size()) {
    metrics_.throttled_early.add();
    own.throttles.kept_back(now, kind, shard);
  }
  return records;
}

// Says which of `requests` their lane would refuse. Of the others it leaves only what may fit.
std::vector<bool> RemoteCell::throttle_early(PerCore& own, std::vector<AppendRequest>& requests) {
  constexpr auto kind = ShardThrottles::Kind::append;
  std::vector<bool> refused(requests.size());
  const MonotonicTime now = own.core.now();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    journal::Fragment& fragment = requests[i].fragment;
    const ShardKey shard = fragment.shard();
    if (own.throttles.left(now, kind, shard)) {
      const auto records = static_cast<std::uint32_t>(may_take(own, shard, sizes_of(fragment)));
      refused[i] = records == 0;
      if (records != 0 && records < fragment.record_count()) fragment.keep_first(records);
    }
    requests[i].kept_back = own.throttles.kept_back_slots(now, kind, shard);
  }
  return refused;
}

// Asks the lane for room for those of `requests` that are too large to be sent in vain, takes out of them what has
// none, and marks in `refused` those of which nothing has. A node that does not answer soon, or does not know the
// question, is sent the whole.
env::Task<void> RemoteCell::reserve_room(PerCore& own, LaneId lane, std::vector<AppendRequest>& requests,
                                         std::vector<bool>& refused) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    AppendRequest& request = requests[i];
    const bool is_throttled = request.kept_back != 0;
    if (refused[i] || !is_throttled || request.fragment.bytes().size() < reserve_bytes_min) continue;
    const MonotonicTime asked = own.core.now();
    const auto encode_call = [&request](const CallHeader& header) { return encode(reserve_call_of(header, request)); };
    metrics_.reserves.add();
    const auto answer =
        co_await own.router.call<ReserveReply>(lane, reserve_path, encode_call, decode_reserve_answer, false,
                                               std::min<MonotonicTime>(asked + reserve_time_max, deadline(own.core)));
    if (!answer.has_value()) continue;
    constexpr auto kind = ShardThrottles::Kind::append;
    own.throttles.note(asked, own.core.now(), kind, request.fragment.shard(), answer->throttle);
    request.has_room = answer->accepted != 0;
    refused[i] = !request.has_room;
    if (answer->accepted >= request.fragment.record_count()) continue;
    own.throttles.kept_back(own.core.now(), kind, request.fragment.shard());
    if (request.has_room) request.fragment.keep_first(answer->accepted);
  }
}

env::Task<ReadReply> RemoteCell::read(env::Core& caller, LaneId lane, journal::ReadRequest request) {
  PerCore& own = of(caller);
  if (own.throttles.refuses(caller.now(), ShardThrottles::Kind::read, request.shard)) {
    metrics_.throttled_early.add();
    co_return refused<ReadReply>(Refusal::throttled, std::string(over_rate));
  }
  const ReadGuard guard(own, lane, settings_.cell_reads_max.get());
  if (!guard.has_place()) {
    metrics_.refused_for_bounds.add();
    co_return refused<ReadReply>(Refusal::unavailable, std::string(too_many_reads));
  }
  metrics_.reads.add();
  const MonotonicTime asked = caller.now();
  const auto encode_call = [&request](const CallHeader& header) {
    return encode(ReadCall{.header = header, .request = request});
  };
  ReadReply reply = reply_of(
      co_await own.router.call<ReadReply>(lane, read_path, encode_call, decode_read_answer, true, deadline(caller)));
  own.throttles.note(asked, caller.now(), ShardThrottles::Kind::read, request.shard, reply.throttle);
  co_return reply;
}

env::Task<LocateReply> RemoteCell::locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from,
                                          WallTime time) {
  PerCore& own = of(caller);
  if (own.throttles.refuses(caller.now(), ShardThrottles::Kind::locate, shard)) {
    metrics_.throttled_early.add();
    co_return refused<LocateReply>(Refusal::throttled, std::string(over_rate));
  }
  const ReadGuard guard(own, lane, settings_.cell_reads_max.get());
  if (!guard.has_place()) {
    metrics_.refused_for_bounds.add();
    co_return refused<LocateReply>(Refusal::unavailable, std::string(too_many_reads));
  }
  metrics_.locates.add();
  const MonotonicTime asked = caller.now();
  const auto encode_call = [=](const CallHeader& header) {
    return encode(LocateCall{.header = header, .shard = shard, .from = from, .time = time});
  };
  LocateReply reply = reply_of(co_await own.router.call<LocateReply>(lane, locate_path, encode_call,
                                                                     decode_locate_answer, true, deadline(caller)));
  own.throttles.note(asked, caller.now(), ShardThrottles::Kind::locate, shard, reply.throttle);
  co_return reply;
}

env::Task<Result<directory::ShardClosing>> RemoteCell::close_shard(LaneId lane, ShardKey shard,
                                                                   directory::ShardOrder order) {
  metrics_.closes.add();
  const auto encode_call = [shard, order](const CallHeader& header) {
    return encode(ShardCall{.header = header, .shard = shard, .order = order});
  };
  auto answer = co_await of(home_).router.call<Result<directory::ShardClosing>>(
      lane, close_shard_path, encode_call, decode_close_shard_answer, true, deadline(home_));
  if (answer.has_value()) co_return *std::move(answer);
  const bool is_known = answer.error().refusal != Refusal::failed;
  co_return fail(is_known ? ErrorCode::unavailable : ErrorCode::timeout, std::move(answer.error().reason));
}

env::Task<void> RemoteCell::reopen_shard(LaneId lane, ShardKey shard, directory::ShardOrder order) {
  metrics_.reopens.add();
  const auto encode_call = [shard, order](const CallHeader& header) {
    return encode(ShardCall{.header = header, .shard = shard, .order = order});
  };
  const auto answer = co_await of(home_).router.call<void>(lane, reopen_shard_path, encode_call,
                                                           decode_reopen_shard_answer, true, deadline(home_));
  if (answer.has_value()) co_return;
  log_warning("cell", "a shard could not be reopened: it takes no records until its split or merge is tried again",
              {{"lane", lane.value}, {"reason", answer.error().reason}});
}

}  // namespace weir::cell
