// AddTagsToStream: adds or overwrites tags (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct AddTagsToStreamInput {
  std::optional<TextMap> tags;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<AddTagsToStreamInput> = shape(
    "AddTagsToStreamInput", member<&AddTagsToStreamInput::tags>("Tags", constraint::required(constraint::tag_map)),
    member<&AddTagsToStreamInput::stream_name>("StreamName", constraint::stream_name),
    member<&AddTagsToStreamInput::stream_arn>("StreamARN", constraint::stream_arn));

}  // namespace weir::kinesis
