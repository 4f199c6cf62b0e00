// DeleteStream: removes a stream and its records (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct DeleteStreamInput {
  std::optional<std::string_view> stream_name;
  std::optional<bool> enforce_consumer_deletion;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<DeleteStreamInput> =
    shape("DeleteStreamInput", member<&DeleteStreamInput::stream_name>("StreamName", constraint::stream_name),
          member<&DeleteStreamInput::enforce_consumer_deletion>("EnforceConsumerDeletion"),
          member<&DeleteStreamInput::stream_arn>("StreamARN", constraint::stream_arn));

}  // namespace weir::kinesis
