// Writers of the two answers that carry many records: straight from views of records to the body, no tree, no memory
// per record. One instance writes one answer; any one thread.
//
//   GetRecordsWriter writer(encoding, read.payload_bytes, read.record_count);
//   for (...) writer.record(sequence_number, arrival, data, partition_key);
//   response.body = std::move(writer).finish(next_iterator, behind_ms, nullptr);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "kinesis/cbor_writer.h"
#include "kinesis/encoding.h"
#include "kinesis/json_writer.h"
#include "kinesis/shapes/common.h"

namespace weir::kinesis {

// GetRecords (API reference §3.4).
class GetRecordsWriter {
 public:
  // `payload_bytes` of data and partition keys and `record_count` to come: a hint that sizes the body once.
  GetRecordsWriter(Encoding encoding, std::size_t payload_bytes, std::size_t record_count);

  // `partition_key` empty leaves it out. `encryption` is set only for a record that is stored encrypted.
  void record(std::string_view sequence_number, WallTime arrival, BytesView data, std::string_view partition_key,
              std::optional<EncryptionType> encryption = std::nullopt);

  // Without `next_shard_iterator` the shard is at its end, and `child_shards` must name its children.
  [[nodiscard]] std::string finish(std::optional<std::string_view> next_shard_iterator,
                                   std::int64_t millis_behind_latest, const std::vector<ChildShard>* child_shards) &&;

 private:
  std::variant<JsonWriter, CborWriter> writer_;
};

// PutRecords (API reference §3.4). One call of success() or failure() for each record, in request order.
class PutRecordsWriter {
 public:
  PutRecordsWriter(Encoding encoding, std::size_t record_count);

  void success(std::string_view shard_id, std::string_view sequence_number);
  void failure(std::string_view error_code, std::string_view error_message);
  // `encryption` is set only when the stream encrypts.
  [[nodiscard]] std::string finish(std::optional<EncryptionType> encryption = std::nullopt) &&;

 private:
  std::variant<JsonWriter, CborWriter> writer_;
  std::int64_t failed_ = 0;
};

}  // namespace weir::kinesis
