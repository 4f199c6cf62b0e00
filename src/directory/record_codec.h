// Streams and shards as protobuf messages. Only for stored_state.cc: it keeps the generated header out of the others.
#pragma once

#include <optional>
#include <string>

#include "directory/records.pb.h"
#include "directory/stored_state.h"

namespace weir::directory {

void to_record(const Shard& shard, records::Shard& record);
[[nodiscard]] Shard from_record(const records::Shard& record);

[[nodiscard]] std::string encode_stream(const StreamState& state);
// Fills `stream` (but for its shards) and returns the rest of its state. Empty when a value is out of range, or the
// status and the pending change do not fit.
[[nodiscard]] std::optional<StreamState> from_record(const records::Stream& record, Stream& stream);

}  // namespace weir::directory
