// GetShardIterator: a token for a place in a shard (API reference, sections 3.4 and 4.4).
#include "kinesis/shapes/get_shard_iterator.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "model/sequence_number.h"
#include "model/shard_id.h"
#include "model/shard_iterator.h"

namespace weir::frontend {
namespace {

using kinesis::GetShardIteratorInput;
using model::ShardIteratorType;

// Where the lane is asked to start, or the position itself when the request names a sequence number.
struct Start {
  cell::StartFrom from = cell::StartFrom::trim_horizon;
  WallTime time;
  RecordIndex position;
};

ApiResult<Start> start_at_sequence_number(const GetShardIteratorInput& input, const directory::Stream& stream,
                                          const directory::Shard& shard) {
  const std::string_view text = *input.starting_sequence_number;
  const std::string id = model::shard_id(shard.index);
  const auto number = model::parse_sequence_number(text);
  if (!number || number->version == 0) {
    return std::unexpected(
        kinesis::errors::starting_sequence_number_invalid(text, id, stream.name, stream.scope.account));
  }
  if (number->shard_index() != shard.index) {
    return std::unexpected(
        kinesis::errors::starting_sequence_number_of_other_shard(model::shard_id_of_sequence(number->shard), id));
  }
  if (unix_seconds(number->shard_created) != unix_seconds(shard.created)) {
    return std::unexpected(
        kinesis::errors::starting_sequence_number_of_other_stream(text, id, stream.name, stream.scope.account));
  }
  const bool after = *input.shard_iterator_type == ShardIteratorType::after_sequence_number;
  return Start{.from = cell::StartFrom::sequence_number, .position = {number->index.value + (after ? 1 : 0)}};
}

ApiResult<Start> find_start(const GetShardIteratorInput& input, const directory::Stream& stream,
                            const directory::Shard& shard, WallTime now) {
  const ShardIteratorType type = *input.shard_iterator_type;
  const std::string_view type_name = input.shard_iterator_type->text;
  const bool wants_number =
      type == ShardIteratorType::at_sequence_number || type == ShardIteratorType::after_sequence_number;
  if (wants_number && !input.starting_sequence_number) {
    return std::unexpected(kinesis::errors::starting_sequence_number_missing(type_name));
  }
  if (!wants_number && input.starting_sequence_number) {
    return std::unexpected(kinesis::errors::starting_sequence_number_superfluous(type_name));
  }
  if (wants_number) return start_at_sequence_number(input, stream, shard);
  if (type == ShardIteratorType::trim_horizon) return Start{.from = cell::StartFrom::trim_horizon};
  if (type == ShardIteratorType::latest) return Start{.from = cell::StartFrom::latest};
  if (!input.timestamp) return std::unexpected(kinesis::errors::timestamp_missing());
  if (*input.timestamp > now) return std::unexpected(kinesis::errors::timestamp_in_future(*input.timestamp, now));
  return Start{.from = cell::StartFrom::timestamp, .time = *input.timestamp};
}

// The stream and shard of the request; the order of the checks is K's (API reference, GetShardIterator).
ApiResult<std::pair<std::shared_ptr<const directory::Stream>, const directory::Shard*>> find_shard(
    const OperationCall& call, const GetShardIteratorInput& input) {
  auto name = addressed_stream(call, input.stream_name, input.stream_arn);
  if (!name) return std::unexpected(std::move(name.error()));
  const std::optional<ShardIndex> index = model::parse_shard_id(*input.shard_id);
  if (!index) {
    return std::unexpected(kinesis::errors::shard_not_parsed(*input.shard_id, *name, call.identity.account));
  }
  auto stream = call.routes.map()->find(call.identity.account, call.identity.region, *name);
  const directory::Shard* shard = stream != nullptr ? stream->find_shard(*index) : nullptr;  // none while in CREATING
  if (shard == nullptr) {
    return std::unexpected(
        kinesis::errors::shard_does_not_exist(model::shard_id(*index), *name, call.identity.account));
  }
  return std::pair(std::move(stream), shard);
}

}  // namespace

env::Task<OperationResult> get_shard_iterator(OperationCall& call) {
  WEIR_API_TRY(const GetShardIteratorInput input, co_await decode_input<GetShardIteratorInput>(call));
  WEIR_API_TRY(const auto found, find_shard(call, input));
  const auto& [stream, shard] = found;
  WEIR_API_TRY(const Start start, find_start(input, *stream, *shard, call.core.wall_now()));
  if (input.dry_run.value_or(false)) co_return std::unexpected(kinesis::errors::dry_run());

  const cell::LocateReply located =
      co_await call.services.cell.locate(call.core, shard->lane, stream->key_of(*shard), start.from, start.time);
  if (located.refusal == cell::Refusal::throttled) {
    co_return std::unexpected(
        kinesis::errors::shard_rate_exceeded(model::shard_id(shard->index), stream->name, stream->scope.account));
  }
  if (located.refusal == cell::Refusal::failed) co_return std::unexpected(kinesis::errors::internal_failure());
  if (located.refusal != cell::Refusal::none) {
    co_return std::unexpected(
        kinesis::errors::service_unavailable("The shard cannot be read at the moment. Try again."));
  }
  const RecordIndex from = start.from == cell::StartFrom::sequence_number ? start.position : located.position;
  const kinesis::GetShardIteratorOutput output{
      .shard_iterator = model::seal_iterator(call.sealer, {.shard = stream->key_of(*shard),
                                                           .from = from,
                                                           .type = *input.shard_iterator_type,
                                                           .issued = call.core.wall_now()})};
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
