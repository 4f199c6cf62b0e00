// Parts that the messages of map.proto share. Only for .cc files: it keeps the generated header out of the others.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "directory/map/map.pb.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

void to_wire(HashKey key, wire::HashKey& message);
[[nodiscard]] HashKey from_wire(const wire::HashKey& message) noexcept;
[[nodiscard]] wire::Status to_wire(StreamStatus status) noexcept;
[[nodiscard]] std::optional<StreamStatus> from_wire(wire::Status status) noexcept;
[[nodiscard]] wire::Mode to_wire(StreamMode mode) noexcept;
[[nodiscard]] std::optional<StreamMode> from_wire(wire::Mode mode) noexcept;
void to_wire(MapId id, wire::MapId& message);
[[nodiscard]] MapId from_wire(const wire::MapId& message) noexcept;

template <class Tags>
void tags_to_wire(const std::map<std::string, std::string>& tags, Tags& repeated) {
  for (const auto& [key, value] : tags) {
    wire::Tag& tag = *repeated.Add();
    tag.set_key(key);
    tag.set_value(value);
  }
}
template <class Tags>
[[nodiscard]] std::map<std::string, std::string> tags_from_wire(const Tags& repeated) {
  std::map<std::string, std::string> tags;
  for (const wire::Tag& tag : repeated) tags.insert_or_assign(tag.key(), tag.value());
  return tags;
}

void to_wire(const Stream& stream, wire::Stream& message);
// Errors: corrupt when it breaks what a stream promises: shards by rising index, open ones that tile the key space.
[[nodiscard]] Result<std::shared_ptr<const Stream>> from_wire(const wire::Stream& message);

}  // namespace weir::directory
