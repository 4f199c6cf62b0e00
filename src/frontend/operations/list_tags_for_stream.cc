// ListTagsForStream: a stream's tags by key, page by page (API reference, section 3.4).
#include "kinesis/shapes/list_tags_for_stream.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "model/limits.h"

namespace weir::frontend {

env::Task<OperationResult> list_tags_for_stream(OperationCall& call) {
  using kinesis::ListTagsForStreamInput;
  WEIR_API_TRY(const ListTagsForStreamInput input, co_await decode_input<ListTagsForStreamInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const auto stream, find_stream(call, input.stream_name, input.stream_arn));
  const auto limit = static_cast<std::size_t>(input.limit.value_or(model::limits::tags_per_stream_max));
  auto tag = input.exclusive_start_tag_key ? stream->tags.upper_bound(std::string(*input.exclusive_start_tag_key))
                                           : stream->tags.begin();
  kinesis::ListTagsForStreamOutput output;
  for (; tag != stream->tags.end() && output.tags.size() < limit; ++tag) {
    output.tags.push_back({.key = tag->first, .value = tag->second});
  }
  output.has_more_tags = tag != stream->tags.end();
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
