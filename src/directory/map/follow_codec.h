// The method `follow`: how a process gets every new shard map. A long poll: the follower says what it holds, the source
// answers when it has something newer, or after a while that it has not.
//
// Any thread. Decoding takes whatever bytes come; errors: corrupt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "directory/fleet/process_report.h"
#include "directory/map/map_slice.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

enum class FollowerKind : std::uint8_t { front_end, node, directory };
[[nodiscard]] std::string_view to_string(FollowerKind kind) noexcept;

inline constexpr milliseconds follow_wait_max = seconds(10);
inline constexpr std::size_t follower_name_bytes_max = 256;
inline constexpr std::size_t follow_request_bytes_max = 4 * kibibyte;

struct FollowRequest {
  std::string name;  // of the follower: unique within its kind
  FollowerKind kind = FollowerKind::front_end;
  MapSlice slice;  // of a fleet for a front end, of a cell for a node, all for a directory
  std::optional<MapId> held;
  milliseconds wait = follow_wait_max;  // at most follow_wait_max
  bool snapshot_only = false;           // a delta did not fit what is held
  ProcessReport report;                 // of the follower
  friend bool operator==(const FollowRequest&, const FollowRequest&) = default;
};

struct FollowAnswer {
  std::optional<MapId> newest;  // that the source has
  milliseconds age{};           // since the source last heard the leader confirm that this is the newest
  // At most one of the two; neither: nothing new.
  std::string snapshot;
  std::string delta;
};

[[nodiscard]] std::string encode(const FollowRequest& request);
[[nodiscard]] Result<FollowRequest> decode_follow_request(std::string_view body);
// `body` is the snapshot or the delta; it is copied once.
enum class FollowBody : std::uint8_t { nothing, snapshot, delta };
[[nodiscard]] std::string encode_follow_answer(std::optional<MapId> newest, milliseconds age, FollowBody kind,
                                               std::string_view body);
[[nodiscard]] Result<FollowAnswer> decode_follow_answer(std::string_view body);

}  // namespace weir::directory
