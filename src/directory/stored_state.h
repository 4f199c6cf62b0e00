// What the directory keeps in the metastore: streams with their shards and pending changes, lanes, counters. The bytes
// are protobuf messages (records.proto) under these keys:
//
//   directory/format                    format version, number of lanes, token key
//   directory/next-stream               the stream id to be given next
//   directory/writer                    the term of the directory that writes; every transaction is guarded on it
//   directory/lanes/<lane>              epoch and owner; missing while the lane was never claimed
//   directory/cells/<cell>              a cell of a fleet; none in a process that is one cell by itself
//   directory/fleets                    which fleet of front ends serves which accounts; missing: each serves all
//   directory/credentials/<id>          an access key: its account and its encrypted secret
//   directory/streams/<id>              a stream without its shards
//   directory/shards/<id>/<chunk>       the shards of indexes chunk*256 to chunk*256+255
//
// Numbers in keys are hexadecimal, of fixed width. A transaction that changes any shard also writes the stream's own
// record, so that a guard on that one protects both. Everything here is pure: any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "base/result.h"
#include "directory/cell_layout.h"
#include "directory/map/shard_map.h"
#include "directory/tenants/tenants.h"
#include "metastore/metastore.h"

namespace weir::directory {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint32_t shards_per_chunk = 256;
inline constexpr std::uint32_t lane_count_max = 65'536;
inline constexpr const char* directory_prefix = "directory/";

// Changes of a stream that take time. What each needs in order to be completed.
struct CreateChange {
  std::uint32_t shard_count = 0;
  friend bool operator==(const CreateChange&, const CreateChange&) = default;
};
struct SplitChange {
  ShardIndex shard;
  HashKey key;  // the upper child's first
  friend bool operator==(const SplitChange&, const SplitChange&) = default;
};
struct MergeChange {
  ShardIndex shard;     // becomes ParentShardId
  ShardIndex adjacent;  // becomes AdjacentParentShardId
  friend bool operator==(const MergeChange&, const MergeChange&) = default;
};
struct RetentionChange {
  std::uint32_t hours = 0;
  friend bool operator==(const RetentionChange&, const RetentionChange&) = default;
};
struct DeleteChange {
  friend bool operator==(const DeleteChange&, const DeleteChange&) = default;
};
using Change = std::variant<CreateChange, SplitChange, MergeChange, RetentionChange, DeleteChange>;

struct PendingChange {
  WallTime due;
  milliseconds duration{};  // how long after the command it is due; bounds the wait should the clock step back
  Change change;
  friend bool operator==(const PendingChange&, const PendingChange&) = default;
};

struct StreamState {
  std::shared_ptr<const Stream> stream;  // as published
  std::uint32_t next_shard = 0;          // the index that the next new shard gets
  std::optional<PendingChange> pending;  // none while ACTIVE
  metastore::Revision modified = 0;      // of the stream's record; 0: not stored yet
};

struct LaneState {
  Epoch epoch;                       // 0: never claimed
  std::optional<LaneOwner> owner;    // who claimed it; none where all lanes are the process's own
  metastore::Revision modified = 0;  // 0: not stored yet
};

// A fault-isolated back end of fixed size: its lanes are number * lanes_per_cell_max and the following ones.
struct CellState {
  std::string name;
  std::uint32_t lanes = 0;            // may grow, never shrink
  std::uint64_t open_shards_max = 0;  // no stream is placed here, and none is split, beyond it
  bool closed = false;                // takes no new streams
  metastore::Revision modified = 0;
};

struct WriterState {
  std::uint64_t term = 0;
  metastore::Revision modified = 0;  // 0: nobody has written yet
};

struct StreamCounter {
  std::uint64_t next = 1;
  metastore::Revision modified = 0;
};

struct StoredState {
  bool initialized = false;  // false: an empty store, the rest means nothing
  std::array<std::byte, token_key_bytes> token_key{};
  StreamCounter next_stream;
  std::vector<LaneState> lanes;              // by lane id
  std::map<std::uint32_t, CellState> cells;  // by number; empty: one cell that is all lanes
  Fleets fleets;
  Credentials credentials;
  absl::btree_map<StreamId, StreamState> streams;
  metastore::Revision revision = 0;
};

// Errors: corrupt, with the key; unsupported for a newer format.
[[nodiscard]] Result<StoredState> decode_state(const metastore::Snapshot& snapshot);

// The writes that initialize an empty store.
[[nodiscard]] std::vector<metastore::Write> initial_writes(std::uint32_t lane_count,
                                                           std::span<const std::byte, token_key_bytes> token_key);
[[nodiscard]] metastore::Write lane_write(LaneId lane, const LaneState& state);
[[nodiscard]] metastore::Write cell_write(std::uint32_t cell, const CellState& state);
[[nodiscard]] metastore::Write fleets_write(const FleetStates& fleets);
// Null: the access key goes.
[[nodiscard]] metastore::Write credential_write(std::string_view access_key_id, const SealedCredential* credential);
[[nodiscard]] metastore::Write counter_write(std::uint64_t next_stream);
[[nodiscard]] metastore::Write writer_write(std::uint64_t term);
// What a snapshot of the writer's key says. Errors: corrupt.
[[nodiscard]] Result<WriterState> decode_writer(const metastore::Snapshot& snapshot);
// What must be written to get from `before` (empty: no such stream) to `after` (empty: no such stream any more).
[[nodiscard]] std::vector<metastore::Write> stream_writes(StreamId id, const Stream* before, const StreamState* after);

[[nodiscard]] std::string format_key();
[[nodiscard]] std::string counter_key();
[[nodiscard]] std::string writer_key();
[[nodiscard]] std::string lane_key(LaneId lane);
[[nodiscard]] std::string cell_key(std::uint32_t cell);
[[nodiscard]] std::string fleets_key();
[[nodiscard]] std::string credential_key(std::string_view access_key_id);
[[nodiscard]] std::string stream_key(StreamId id);

}  // namespace weir::directory
