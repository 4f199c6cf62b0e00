// ListStreams: an account's streams in one Region, by name (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct ListStreamsInput {
  std::optional<std::int32_t> limit;
  std::optional<std::string_view> exclusive_start_stream_name;
  std::optional<std::string_view> next_token;
};
template <>
inline constexpr auto definition_of<ListStreamsInput> =
    shape("ListStreamsInput", member<&ListStreamsInput::limit>("Limit", constraint::page_limit),
          member<&ListStreamsInput::exclusive_start_stream_name>("ExclusiveStartStreamName", constraint::stream_name),
          member<&ListStreamsInput::next_token>("NextToken", constraint::next_token));

struct StreamSummary {
  std::string stream_name;
  std::string stream_arn;
  Choice<StreamStatus> stream_status;
  std::optional<StreamModeDetails> stream_mode_details;
  std::optional<WallTime> stream_creation_timestamp;
};
template <>
inline constexpr auto definition_of<StreamSummary> =
    shape("StreamSummary", member<&StreamSummary::stream_name>("StreamName"),
          member<&StreamSummary::stream_arn>("StreamARN"), member<&StreamSummary::stream_status>("StreamStatus"),
          member<&StreamSummary::stream_mode_details>("StreamModeDetails"),
          member<&StreamSummary::stream_creation_timestamp>("StreamCreationTimestamp"));

struct ListStreamsOutput {
  std::vector<std::string> stream_names;
  bool has_more_streams = false;
  std::optional<std::string> next_token;
  std::vector<StreamSummary> stream_summaries;  // in the order of stream_names
};
template <>
inline constexpr auto definition_of<ListStreamsOutput> = shape(
    "ListStreamsOutput", member<&ListStreamsOutput::stream_names>("StreamNames"),
    member<&ListStreamsOutput::has_more_streams>("HasMoreStreams"), member<&ListStreamsOutput::next_token>("NextToken"),
    member<&ListStreamsOutput::stream_summaries>("StreamSummaries"));

}  // namespace weir::kinesis
