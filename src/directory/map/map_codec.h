// Shard maps and their changes as bytes: protobuf messages (map.proto) in frames (map_frame.h). What is decoded is
// whole and sound, or refused: never a partial map.
//
// Any thread. Errors of decoding, whatever bytes come: corrupt; unsupported for a newer format; conflict when the bytes
// are of another slice than the one expected.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "directory/map/map_delta.h"
#include "directory/map/map_slice.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

// What of the map is in the slice. Empty when the map has no such fleet.
[[nodiscard]] std::optional<std::string> encode_map(const ShardMap& map, const MapSlice& slice);
[[nodiscard]] Result<ShardMapPointer> decode_map(std::string_view bytes, const MapSlice& expected);

// All of it: who makes a delta leaves out what is not in the slice.
[[nodiscard]] std::string encode_delta(const MapDelta& delta, const MapSlice& slice);
[[nodiscard]] Result<MapDelta> decode_delta(std::string_view bytes, const MapSlice& expected);

}  // namespace weir::directory
