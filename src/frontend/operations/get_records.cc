// GetRecords: records of one shard from where an iterator stands (API reference, sections 3.4 and 4.5).
#include <array>

#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "kinesis/record_writers.h"
#include "kinesis/shapes/get_records.h"
#include "model/limits.h"
#include "model/sequence_number.h"
#include "model/shard_id.h"
#include "model/shard_iterator.h"

namespace weir::frontend {
namespace {

using kinesis::GetRecordsInput;

struct ReadPlace {
  model::ShardIterator iterator;
  std::shared_ptr<const directory::Stream> stream;
  const directory::Shard* shard = nullptr;
};

ApiResult<ReadPlace> find_place(const OperationCall& call, const GetRecordsInput& input) {
  const auto iterator = model::unseal_iterator(call.sealer, *input.shard_iterator);
  if (!iterator) return std::unexpected(kinesis::errors::iterator_invalid());
  const WallTime now = call.core.wall_now();
  if (now - iterator->issued > milliseconds(model::shard_iterator_age_ms_max)) {
    return std::unexpected(kinesis::errors::iterator_expired(iterator->issued, now));
  }
  ReadPlace place{.iterator = *iterator, .stream = call.routes.map()->find(iterator->shard.stream)};
  if (place.stream == nullptr) {
    return std::unexpected(kinesis::errors::shard_does_not_exist(model::shard_id(iterator->shard.shard), "(deleted)",
                                                                 call.identity.account));
  }
  if (place.stream->scope != scope_of(call)) return std::unexpected(kinesis::errors::iterator_invalid());
  if (input.stream_arn && *input.stream_arn != arn_of(*place.stream)) {
    return std::unexpected(kinesis::errors::iterator_of_other_stream(*input.stream_arn));
  }
  place.shard = place.stream->find_shard(iterator->shard.shard);
  if (place.shard == nullptr) {
    return std::unexpected(kinesis::errors::shard_does_not_exist(model::shard_id(iterator->shard.shard),
                                                                 place.stream->name, call.identity.account));
  }
  return place;
}

kinesis::ApiError read_error(OperationCall& call, const cell::ReadReply& reply, const ReadPlace& place) {
  switch (reply.refusal) {
    case cell::Refusal::throttled:
      return kinesis::errors::shard_rate_exceeded(model::shard_id(place.shard->index), place.stream->name,
                                                  call.identity.account);
    case cell::Refusal::unavailable:
    case cell::Refusal::shard_closed:
    case cell::Refusal::not_mine:
      return kinesis::errors::service_unavailable("The shard cannot be read at the moment. Try again.");
    case cell::Refusal::none:
    case cell::Refusal::failed: break;
  }
  return kinesis::errors::internal_failure();
}

void write_slice(kinesis::GetRecordsWriter& writer, const journal::FragmentSlice& slice,
                 const directory::Shard& shard) {
  std::array<char, model::sequence_number_digits> number;
  const std::uint32_t end = slice.skip + slice.count;
  std::uint32_t ordinal = 0;
  slice.fragment.for_each([&](const journal::RecordView& record) {
    if (ordinal >= slice.skip) {
      model::format(model::record_sequence_number(shard.created, shard.index, record.index, record.arrival), number);
      writer.record({number.data(), number.size()}, record.arrival, record.data, record.partition_key);
    }
    return ++ordinal < end;
  });
}

// Piece by piece, so that others get their turn meanwhile.
env::Task<void> write_slices(OperationCall& call, kinesis::GetRecordsWriter& writer, const ReadPlace& place,
                             const journal::ReadResult& result) {
  std::uint64_t piece = result.payload_bytes;
  for (const journal::FragmentSlice& slice : result.slices) {
    if (piece >= LargeWork::piece_bytes) {
      co_await call.large_work.turn();
      piece = 0;
    }
    write_slice(writer, slice, *place.shard);
    piece += slice.fragment.payload_bytes();
  }
}

std::string finish_answer(OperationCall& call, kinesis::GetRecordsWriter writer, const ReadPlace& place,
                          const cell::ReadReply& reply) {
  call.services.metrics.records_out.add(reply.result.record_count);
  call.services.metrics.record_bytes_out.add(reply.result.payload_bytes);

  // The map that ended the shard may have reached this core after the request began.
  if (reply.shard_ended) {
    const auto stream = call.routes.map()->find(place.stream->id);
    const directory::Shard* shard = stream != nullptr ? stream->find_shard(place.shard->index) : nullptr;
    if (shard != nullptr && !shard->children.empty()) {
      const std::vector<kinesis::ChildShard> children = wire_children(*stream, *shard);
      return std::move(writer).finish(std::nullopt, reply.behind_ms, &children);
    }
  }
  const std::string next = model::seal_iterator(call.sealer, {.shard = place.iterator.shard,
                                                              .from = reply.result.next,
                                                              .type = place.iterator.type,
                                                              .issued = call.core.wall_now()});
  return std::move(writer).finish(next, reply.behind_ms, nullptr);
}

}  // namespace

env::Task<OperationResult> get_records(OperationCall& call) {
  WEIR_API_TRY(const GetRecordsInput input, co_await decode_input<GetRecordsInput>(call));
  WEIR_API_TRY(const ReadPlace place, find_place(call, input));
  if (input.dry_run.value_or(false)) co_return std::unexpected(kinesis::errors::dry_run());

  const journal::ReadRequest request{
      .shard = place.iterator.shard,
      .from = place.iterator.from,
      .not_before = call.core.wall_now() - hours(place.stream->retention_hours),
      .records_max = input.limit ? static_cast<std::uint32_t>(*input.limit) : model::limits::get_records_records_max,
      .bytes_max = model::limits::get_records_bytes_max};
  const cell::ReadReply reply = co_await call.services.cell.read(call.core, place.shard->lane, request);
  if (reply.refusal != cell::Refusal::none) co_return std::unexpected(read_error(call, reply, place));
  kinesis::GetRecordsWriter writer(call.encoding, reply.result.payload_bytes, reply.result.record_count);
  co_await write_slices(call, writer, place, reply.result);
  co_return finish_answer(call, std::move(writer), place, reply);
}

}  // namespace weir::frontend
