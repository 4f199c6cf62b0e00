// DecreaseStreamRetentionPeriod: keeps records for less time (API reference, section 3.4).
#include "kinesis/shapes/decrease_stream_retention_period.h"
#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/retention_errors.h"

namespace weir::frontend {

env::Task<OperationResult> decrease_stream_retention_period(OperationCall& call) {
  using Input = kinesis::DecreaseStreamRetentionPeriodInput;
  WEIR_API_TRY(const Input input, co_await decode_input<Input>(call));
  if (auto error = co_await over_call_rate(call)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(const std::string name, addressed_stream(call, input.stream_name, input.stream_arn));
  const std::int64_t hours = *input.retention_period_hours;
  if (const auto set = co_await call.services.directory.decrease_retention(call.core, scope_of(call), name, hours);
      !set) {
    co_return std::unexpected(retention_error(set.error(), call, name, hours));
  }
  co_return std::string();
}

}  // namespace weir::frontend
