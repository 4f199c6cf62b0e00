// RecordPutter: puts many records with few calls, and puts again what a throttle refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/client/kinesis_client.h"
#include "kinesis/shapes/put_records.h"

namespace weir::cli {

// Belongs to its client's core. Holds at most one call's records.
class RecordPutter {
 public:
  // `partition_key` for all records; empty: a random one for each. The client outlives the putter.
  RecordPutter(KinesisClient& client, std::string stream, std::string partition_key);

  // Takes a record, sending those held before it when a call could not take them all. Errors: as flush().
  [[nodiscard]] env::Task<Result<void>> add(std::string data);
  // Sends what is held. Records that a throttle refused are sent again after a pause, behind others that were not: to
  // that extent the order of records with equal keys is not kept. Errors: what the API refuses; unavailable when none
  // of the records could be put for half a minute. Records put before an error stay put.
  [[nodiscard]] env::Task<Result<void>> flush();
  [[nodiscard]] std::uint64_t records_put() const noexcept { return records_put_; }

 private:
  struct Entry {
    std::string partition_key;
    std::string data;
    [[nodiscard]] std::size_t bytes() const noexcept { return partition_key.size() + data.size(); }
  };

  // Leaves in `held_` what was refused, and says with what words.
  [[nodiscard]] Result<std::string> settle(const kinesis::PutRecordsOutput& output);
  [[nodiscard]] kinesis::PutRecordsInput input() const;

  KinesisClient& client_;
  const std::string stream_;
  const std::string partition_key_;
  std::vector<Entry> held_;
  std::size_t held_bytes_ = 0;
  std::uint64_t records_put_ = 0;
};

// Sixteen hexadecimal digits.
[[nodiscard]] std::string random_partition_key(env::Core& core);

}  // namespace weir::cli
