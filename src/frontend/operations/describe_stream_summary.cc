// DescribeStreamSummary: a stream without its shards (API reference, section 3.4). StreamId is never returned: clients
// would leave the endpoint they were given for an AWS host name (section 1.1).
#include "kinesis/shapes/describe_stream_summary.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"

namespace weir::frontend {

env::Task<OperationResult> describe_stream_summary(OperationCall& call) {
  using kinesis::DescribeStreamSummaryInput;
  WEIR_API_TRY(const DescribeStreamSummaryInput input, co_await decode_input<DescribeStreamSummaryInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const auto stream, find_stream(call, input.stream_name, input.stream_arn));
  kinesis::DescribeStreamSummaryOutput output;
  kinesis::StreamDescriptionSummary& summary = output.stream_description_summary;
  summary.stream_name = stream->name;
  summary.stream_arn = arn_of(*stream);
  summary.stream_status = wire_status(stream->status);
  summary.stream_mode_details = {.stream_mode = wire_mode(stream->mode)};
  summary.retention_period_hours = static_cast<std::int32_t>(stream->retention_hours);
  summary.stream_creation_timestamp = stream->created;
  summary.enhanced_monitoring.emplace_back();
  summary.encryption_type = kinesis::EncryptionType::none;
  summary.open_shard_count = static_cast<std::int32_t>(stream->open_shard_count());
  summary.consumer_count = 0;
  summary.max_record_size_kib = static_cast<std::int32_t>(stream->record_bytes_max / kibibyte);
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
