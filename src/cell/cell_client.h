// CellClient: how a front end reaches the lanes of a cell. Two implementations: LocalCell (calls within the process)
// and, later, RPC.
//
// Threading: any core may call; the result arrives on the calling core.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "journal/fragment.h"
#include "journal/journal.h"
#include "model/pace.h"

namespace weir::cell {

// Why a lane refused, beyond what ErrorCode says.
enum class Refusal : std::uint8_t {
  none,
  throttled,     // over the shard's rate: ProvisionedThroughputExceededException
  shard_closed,  // split or merged: look the key up in a newer map and go there
  not_mine,      // this lane does not know the shard: the caller's map or the lane's is behind
  unavailable,   // recovering, full, or draining: retryable
  failed,        // the commit or read failed: InternalFailure
};

// With what was throttled: for how long from now on the shard has no more room than this. Whoever asks again before is
// refused again, so a caller far away had better not ask. No time: not told.
inline constexpr milliseconds throttle_wait_max{1'000};
struct Throttle {
  microseconds wait{};
  std::uint64_t bytes_left = 0;  // of an append: a record of no more bytes may still be taken
  // Of an append, thereafter: until when, from now on, which room time makes at most. In order; model::rooms_max at
  // most.
  struct Room {
    microseconds until{};
    std::uint64_t bytes = 0;
    bool any_first = false;  // a first record of more bytes may be taken, too
    friend bool operator==(const Room&, const Room&) = default;
  };
  std::vector<Room> later;
  friend bool operator==(const Throttle&, const Throttle&) = default;
};

struct AppendRequest {
  journal::Fragment fragment;  // records of the request for one shard
  // In which eighths of the last second the caller has kept something of the shard's back, because it would have been
  // refused.
  model::Demand::Slots kept_back = 0;
  bool has_room = false;  // the lane has counted it already (Lane::reserve)
};

struct AppendReply {
  Refusal refusal = Refusal::none;
  RecordIndex first_index;     // the others follow by one
  std::uint32_t accepted = 0;  // records appended, from the front; the rest was throttled. 0 exactly when refused
  WallTime arrival;
  std::string reason;  // for the log, when refused
  Throttle throttle;   // when fewer were accepted than asked, for the shard's rate
};

struct ReadReply {
  Refusal refusal = Refusal::none;
  journal::ReadResult result;
  std::int64_t behind_ms = 0;  // MillisBehindLatest at the position after the last record returned
  bool shard_ended = false;    // closed, and `result.next` is past its last record
  std::string reason;
  Throttle throttle;  // when throttled
};

// What an iterator may start from. `sequence_number`: the caller knows the position itself; the call is only counted.
enum class StartFrom : std::uint8_t { trim_horizon, latest, timestamp, sequence_number };

struct LocateReply {
  Refusal refusal = Refusal::none;
  RecordIndex position;
  std::string reason;
  Throttle throttle;  // when throttled
};

class CellClient {
 public:
  CellClient() = default;
  CellClient(const CellClient&) = delete;
  CellClient& operator=(const CellClient&) = delete;
  virtual ~CellClient() = default;

  // How many records at the front, of these sizes (data and partition key), the shard's lane may take now, as far as
  // is known here without asking; append() would refuse the others as throttled, so they need not be encoded for it.
  // They count as asked for. On the caller's core, at once.
  [[nodiscard]] virtual std::size_t may_take(env::Core& caller, ShardKey shard,
                                             std::span<const std::uint64_t> record_bytes) {
    static_cast<void>(caller);
    static_cast<void>(shard);
    return record_bytes.size();
  }
  // Appends to one lane; one reply per request, in order. Each fragment is accepted or refused on its own; of a
  // fragment that does not fit into the shard's rate as a whole, the records at its front that fit are accepted (the
  // API throttles record by record). What is accepted is acknowledged only when durable.
  [[nodiscard]] virtual env::Task<std::vector<AppendReply>> append(env::Core& caller, LaneId lane,
                                                                   std::vector<AppendRequest> requests) = 0;
  // Counts as one GetRecords call of the shard.
  [[nodiscard]] virtual env::Task<ReadReply> read(env::Core& caller, LaneId lane, journal::ReadRequest request) = 0;
  // Finds where an iterator starts; counts as one GetShardIterator call of the shard. `time` for StartFrom::timestamp.
  [[nodiscard]] virtual env::Task<LocateReply> locate(env::Core& caller, LaneId lane, ShardKey shard, StartFrom from,
                                                      WallTime time) = 0;
};

}  // namespace weir::cell
