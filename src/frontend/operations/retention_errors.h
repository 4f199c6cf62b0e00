// The refusals of Increase- and DecreaseStreamRetentionPeriod.
#pragma once

#include "frontend/operations/common.h"

namespace weir::frontend {

[[nodiscard]] inline kinesis::ApiError retention_error(const directory::DirectoryRefusal& refusal,
                                                       const OperationCall& call, std::string_view name,
                                                       std::int64_t requested_hours) {
  const auto current = static_cast<std::int64_t>(refusal.current);
  switch (refusal.kind) {
    case directory::RefusalKind::retention_too_short: return kinesis::errors::retention_too_short(requested_hours);
    case directory::RefusalKind::retention_too_long: return kinesis::errors::retention_too_long(requested_hours);
    case directory::RefusalKind::retention_below_current:
      return kinesis::errors::retention_shorter_than_existing(requested_hours, current, name);
    case directory::RefusalKind::retention_above_current:
      return kinesis::errors::retention_longer_than_existing(requested_hours, current, name);
    default: return api_error(refusal, call, name);
  }
}

}  // namespace weir::frontend
