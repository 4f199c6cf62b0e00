// Operation: what every API operation gets and what it answers. One operation, one file in operations/.
//
// An operation decodes its input, checks what the model cannot say, does its work through the cell or the directory,
// and encodes its output. It runs on the core of its connection.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "cell/cell_client.h"
#include "directory/directory_client.h"
#include "directory/settings.h"
#include "env/core.h"
#include "env/task.h"
#include "frontend/authentication/identity.h"
#include "frontend/call_rates.h"
#include "frontend/large_work.h"
#include "frontend/metrics.h"
#include "frontend/routes.h"
#include "frontend/settings.h"
#include "kinesis/decode.h"
#include "kinesis/encode.h"
#include "kinesis/errors.h"
#include "kinesis/operations.h"
#include "model/token.h"

namespace weir::frontend {

// The rest of the system, as the front ends of all cores see it. Outlives them.
struct Services {
  cell::CellClient& cell;
  directory::DirectoryClient& directory;
  CallRates& call_rates;
  const FrontEndSettings& settings;
  const directory::DirectorySettings& quotas;
  FrontEndMetrics& metrics;
  std::uint64_t account_connections_max = std::numeric_limits<std::uint64_t>::max();  // on each core
  std::uint64_t account_connections_in_background_max = std::numeric_limits<std::uint64_t>::max();
  bool enforce_rates = true;  // limits.enforce_rates: whether calls are counted against their rates
};

// One request on its way through its operation. Lives until the operation's task has ended.
struct OperationCall {
  env::Core& core;
  Services& services;
  Routes& routes;              // of this core
  model::TokenSealer& sealer;  // of this core
  LargeWork& large_work;       // of this core
  kinesis::Operation operation;
  kinesis::Encoding encoding;
  Identity identity;
  MutableBytes body;          // decoded in place; views in the input point into it
  bool is_over_rate = false;  // becomes true when a shard's rate stood against the request, or a part of it
  bool is_in_vain = false;    // and less than half of it was done

  [[nodiscard]] bool is_large() const noexcept { return LargeWork::is_large(body.size()); }
};

// The operation's input. What is large is decoded in its turn. The result is valid as long as the body.
template <class Input>
[[nodiscard]] env::Task<std::expected<Input, kinesis::ApiError>> decode_input(OperationCall& call) {
  if (call.is_large()) co_await call.large_work.turn();
  co_return kinesis::decode_request<Input>(call.encoding, call.body);
}

// The encoded body of a success (empty for operations without output), or the error.
using OperationResult = std::expected<std::string, kinesis::ApiError>;
using OperationFunction = env::Task<OperationResult> (*)(OperationCall&);

// The function of `operation`; null for those that are not built.
[[nodiscard]] OperationFunction find_operation(kinesis::Operation operation) noexcept;

}  // namespace weir::frontend
