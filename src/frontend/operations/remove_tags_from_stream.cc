// RemoveTagsFromStream: removes tags by key; missing ones are ignored (API reference, section 3.4).
#include "kinesis/shapes/remove_tags_from_stream.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/tag_checks.h"

namespace weir::frontend {

env::Task<OperationResult> remove_tags_from_stream(OperationCall& call) {
  using kinesis::RemoveTagsFromStreamInput;
  WEIR_API_TRY(const RemoveTagsFromStreamInput input, co_await decode_input<RemoveTagsFromStreamInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const auto stream, find_stream(call, input.stream_name, input.stream_arn));
  const std::vector<std::string> keys(input.tag_keys->begin(), input.tag_keys->end());
  if (auto error = check_tag_key_characters(call, keys, stream->name)) co_return std::unexpected(std::move(*error));
  if (const auto removed = co_await call.services.directory.remove_tags(call.core, stream->scope, stream->name, keys);
      !removed) {
    co_return std::unexpected(api_error(removed.error(), call, stream->name));
  }
  co_return std::string();
}

}  // namespace weir::frontend
