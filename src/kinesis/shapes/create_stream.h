// CreateStream: makes a stream (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct CreateStreamInput {
  std::optional<std::int32_t> shard_count;
  std::optional<std::string_view> stream_name;
  std::optional<StreamModeDetails> stream_mode_details;
  std::optional<TextMap> tags;
  std::optional<std::int32_t> warm_throughput_mibps;
  std::optional<std::int32_t> max_record_size_kib;
};
template <>
inline constexpr auto definition_of<CreateStreamInput> =
    shape("CreateStreamInput", member<&CreateStreamInput::shard_count>("ShardCount", constraint::positive),
          member<&CreateStreamInput::stream_name>("StreamName", constraint::required(constraint::stream_name)),
          member<&CreateStreamInput::stream_mode_details>("StreamModeDetails"),
          member<&CreateStreamInput::tags>("Tags", constraint::tag_map),
          member<&CreateStreamInput::warm_throughput_mibps>("WarmThroughputMiBps", constraint::natural),
          member<&CreateStreamInput::max_record_size_kib>("MaxRecordSizeInKiB", constraint::record_size_kib));

}  // namespace weir::kinesis
