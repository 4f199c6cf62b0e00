// CreateStream: makes a stream (API reference, section 3.4).
#include "kinesis/shapes/create_stream.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/tag_checks.h"
#include "model/limits.h"

namespace weir::frontend {
namespace {

using kinesis::CreateStreamInput;

// Mode and number of shards. Without either the stream is on demand, as AWS has it since 2022.
ApiResult<directory::CreateStreamCommand> to_command(const OperationCall& call, const CreateStreamInput& input) {
  const bool names_mode = input.stream_mode_details.has_value();
  const bool on_demand = names_mode ? *input.stream_mode_details->stream_mode == kinesis::StreamMode::on_demand
                                    : !input.shard_count.has_value();
  if (on_demand && input.shard_count) return std::unexpected(kinesis::errors::shard_count_with_on_demand());
  if (!on_demand && !input.shard_count) return std::unexpected(kinesis::errors::shard_count_missing());
  if (input.warm_throughput_mibps) return std::unexpected(kinesis::errors::warm_throughput_not_allowed());

  directory::CreateStreamCommand command;
  command.scope = scope_of(call);
  command.name = std::string(*input.stream_name);
  command.mode = on_demand ? directory::StreamMode::on_demand : directory::StreamMode::provisioned;
  command.shard_count =
      on_demand ? model::limits::on_demand_first_shards : static_cast<std::uint32_t>(*input.shard_count);
  if (input.max_record_size_kib) {
    command.record_bytes_max = static_cast<std::uint32_t>(*input.max_record_size_kib) * std::uint32_t{1024};
  }
  if (input.tags) command.tags = to_tags(*input.tags);
  return command;
}

}  // namespace

env::Task<OperationResult> create_stream(OperationCall& call) {
  WEIR_API_TRY(const CreateStreamInput input, co_await decode_input<CreateStreamInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(directory::CreateStreamCommand stream, to_command(call, input));
  if (auto error = check_tag_characters(call, stream.tags, stream.name)) co_return std::unexpected(std::move(*error));
  if (const auto created = co_await call.services.directory.create_stream(call.core, stream); !created) {
    co_return std::unexpected(api_error(created.error(), call, stream.name));
  }
  co_return std::string();
}

}  // namespace weir::frontend
