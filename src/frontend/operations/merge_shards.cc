// MergeShards: two adjacent shards become one (API reference, section 3.4).
#include "kinesis/shapes/merge_shards.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "model/shard_id.h"

namespace weir::frontend {

env::Task<OperationResult> merge_shards(OperationCall& call) {
  using kinesis::MergeShardsInput;
  WEIR_API_TRY(const MergeShardsInput input, co_await decode_input<MergeShardsInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const std::string name, addressed_stream(call, input.stream_name, input.stream_arn));
  const std::optional<ShardIndex> shard = model::parse_shard_id(*input.shard_to_merge);
  const std::optional<ShardIndex> adjacent = model::parse_shard_id(*input.adjacent_shard_to_merge);
  if (!shard || !adjacent) {
    co_return std::unexpected(kinesis::errors::shard_not_parsed(
        shard ? *input.adjacent_shard_to_merge : *input.shard_to_merge, name, call.identity.account));
  }
  if (const auto merged =
          co_await call.services.directory.merge_shards(call.core, scope_of(call), name, *shard, *adjacent);
      !merged) {
    co_return std::unexpected(api_error(merged.error(), call, name));
  }
  co_return std::string();
}

}  // namespace weir::frontend
