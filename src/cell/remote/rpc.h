// What the RPC between front ends and the nodes of a cell says, apart from its bytes (rpc_codec.h).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "cell/cell_client.h"
#include "directory/map/shard_map.h"
#include "directory/shard_closer.h"
#include "journal/journal.h"

namespace weir::cell {

// Where a method is served: POST to this path.
inline constexpr std::string_view append_path = "/weir/1/append";
inline constexpr std::string_view reserve_path = "/weir/1/reserve";
inline constexpr std::string_view read_path = "/weir/1/read";
inline constexpr std::string_view locate_path = "/weir/1/locate";
inline constexpr std::string_view close_shard_path = "/weir/1/close_shard";
inline constexpr std::string_view reopen_shard_path = "/weir/1/reopen_shard";

// Which lane a call is for, and what the caller believes.
struct CallHeader {
  LaneId lane;
  std::uint64_t map_version = 0;  // the caller's; 0: none
  Epoch epoch;                    // of the lane's owner in the caller's map; 0: not known
  friend bool operator==(const CallHeader&, const CallHeader&) = default;
};

// A node refuses a call as a whole. Nothing was done.
struct LaneRefusal {
  Refusal refusal = Refusal::unavailable;     // not_mine, unavailable or failed
  std::string reason;                         // for the log
  std::optional<directory::LaneOwner> owner;  // of the lane, as far as the node knows
  std::uint64_t map_version = 0;              // the node's
};

// The answer of a node to a call.
template <class T>
using Answer = std::expected<T, LaneRefusal>;

struct AppendCall {
  CallHeader header;
  std::vector<AppendRequest> requests;  // of one commit
};

// Asks for room for an append that is to follow, and how much of it has some (Lane::reserve).
struct ReserveCall {
  CallHeader header;
  ShardKey shard;
  std::vector<std::uint32_t> record_bytes;  // of each record
  model::Demand::Slots kept_back = 0;       // as AppendRequest's
};
struct ReserveReply {
  Refusal refusal = Refusal::none;
  std::uint32_t accepted = 0;  // records from the front that have room
  std::string reason;
  Throttle throttle;
};

struct ReadCall {
  CallHeader header;
  journal::ReadRequest request;
};

struct LocateCall {
  CallHeader header;
  ShardKey shard;
  StartFrom from = StartFrom::latest;
  WallTime time;
};

// close_shard and reopen_shard.
struct ShardCall {
  CallHeader header;
  ShardKey shard;
  directory::ShardOrder order;
};

}  // namespace weir::cell
