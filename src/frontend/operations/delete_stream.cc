// DeleteStream: removes a stream with everything in it (API reference, section 3.4). EnforceConsumerDeletion changes
// nothing as long as a stream cannot have registered consumers.
#include "kinesis/shapes/delete_stream.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"

namespace weir::frontend {

env::Task<OperationResult> delete_stream(OperationCall& call) {
  using kinesis::DeleteStreamInput;
  WEIR_API_TRY(const DeleteStreamInput input, co_await decode_input<DeleteStreamInput>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const std::string name, addressed_stream(call, input.stream_name, input.stream_arn));
  if (const auto deleted = co_await call.services.directory.delete_stream(call.core, scope_of(call), name); !deleted) {
    co_return std::unexpected(api_error(deleted.error(), call, name));
  }
  co_return std::string();
}

}  // namespace weir::frontend
