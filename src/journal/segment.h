// What the journal keeps in memory of one segment, and how a segment is sealed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/task.h"
#include "journal/footer.h"
#include "journal/run_index.h"
#include "journal/segment_header.h"
#include "journal/segment_store.h"

namespace weir::journal {

struct Segment {
  SegmentHeader header;
  std::uint64_t tail_bytes = segment_header_bytes;  // where the last durable batch ends
  std::uint64_t stored_bytes = 0;                   // of the whole file, preallocated zeros included
  std::uint64_t last_batch = 0;                     // number; header.previous_batch while there is none
  std::uint64_t last_batch_offset = 0;              // 0 while there is none
  std::vector<Gap> gaps;
  std::vector<ShardKey> shards;  // that have a run here
  bool is_sealed = false;
  // Set when the segment is about to be removed or replaced: what is read from the store afterwards may be of something
  // else, and whoever waited for a read looks the records up again.
  bool is_retired = false;
  bool keeps_failing_to_rewrite = false;  // damaged: trim leaves it alone until it can go as a whole

  [[nodiscard]] SegmentNumber number() const noexcept { return header.number; }
  [[nodiscard]] bool is_empty() const noexcept { return last_batch_offset == 0; }
};
using SegmentPointer = std::shared_ptr<Segment>;
using SegmentMap = std::map<SegmentNumber, SegmentPointer>;

[[nodiscard]] Trailer trailer_of(const Segment& segment);

// The footer of `segment` and the shares of its shards, ready to be written at its tail.
struct PreparedFooter {
  Trailer trailer;
  std::vector<FooterShard> shards;  // in order of shard; the extents are no longer to be looked at
  std::vector<std::byte> bytes;
};
// `runs`: every run of the segment, with extents, in any order.
[[nodiscard]] PreparedFooter prepare_footer(const Segment& segment, std::vector<const ShardRun*> runs);

// Makes the segment end behind its footer, durably: first `rewrite` (the bytes that lie directly before the tail, or
// none) and the footer without its trailer, then the trailer, then a cut. So a trailer vouches for nothing that could
// still be lost, wherever the file happens to end. Marks `segment` sealed. After an error it may be tried again with
// the same bytes: they are written anew, not only synced. Errors: io, no_space, fenced.
[[nodiscard]] env::Task<Result<void>> write_footer(SegmentStore& store, Segment& segment, const PreparedFooter& footer,
                                                   BytesView rewrite);

}  // namespace weir::journal
