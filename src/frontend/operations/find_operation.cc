// The table from an operation's name to its function.
#include "frontend/operations/operations.h"

namespace weir::frontend {

OperationFunction find_operation(kinesis::Operation operation) noexcept {
  switch (operation) {
    case kinesis::Operation::add_tags_to_stream: return &frontend::add_tags_to_stream;
    case kinesis::Operation::create_stream: return &frontend::create_stream;
    case kinesis::Operation::decrease_stream_retention_period: return &frontend::decrease_stream_retention_period;
    case kinesis::Operation::delete_stream: return &frontend::delete_stream;
    case kinesis::Operation::describe_limits: return &frontend::describe_limits;
    case kinesis::Operation::describe_stream: return &frontend::describe_stream;
    case kinesis::Operation::describe_stream_summary: return &frontend::describe_stream_summary;
    case kinesis::Operation::get_records: return &frontend::get_records;
    case kinesis::Operation::get_shard_iterator: return &frontend::get_shard_iterator;
    case kinesis::Operation::increase_stream_retention_period: return &frontend::increase_stream_retention_period;
    case kinesis::Operation::list_shards: return &frontend::list_shards;
    case kinesis::Operation::list_streams: return &frontend::list_streams;
    case kinesis::Operation::list_tags_for_stream: return &frontend::list_tags_for_stream;
    case kinesis::Operation::merge_shards: return &frontend::merge_shards;
    case kinesis::Operation::put_record: return &frontend::put_record;
    case kinesis::Operation::put_records: return &frontend::put_records;
    case kinesis::Operation::remove_tags_from_stream: return &frontend::remove_tags_from_stream;
    case kinesis::Operation::split_shard: return &frontend::split_shard;
    default: return nullptr;
  }
}

}  // namespace weir::frontend
