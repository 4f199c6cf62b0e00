// Segments as RADOS objects, one each, and a manifest object per lane that lists them.
//
// An object is as long as what was appended to it: space is not set aside, so SegmentStatus::allocated_bytes is the
// length, a segment that was never written to is empty, and reads end where the appends ended. Nothing depends on it:
// recovery takes zeros that are missing for zeros. prepare() has nothing to do.
//
// Fencing. Opening raises the epoch of the manifest and then of every object that is open, and reads the lengths after
// that. Every write of an object names the epoch and the tag of the write before (guarded_object.h); everything else
// goes through the manifest, which names them too. So when open_rados_segment_store() returns, nothing that an older
// owner has in flight can change what the new owner has read, and the older owner's next write of any kind fails with
// `fenced`.
//
// Sealing. truncate() ends a segment: the manifest notes its length, and the object is not written again, unless
// something different is appended, which opens it anew. So opening a lane costs one look at the manifest and a few
// operations for each open segment, however many sealed ones there are.
//
// replace() writes a new object and switches the manifest over to it. The names of objects are never used twice.
//
// An append or a change of the manifest whose outcome is not known is looked up and tried again (guarded_object.h), so
// it is reported as what it was; only when the cluster keeps silent is it reported as io, in doubt.
//
// Limits: a segment may grow to rados_segment_bytes_max; the journal's segment_bytes must leave room below for a batch
// and a footer (rados_journal_segment_bytes_max does). An object that a stale owner's creation makes after it was
// fenced is never used and stays behind, empty or with a copy of what a rewrite kept; its name holds the lane and the
// epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "env/task.h"
#include "journal/rados/object_pool.h"
#include "journal/segment_store.h"

namespace weir::journal {

inline constexpr std::uint64_t rados_segment_bytes_max = 128 * mebibyte;  // Ceph's osd_max_object_size
inline constexpr std::uint64_t rados_append_bytes_max = 80 * mebibyte;    // below Ceph's osd_max_write_size of 90 MB
inline constexpr std::uint64_t rados_journal_segment_bytes_max = 64 * mebibyte;

struct RadosSegmentStoreOptions {
  std::string cell_name;  // begins the names of the objects; letters, digits, '-' and '_'
  LaneId lane;
  Epoch epoch;  // at least 1
  // What the lane may hold; 0: whatever the cluster says is free, and no limit while it does not say.
  std::uint64_t capacity_bytes = 0;
  Duration space_refresh = seconds(5);      // between two questions to the cluster
  std::uint32_t attempts_max = 3;           // of one write, each as long as the pool's time limit at most
  std::uint32_t reads_in_flight_max = 32;   // more wait their turn
  std::uint64_t copy_bytes = 8 * mebibyte;  // replace() writes that much at once
};

// Claims the lane. `pool`, usually a RadosCluster, outlives the store, which belongs to `core`. One append per segment
// at a time; the store is destroyed when no call is in flight.
// Errors: fenced when the lane was opened under this epoch or a higher one; corrupt (the manifest, or an open segment's
// object is missing), unsupported, io, no_space, limit_exceeded, invalid_argument (the cell's name).
[[nodiscard]] env::Task<Result<std::unique_ptr<SegmentStore>>> open_rados_segment_store(
    env::Core& core, ObjectPool& pool, RadosSegmentStoreOptions options);

}  // namespace weir::journal
