// What several operations do alike: find the stream that a request names, and pass the call rates.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "directory/directory.h"
#include "directory/map/shard_map.h"
#include "frontend/operation.h"
#include "kinesis/errors.h"
#include "kinesis/shapes/common.h"

namespace weir::frontend {

template <class T>
using ApiResult = std::expected<T, kinesis::ApiError>;

// Leaves an operation with the error when `expression` (an ApiResult) failed; otherwise binds its value.
#define WEIR_API_TRY(declaration, expression) \
  WEIR_TRY_IMPL(declaration, expression, co_return, WEIR_CONCAT(weir_api_, __LINE__))

// The name of the stream addressed by name, ARN or both. An ARN of another account is refused as IAM would refuse it.
[[nodiscard]] ApiResult<std::string> addressed_stream(const OperationCall& call,
                                                      const std::optional<std::string_view>& name,
                                                      const std::optional<std::string_view>& arn);
// The stream itself, from this core's map, in whatever state.
[[nodiscard]] ApiResult<std::shared_ptr<const directory::Stream>> find_stream(
    const OperationCall& call, const std::optional<std::string_view>& name, const std::optional<std::string_view>& arn);
// The same for data operations, for which a stream in CREATING does not exist yet (API reference, CreateStream).
[[nodiscard]] ApiResult<std::shared_ptr<const directory::Stream>> find_stream_with_shards(
    const OperationCall& call, const std::optional<std::string_view>& name, const std::optional<std::string_view>& arn);

// Counts the call against its per-second rate (kinesis/operations.h). Empty when it is within, else the error.
// `stream_name` for operations whose rate is per stream.
[[nodiscard]] env::Task<std::optional<kinesis::ApiError>> over_call_rate(OperationCall& call,
                                                                         std::string_view stream_name = {});

[[nodiscard]] directory::StreamScope scope_of(const OperationCall& call);
[[nodiscard]] std::string arn_of(const directory::Stream& stream);
[[nodiscard]] kinesis::StreamStatus wire_status(directory::StreamStatus status) noexcept;
[[nodiscard]] kinesis::StreamMode wire_mode(directory::StreamMode mode) noexcept;
[[nodiscard]] kinesis::Shard wire_shard(const directory::Shard& shard);
// The children of `shard` as GetRecords shows them at the shard's end.
[[nodiscard]] std::vector<kinesis::ChildShard> wire_children(const directory::Stream& stream,
                                                             const directory::Shard& shard);

// The error that a refusal of the directory becomes. `name`: of the stream concerned. Refusals that only one operation
// can have are that operation's own (InternalFailure here).
[[nodiscard]] kinesis::ApiError api_error(const directory::DirectoryRefusal& refusal, const OperationCall& call,
                                          std::string_view name);

}  // namespace weir::frontend
