// Extent: a run of consecutive stored fragments of one shard, within one batch. What the index is made of.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "base/time.h"

namespace weir::journal {

struct Extent {
  RecordIndex first;
  RecordIndex last;
  WallTime first_arrival;
  WallTime last_arrival;
  std::uint64_t offset = 0;  // from the start of the segment
  std::uint32_t length = 0;  // bytes
  std::uint32_t record_count = 0;
  std::uint32_t payload_bytes = 0;  // data and partition keys
  friend bool operator==(const Extent&, const Extent&) = default;
};

}  // namespace weir::journal
