// BatchScanner: walks the batches of a segment from its bytes alone. It decides what of an unsealed segment counts:
//
//   - A batch counts when its header, its salt, its lane, its number and all its fragments are right.
//   - Where one does not, and a later batch of the segment is found, the disk was damaged after the fact: commits go
//   one
//     by one, so the later batch was written only after the earlier one was durable. A damaged batch whose header is
//     whole still says what it held (`intact` is false); one whose header is gone leaves a gap.
//   - Where no later batch follows, it is the torn end of a write that was never acknowledged: the segment ends there.
//     (Damage to the very last batch of an unsealed segment cannot be told from that; docs/format.md says so.)
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/ids.h"
#include "base/result.h"
#include "env/task.h"
#include "journal/batch.h"
#include "journal/footer.h"
#include "journal/segment_source.h"

namespace weir::journal {

struct ScanLimits {
  LaneId lane;
  std::uint64_t salt = 0;
  std::uint64_t previous_batch = 0;         // the first batch has the next number
  std::optional<std::uint64_t> last_batch;  // what comes after it does not count, and up to it everything does
  bool last_batch_is_here = false;          // it was in this segment, not in one between this and the next known one
  bool numbers_may_skip = false;            // a rewritten segment
};

struct ScannedBatch {
  std::uint64_t offset = 0;
  BatchHeader header;
  bool intact = false;
  BytesView bytes;  // when intact; valid until the next call
};

enum class ScanEnd : std::uint8_t {
  clean,   // only zeros follow
  torn,    // something follows that is no whole batch
  footer,  // this segment's footer begins here
  limit,   // batches follow that do not count
};

struct ScanStop {
  ScanEnd end = ScanEnd::clean;
  std::uint64_t offset = 0;           // where the last batch that counts ends
  std::uint64_t last_batch = 0;       // its number
  std::uint64_t missing_batches = 0;  // at the end: they were here and are not found
};

using ScanStep = std::variant<ScannedBatch, Gap, ScanStop>;

class BatchScanner {
 public:
  BatchScanner(SegmentWindow& window, const ScanLimits& limits) noexcept;

  // The next batch or gap; a ScanStop at the end, after which there is nothing more to ask. Errors: io.
  [[nodiscard]] env::Task<Result<ScanStep>> next();

 private:
  [[nodiscard]] env::Task<Result<std::optional<BatchHeader>>> header_at(std::uint64_t offset);
  [[nodiscard]] env::Task<Result<std::optional<std::uint64_t>>> find_header(std::uint64_t from);
  [[nodiscard]] env::Task<Result<ScanStep>> step_over_damage(ScannedBatch batch);
  [[nodiscard]] env::Task<Result<ScanStep>> look_beyond();
  [[nodiscard]] env::Task<Result<ScanStep>> stop_here();
  void advance(const BatchHeader& header) noexcept;
  [[nodiscard]] bool is_wanted(std::uint64_t number) const noexcept;
  [[nodiscard]] bool is_beyond_limit(std::uint64_t number) const noexcept;
  [[nodiscard]] ScanStop stopped(ScanEnd end) const noexcept;

  SegmentWindow& window_;
  ScanLimits limits_;
  std::uint64_t position_;
  std::uint64_t last_batch_;
};

}  // namespace weir::journal
