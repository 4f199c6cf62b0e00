// DecreaseStreamRetentionPeriod: keeps records for less time (API reference §3.4). The range is checked by the
// operation.
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct DecreaseStreamRetentionPeriodInput {
  std::optional<std::int32_t> retention_period_hours;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<DecreaseStreamRetentionPeriodInput> =
    shape("DecreaseStreamRetentionPeriodInput",
          member<&DecreaseStreamRetentionPeriodInput::retention_period_hours>("RetentionPeriodHours",
                                                                              constraint::required(constraint::none)),
          member<&DecreaseStreamRetentionPeriodInput::stream_name>("StreamName", constraint::stream_name),
          member<&DecreaseStreamRetentionPeriodInput::stream_arn>("StreamARN", constraint::stream_arn));

}  // namespace weir::kinesis
