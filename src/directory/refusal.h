// Why the directory refuses a command, with all that the API's message needs. The texts are the front end's.
#pragma once

#include <cstdint>
#include <string>

#include "base/hash_key.h"
#include "base/ids.h"
#include "directory/map/shard_map.h"

namespace weir::directory {

enum class RefusalKind : std::uint8_t {
  stream_exists,
  stream_not_found,
  stream_not_active,        // status
  creating_limit,           // limit: streams of the account that are being created
  shard_limit,              // current, limit, additional: open shards of the account in the Region
  on_demand_limit,          // limit: on-demand streams of the account in the Region
  on_demand_mode,           // the stream's mode does not allow it
  capacity_limit,           // reason: this server's own bound on streams or on shards kept
  shard_not_found,          // shard
  shard_already_closed,     // shard: it has been split or merged
  shards_not_adjacent,      // shard, other_shard
  bad_split_key,            // shard, first_hash, last_hash: of the shard
  retention_too_short,      // limit: the least hours
  retention_too_long,       // limit: the most hours
  retention_below_current,  // current: hours. Asked to increase
  retention_above_current,  // current: hours. Asked to decrease
  too_many_tags,            // limit
  unavailable,              // reason; retryable. The outcome may be unknown
};

struct DirectoryRefusal {
  RefusalKind kind = RefusalKind::unavailable;
  StreamStatus status = StreamStatus::active;
  ShardIndex shard;
  ShardIndex other_shard;
  HashKey first_hash;
  HashKey last_hash;
  std::uint64_t current = 0;
  std::uint64_t limit = 0;
  std::uint64_t additional = 0;
  std::string reason;
  friend bool operator==(const DirectoryRefusal&, const DirectoryRefusal&) = default;
};

}  // namespace weir::directory
