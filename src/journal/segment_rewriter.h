// Copies of a sealed segment what must still be kept: the same segment, the same batches by number, without the records
// that may go.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "env/task.h"
#include "journal/recovery.h"
#include "journal/segment.h"
#include "journal/segment_source.h"

namespace weir::journal {

struct RewrittenSegment {
  SegmentContent content;  // as it will be once `parts` are in place; without extents
  std::vector<std::vector<std::byte>> parts;
};

// Tells whether the records of an extent must be kept.
using KeepExtent = std::function<bool(ShardKey shard, const Extent& extent)>;

// Reads the whole of `segment` and checks every byte that it copies. `salt` is a new random number; `epoch` the
// owner's. Memory: what is kept, and one batch. Errors: corrupt when anything in the segment is damaged; io.
[[nodiscard]] env::Task<Result<RewrittenSegment>> rewrite_segment(SegmentSource& source, const Segment& segment,
                                                                  const KeepExtent& keep, std::uint64_t salt,
                                                                  Epoch epoch);

}  // namespace weir::journal
