// ListTagsForStream: a stream's tags by key, page by page (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct ListTagsForStreamInput {
  std::optional<std::int32_t> limit;
  std::optional<std::string_view> exclusive_start_tag_key;
  std::optional<std::string_view> stream_name;
  std::optional<std::string_view> stream_arn;
};
template <>
inline constexpr auto definition_of<ListTagsForStreamInput> =
    shape("ListTagsForStreamInput", member<&ListTagsForStreamInput::limit>("Limit", constraint::tag_page_limit),
          member<&ListTagsForStreamInput::exclusive_start_tag_key>("ExclusiveStartTagKey", constraint::tag_key),
          member<&ListTagsForStreamInput::stream_name>("StreamName", constraint::stream_name),
          member<&ListTagsForStreamInput::stream_arn>("StreamARN", constraint::stream_arn));

struct ListTagsForStreamOutput {
  std::vector<Tag> tags;
  bool has_more_tags = false;
};
template <>
inline constexpr auto definition_of<ListTagsForStreamOutput> =
    shape("ListTagsForStreamOutput", member<&ListTagsForStreamOutput::tags>("Tags"),
          member<&ListTagsForStreamOutput::has_more_tags>("HasMoreTags"));

}  // namespace weir::kinesis
