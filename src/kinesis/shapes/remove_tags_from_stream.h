// RemoveTagsFromStream: removes tags by key (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct RemoveTagsFromStreamInput {
  std::optional<std::vector<std::string_view>> tag_keys;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<RemoveTagsFromStreamInput> =
    shape("RemoveTagsFromStreamInput",
          member<&RemoveTagsFromStreamInput::tag_keys>("TagKeys", constraint::required(constraint::tag_keys)),
          member<&RemoveTagsFromStreamInput::stream_name>("StreamName", constraint::stream_name),
          member<&RemoveTagsFromStreamInput::stream_arn>("StreamARN", constraint::stream_arn));

}  // namespace weir::kinesis
