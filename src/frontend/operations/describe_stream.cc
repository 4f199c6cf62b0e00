// DescribeStream: a stream and its shards, page by page (API reference, section 3.4).
#include <algorithm>

#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "kinesis/shapes/describe_stream.h"
#include "model/limits.h"
#include "model/shard_id.h"

namespace weir::frontend {
namespace {

// The shards behind `after`, at most `limit`; true when there are more. While the stream is in CREATING it has none.
bool add_shards(const directory::Stream& stream, std::optional<ShardIndex> after, std::size_t limit,
                std::vector<kinesis::Shard>& shards) {
  for (const directory::Shard& shard : stream.shards) {
    if (after && shard.index <= *after) continue;
    if (shards.size() == limit) return true;
    shards.push_back(wire_shard(shard));
  }
  return false;
}

}  // namespace

env::Task<OperationResult> describe_stream(OperationCall& call) {
  using kinesis::DescribeStreamInput;
  WEIR_API_TRY(const DescribeStreamInput input, co_await decode_input<DescribeStreamInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const auto stream, find_stream(call, input.stream_name, input.stream_arn));
  std::optional<ShardIndex> after;
  if (input.exclusive_start_shard_id) {
    after = model::parse_shard_id(*input.exclusive_start_shard_id);
    if (!after) {
      co_return std::unexpected(
          kinesis::errors::shard_not_parsed(*input.exclusive_start_shard_id, stream->name, stream->scope.account));
    }
  }
  kinesis::DescribeStreamOutput output;
  kinesis::StreamDescription& description = output.stream_description;
  description.stream_name = stream->name;
  description.stream_arn = arn_of(*stream);
  description.stream_status = wire_status(stream->status);
  description.stream_mode_details = {.stream_mode = wire_mode(stream->mode)};
  const auto limit = static_cast<std::uint32_t>(input.limit.value_or(model::limits::describe_stream_shards_max));
  description.has_more_shards =
      add_shards(*stream, after, std::min(limit, model::limits::describe_stream_shards_max), description.shards);
  description.retention_period_hours = static_cast<std::int32_t>(stream->retention_hours);
  description.stream_creation_timestamp = stream->created;
  description.enhanced_monitoring.emplace_back();
  description.encryption_type = kinesis::EncryptionType::none;
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
