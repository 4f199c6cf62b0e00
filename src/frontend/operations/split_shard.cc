// SplitShard: one shard becomes two (API reference, section 3.4).
#include "kinesis/shapes/split_shard.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "model/shard_id.h"

namespace weir::frontend {
namespace {

kinesis::ApiError split_error(const directory::DirectoryRefusal& refusal, const OperationCall& call,
                              std::string_view name, std::string_view key, ShardIndex shard) {
  if (refusal.kind != directory::RefusalKind::bad_split_key) return api_error(refusal, call, name);
  return kinesis::errors::split_key_out_of_range(key, model::shard_id(shard), name, call.identity.account,
                                                 to_string(refusal.first_hash), to_string(refusal.last_hash));
}

}  // namespace

env::Task<OperationResult> split_shard(OperationCall& call) {
  using kinesis::SplitShardInput;
  WEIR_API_TRY(const SplitShardInput input, co_await decode_input<SplitShardInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const std::string name, addressed_stream(call, input.stream_name, input.stream_arn));
  const std::optional<ShardIndex> shard = model::parse_shard_id(*input.shard_to_split);
  if (!shard) {
    co_return std::unexpected(kinesis::errors::shard_not_parsed(*input.shard_to_split, name, call.identity.account));
  }
  // A key above 2^128-1 fits the pattern and lies in no shard: taken as the greatest key, it is refused like one.
  const HashKey key = parse_hash_key(*input.new_starting_hash_key).value_or(HashKey::max());
  if (const auto split = co_await call.services.directory.split_shard(call.core, scope_of(call), name, *shard, key);
      !split) {
    co_return std::unexpected(split_error(split.error(), call, name, *input.new_starting_hash_key, *shard));
  }
  co_return std::string();
}

}  // namespace weir::frontend
