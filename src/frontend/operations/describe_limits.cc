// DescribeLimits: the account's shards and on-demand streams against their quotas (API reference, section 3.4).
#include "kinesis/shapes/describe_limits.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"

namespace weir::frontend {

env::Task<OperationResult> describe_limits(OperationCall& call) {
  using kinesis::DescribeLimitsInput;
  WEIR_API_TRY([[maybe_unused]] const DescribeLimitsInput input, co_await decode_input<DescribeLimitsInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  kinesis::DescribeLimitsOutput output;
  const directory::DirectorySettings& quotas = call.services.quotas;
  output.shard_limit = static_cast<std::int32_t>(quotas.account_shards_max.get());
  output.on_demand_stream_count_limit = static_cast<std::int32_t>(quotas.account_on_demand_streams_max.get());
  const directory::ShardMapPointer map = call.routes.map();
  if (const auto* streams = map->streams_of(scope_of(call))) {
    for (const auto& [name, stream] : *streams) {
      if (stream->mode == directory::StreamMode::on_demand)
        ++output.on_demand_stream_count;
      else
        output.open_shard_count += static_cast<std::int32_t>(stream->open_shard_count());
    }
  }
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
