// ListStreams: the account's streams in one Region, by name (API reference, section 3.4). Pages by NextToken or by
// ExclusiveStartStreamName.
#include <algorithm>

#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/page_token.h"
#include "kinesis/shapes/list_streams.h"
#include "model/limits.h"

namespace weir::frontend {
namespace {

using kinesis::ListStreamsInput;
using kinesis::ListStreamsOutput;

// The name behind which the page starts; empty for the first page.
ApiResult<std::string> page_start(const OperationCall& call, const ListStreamsInput& input) {
  if (!input.next_token) return std::string(input.exclusive_start_stream_name.value_or(""));
  if (input.exclusive_start_stream_name) return std::unexpected(kinesis::errors::token_and("ExclusiveStartStreamName"));
  auto token =
      PageTokenReader::open(call.sealer, model::TokenKind::list_streams, *input.next_token, call.core.wall_now());
  if (!token) return std::unexpected(std::move(token.error()));
  return token->text();
}

kinesis::StreamSummary summarize(const directory::Stream& stream) {
  return {.stream_name = stream.name,
          .stream_arn = arn_of(stream),
          .stream_status = wire_status(stream.status),
          .stream_mode_details = kinesis::StreamModeDetails{.stream_mode = wire_mode(stream.mode)},
          .stream_creation_timestamp = stream.created};
}

}  // namespace

env::Task<OperationResult> list_streams(OperationCall& call) {
  WEIR_API_TRY(const ListStreamsInput input, co_await decode_input<ListStreamsInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const std::string after, page_start(call, input));
  const auto wanted = static_cast<std::size_t>(input.limit.value_or(model::limits::list_streams_max));
  const std::size_t limit = std::min<std::size_t>(wanted, model::limits::list_streams_max);

  ListStreamsOutput output;
  const directory::ShardMapPointer map = call.routes.map();
  if (const auto* streams = map->streams_of(scope_of(call))) {
    for (auto entry = after.empty() ? streams->begin() : streams->upper_bound(after); entry != streams->end();
         ++entry) {
      if (output.stream_names.size() == limit) {
        output.has_more_streams = true;
        break;
      }
      output.stream_names.emplace_back(entry->first);
      output.stream_summaries.push_back(summarize(*entry->second));
    }
  }
  if (output.has_more_streams) {
    output.next_token = PageTokenWriter(call.core.wall_now())
                            .text(output.stream_names.back())
                            .seal(call.sealer, model::TokenKind::list_streams);
  }
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
