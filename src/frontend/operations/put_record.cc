// PutRecord: one record into a stream (API reference, section 3.4).
#include "kinesis/shapes/put_record.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/put_checks.h"
#include "model/sequence_number.h"
#include "model/shard_id.h"

namespace weir::frontend {
namespace {

using kinesis::PutRecordInput;

std::optional<kinesis::ApiError> check_input(const OperationCall& call, const PutRecordInput& input,
                                             const directory::Stream& stream) {
  if (record_bytes(*input.partition_key, *input.data) > stream.record_bytes_max) {
    return kinesis::errors::record_too_large("data", input.data->size(), stream.record_bytes_max);
  }
  if (input.sequence_number_for_ordering &&
      !is_possible_ordering_number(*input.sequence_number_for_ordering, call.core.wall_now())) {
    return kinesis::errors::ordering_number_invalid(*input.sequence_number_for_ordering, stream.name,
                                                    stream.scope.account);
  }
  if (input.dry_run.value_or(false)) return kinesis::errors::dry_run();
  return std::nullopt;
}

OperationResult refuse(OperationCall& call, cell::Refusal refusal, const directory::Stream& stream, ShardIndex shard) {
  note_refused(call, refusal);
  return std::unexpected(put_error(refusal, stream, shard));
}

std::string encode_success(const OperationCall& call, const directory::Shard& shard, const cell::AppendReply& reply) {
  kinesis::PutRecordOutput output;
  output.shard_id = model::shard_id(shard.index);
  output.sequence_number =
      model::to_string(model::record_sequence_number(shard.created, shard.index, reply.first_index, reply.arrival));
  return kinesis::encode(call.encoding, output);
}

}  // namespace

env::Task<OperationResult> put_record(OperationCall& call) {
  WEIR_API_TRY(const PutRecordInput input, co_await decode_input<PutRecordInput>(call));
  if (call.is_large()) co_await call.large_work.turn();  // decoded; next is to encode
  WEIR_API_TRY(auto stream, find_stream_with_shards(call, input.stream_name, input.stream_arn));
  WEIR_API_TRY(const RecordPlace place, place_record(*input.partition_key, input.explicit_hash_key));
  if (auto error = check_input(call, input, *stream)) co_return std::unexpected(std::move(*error));

  const MonotonicTime deadline = call.core.now() + Duration(call.services.settings.reroute_time_max.get());
  while (true) {
    const std::uint64_t map_version = call.routes.map()->version();
    const directory::Shard* shard = stream->open_shard_for(place.hash);
    if (shard == nullptr) {
      co_return std::unexpected(kinesis::errors::stream_not_found(stream->name, stream->scope.account));
    }
    const std::uint64_t bytes = record_bytes(*input.partition_key, *input.data);
    if (call.services.cell.may_take(call.core, stream->key_of(*shard), {&bytes, 1}) == 0) {
      co_return refuse(call, cell::Refusal::throttled, *stream, shard->index);
    }
    journal::FragmentBuilder builder(stream->key_of(*shard), 1, bytes);
    builder.add(*input.partition_key, place.explicit_hash_key, *input.data);
    std::vector<cell::AppendRequest> requests;
    requests.push_back({.fragment = std::move(builder).finish()});
    const std::vector<cell::AppendReply> replies =
        co_await call.services.cell.append(call.core, shard->lane, std::move(requests));
    const cell::AppendReply& reply = replies.front();
    if (reply.refusal == cell::Refusal::none) {
      call.services.metrics.records_in.add();
      call.services.metrics.record_bytes_in.add(bytes);
      co_return encode_success(call, *shard, reply);
    }
    if (!is_rerouted(reply.refusal)) co_return refuse(call, reply.refusal, *stream, shard->index);
    if (!co_await wait_to_reroute(call, map_version, deadline)) {
      co_return refuse(call, cell::Refusal::unavailable, *stream, shard->index);
    }
    WEIR_API_TRY(stream, find_stream_with_shards(call, input.stream_name, input.stream_arn));
  }
}

}  // namespace weir::frontend
