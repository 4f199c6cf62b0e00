// AddTagsToStream: adds or overwrites tags (API reference, section 3.4). Checks: existence, characters, count.
#include "kinesis/shapes/add_tags_to_stream.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/tag_checks.h"

namespace weir::frontend {

env::Task<OperationResult> add_tags_to_stream(OperationCall& call) {
  using kinesis::AddTagsToStreamInput;
  WEIR_API_TRY(const AddTagsToStreamInput input, co_await decode_input<AddTagsToStreamInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const auto stream, find_stream(call, input.stream_name, input.stream_arn));
  const std::map<std::string, std::string> tags = to_tags(*input.tags);
  if (auto error = check_tag_characters(call, tags, stream->name)) co_return std::unexpected(std::move(*error));
  if (const auto added = co_await call.services.directory.add_tags(call.core, stream->scope, stream->name, tags);
      !added) {
    co_return std::unexpected(api_error(added.error(), call, stream->name));
  }
  co_return std::string();
}

}  // namespace weir::frontend
