#include "kinesis/record_writers.h"

#include "kinesis/encode.h"

namespace weir::kinesis {
namespace {

// What a record takes besides its data and key: member names, punctuation, sequence number and time.
constexpr std::size_t record_overhead_bytes = 168;
constexpr std::size_t result_bytes = 128;
constexpr std::size_t frame_bytes = 1024;

std::variant<JsonWriter, CborWriter> make_writer(Encoding encoding, std::size_t bytes_expected) {
  if (encoding == Encoding::json) return JsonWriter(bytes_expected);
  return CborWriter(bytes_expected);
}

std::size_t records_size(Encoding encoding, std::size_t payload_bytes, std::size_t record_count) {
  const std::size_t payload = encoding == Encoding::json ? JsonWriter::blob_size(payload_bytes) : payload_bytes;
  return payload + record_count * record_overhead_bytes + frame_bytes;
}

template <class Writer>
void write_encryption(Writer& writer, std::optional<EncryptionType> encryption) {
  if (!encryption.has_value()) return;
  writer.key("EncryptionType");
  writer.text(names_of<EncryptionType>[static_cast<std::size_t>(*encryption)]);
}

template <class Writer>
void begin_records(Writer& writer) {
  writer.begin_map();
  writer.key("Records");
  writer.begin_list();
}

}  // namespace

GetRecordsWriter::GetRecordsWriter(Encoding encoding, std::size_t payload_bytes, std::size_t record_count)
    : writer_(make_writer(encoding, records_size(encoding, payload_bytes, record_count))) {
  std::visit([](auto& writer) { begin_records(writer); }, writer_);
}

void GetRecordsWriter::record(std::string_view sequence_number, WallTime arrival, BytesView data,
                              std::string_view partition_key, std::optional<EncryptionType> encryption) {
  std::visit(
      [&](auto& writer) {
        writer.begin_map();
        writer.key("SequenceNumber");
        writer.text(sequence_number);
        writer.key("ApproximateArrivalTimestamp");
        writer.timestamp(arrival);
        writer.key("Data");
        writer.blob(data);
        if (!partition_key.empty()) {
          writer.key("PartitionKey");
          writer.text(partition_key);
        }
        write_encryption(writer, encryption);
        writer.end_map();
      },
      writer_);
}

std::string GetRecordsWriter::finish(std::optional<std::string_view> next_shard_iterator,
                                     std::int64_t millis_behind_latest,
                                     const std::vector<ChildShard>* child_shards) && {
  return std::visit(
      [&](auto& writer) {
        writer.end_list();
        if (next_shard_iterator.has_value()) {
          writer.key("NextShardIterator");
          writer.text(*next_shard_iterator);
        }
        writer.key("MillisBehindLatest");
        writer.integer(millis_behind_latest);
        if (child_shards != nullptr) {
          writer.key("ChildShards");
          writer.begin_list();
          for (const ChildShard& child : *child_shards) write_structure(writer, structure_of<ChildShard>, &child);
          writer.end_list();
        }
        writer.end_map();
        return std::move(writer).finish();
      },
      writer_);
}

PutRecordsWriter::PutRecordsWriter(Encoding encoding, std::size_t record_count)
    : writer_(make_writer(encoding, record_count * result_bytes + frame_bytes)) {
  std::visit([](auto& writer) { begin_records(writer); }, writer_);
}

void PutRecordsWriter::success(std::string_view shard_id, std::string_view sequence_number) {
  std::visit(
      [&](auto& writer) {
        writer.begin_map();
        writer.key("SequenceNumber");
        writer.text(sequence_number);
        writer.key("ShardId");
        writer.text(shard_id);
        writer.end_map();
      },
      writer_);
}

void PutRecordsWriter::failure(std::string_view error_code, std::string_view error_message) {
  ++failed_;
  std::visit(
      [&](auto& writer) {
        writer.begin_map();
        writer.key("ErrorCode");
        writer.text(error_code);
        writer.key("ErrorMessage");
        writer.text(error_message);
        writer.end_map();
      },
      writer_);
}

std::string PutRecordsWriter::finish(std::optional<EncryptionType> encryption) && {
  return std::visit(
      [&](auto& writer) {
        writer.end_list();
        writer.key("FailedRecordCount");
        writer.integer(failed_);
        write_encryption(writer, encryption);
        writer.end_map();
        return std::move(writer).finish();
      },
      writer_);
}

}  // namespace weir::kinesis
