#include "frontend/operations/put_checks.h"

#include <algorithm>

#include "model/sequence_number.h"
#include "model/shard_id.h"

namespace weir::frontend {
namespace {

constexpr Duration reroute_retry_interval = milliseconds(50);

}  // namespace

ApiResult<RecordPlace> place_record(std::string_view partition_key,
                                    const std::optional<std::string_view>& explicit_hash_key) {
  if (!explicit_hash_key) return RecordPlace{.hash = hash_partition_key(partition_key)};
  const std::optional<HashKey> hash = parse_hash_key(*explicit_hash_key);
  if (!hash) return std::unexpected(kinesis::errors::explicit_hash_key_out_of_range(*explicit_hash_key));
  return RecordPlace{.hash = *hash, .explicit_hash_key = hash};
}

bool is_possible_ordering_number(std::string_view number, WallTime now) noexcept {
  const std::optional<model::SequenceNumber> parsed = model::parse_sequence_number(number);
  return parsed && parsed->record_seconds <= unix_seconds(now);
}

env::Task<bool> wait_to_reroute(OperationCall& call, std::uint64_t version, MonotonicTime deadline) {
  const MonotonicTime next_try = std::min(deadline, call.core.now() + reroute_retry_interval);
  co_return co_await call.routes.wait_for_newer(version, next_try) || next_try < deadline;
}

void note_refused(OperationCall& call, cell::Refusal refusal) {
  switch (refusal) {
    case cell::Refusal::throttled:
      call.services.metrics.records_throttled.add();
      call.is_over_rate = true;
      return;
    case cell::Refusal::unavailable:
    case cell::Refusal::shard_closed:
    case cell::Refusal::not_mine: call.services.metrics.records_unavailable.add(); return;
    case cell::Refusal::none:
    case cell::Refusal::failed: break;
  }
  call.services.metrics.records_failed.add();
}

kinesis::ApiError put_error(cell::Refusal refusal, const directory::Stream& stream, ShardIndex shard) {
  switch (refusal) {
    case cell::Refusal::throttled:
      return kinesis::errors::shard_rate_exceeded(model::shard_id(shard), stream.name, stream.scope.account);
    case cell::Refusal::unavailable:
    case cell::Refusal::shard_closed:
    case cell::Refusal::not_mine:
      return kinesis::errors::service_unavailable("The shard cannot take records at the moment. Try again.");
    case cell::Refusal::none:
    case cell::Refusal::failed: break;
  }
  return kinesis::errors::internal_failure();
}

}  // namespace weir::frontend
