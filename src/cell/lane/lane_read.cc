// How records get out of a lane.
#include <algorithm>
#include <utility>

#include "cell/lane/lane.h"
#include "cell/lane/lane_guard.h"
#include "cell/lane/throttle.h"
#include "model/limits.h"

namespace weir::cell {
namespace {

ReadReply refuse_read(Refusal refusal, std::string reason) {
  ReadReply reply;
  reply.refusal = refusal;
  reply.reason = std::move(reason);
  return reply;
}

LocateReply refuse_locate(Refusal refusal, std::string reason) {
  LocateReply reply;
  reply.refusal = refusal;
  reply.reason = std::move(reason);
  return reply;
}

std::string reason_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::throttled: return "over the shard's reads per second";
    case Refusal::not_mine: return "the lane does not have the shard";
    default: return "the lane does not serve now";
  }
}

// How far a reader who has been given `result` is behind: 0 at the tip, else the age of the last record he was given,
// or of the oldest one there is when he was given none.
std::int64_t behind_ms(const journal::ReadResult& result, const std::optional<journal::ShardBounds>& bounds,
                       WallTime now) {
  if (result.reached_end) return 0;
  WallTime position = now;
  if (!result.slices.empty()) {
    position = result.slices.back().fragment.arrival();
  } else if (bounds.has_value()) {
    position = bounds->first_arrival;
  }
  return std::max<std::int64_t>(0, unix_milliseconds(now) - unix_milliseconds(position));
}

}  // namespace

env::Task<ReadReply> Lane::read(journal::ReadRequest request) {
  const OperationGuard guard(*this);
  if (const Refusal refusal = co_await begin_read(request.shard); refusal != Refusal::none) {
    (refusal == Refusal::throttled ? metrics_.reads_throttled : metrics_.reads_refused).add();
    ReadReply refused = refuse_read(refusal, reason_of(refusal));
    if (ShardState* const shard = shards_.find(request.shard); shard != nullptr && refusal == Refusal::throttled) {
      refused.throttle = throttle_of(shard->reads, core_.now(), read_limit_);
    }
    co_return refused;
  }
  const ShardKey key = request.shard;
  const WallTime now = core_.wall_now();
  request.not_before = std::max(request.not_before, shards_.keep_from(key, now));
  request.records_max = std::clamp(request.records_max, std::uint32_t{1}, model::limits::get_records_records_max);
  request.bytes_max = std::min(request.bytes_max, model::limits::get_records_bytes_max);
  Result<journal::ReadResult> result = co_await journal_->read(request);
  end_read(key, result.has_value() ? result->payload_bytes : 0);
  if (!result.has_value()) {
    metrics_.reads_failed.add();
    co_return refuse_read(Refusal::failed, std::move(result.error().message));
  }
  const ShardState* const shard = shards_.find(key);
  if (shard == nullptr) co_return refuse_read(Refusal::not_mine, reason_of(Refusal::not_mine));

  metrics_.reads.add();
  metrics_.records_read.add(result->record_count);
  metrics_.bytes_read.add(result->payload_bytes);
  ReadReply reply;
  reply.behind_ms = behind_ms(*result, journal_->bounds(key), now);
  // Only the map's word counts: a close that is under way may still be undone.
  reply.shard_ended = shard->closed.has_value() && result->reached_end;
  reply.result = *std::move(result);
  co_return reply;
}

// Lets a read begin that its shard's rate has room for. While rates are enforced the reads of a shard follow one
// another, because only the end of one tells what is left for the next. Followed by end_read() unless it refuses.
env::Task<Refusal> Lane::begin_read(ShardKey key) {
  for (;;) {
    if (stopping_ || !serves_reads()) co_return Refusal::unavailable;
    ShardState* const shard = shards_.find(key);
    if (shard == nullptr) co_return refusal_of_unknown(key);
    if (!options_.enforce_rates) co_return Refusal::none;
    if (shard->reads.has_room(core_.now(), read_limit_) != model::Admit::yes) co_return Refusal::throttled;
    if (!shard->read_in_flight) {
      shard->read_in_flight = true;
      co_return Refusal::none;
    }
    co_await read_ended_.wait();
  }
}

void Lane::end_read(ShardKey key, std::uint64_t payload_bytes) {
  if (!options_.enforce_rates) return;
  if (ShardState* const shard = shards_.find(key); shard != nullptr) {
    shard->read_in_flight = false;
    shard->reads.charge(core_.now(), read_limit_, 1, payload_bytes);
  }
  read_ended_.notify_all();
}

env::Task<LocateReply> Lane::locate(ShardKey key, StartFrom from, WallTime time) {
  const OperationGuard guard(*this);
  if (stopping_ || !serves_reads()) co_return refuse_locate(Refusal::unavailable, reason_of(Refusal::unavailable));
  ShardState* const shard = shards_.find(key);
  if (shard == nullptr) {
    const Refusal refusal = refusal_of_unknown(key);
    co_return refuse_locate(refusal, reason_of(refusal));
  }
  if (options_.enforce_rates && !shard->iterators.try_admit(core_.now(), options_.limits.iterator_calls_per_second)) {
    metrics_.iterators_throttled.add();
    LocateReply refused = refuse_locate(Refusal::throttled, "over the shard's iterator requests per second");
    refused.throttle = throttle_of(shard->iterators, core_.now());
    co_return refused;
  }
  metrics_.iterators.add();
  LocateReply reply;
  // Nothing durable: whatever becomes durable later is what any reader wants first, so 0 stands for all of them.
  const auto bounds = journal_->bounds(key);
  if (!bounds.has_value()) co_return reply;
  switch (from) {
    case StartFrom::trim_horizon:
      reply.position = bounds->first;  // read() passes over what is past its retention by then
      co_return reply;
    case StartFrom::latest:
      // What is still on its way to the disk was not acknowledged yet, so it counts as put after the iterator.
      reply.position = {bounds->last.value + 1};
      co_return reply;
    case StartFrom::sequence_number: co_return reply;
    case StartFrom::timestamp: break;
  }
  const auto found = co_await journal_->find_arrival(key, time);
  if (!found.has_value()) {
    metrics_.reads_failed.add();
    co_return refuse_locate(Refusal::failed, found.error().message);
  }
  reply.position = *found;
  co_return reply;
}

}  // namespace weir::cell
