// Every operation that is built. Each lives in the file of its name and is described in the API reference, section 3.4.
#pragma once

#include "frontend/operation.h"

namespace weir::frontend {

[[nodiscard]] env::Task<OperationResult> add_tags_to_stream(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> create_stream(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> decrease_stream_retention_period(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> delete_stream(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> describe_limits(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> describe_stream(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> describe_stream_summary(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> get_records(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> get_shard_iterator(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> increase_stream_retention_period(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> list_shards(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> list_streams(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> list_tags_for_stream(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> merge_shards(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> put_record(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> put_records(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> remove_tags_from_stream(OperationCall& call);
[[nodiscard]] env::Task<OperationResult> split_shard(OperationCall& call);

}  // namespace weir::frontend
