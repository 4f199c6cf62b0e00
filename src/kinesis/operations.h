// The API's operations: their names, how often they may be called, and which of them this build answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::kinesis {

enum class Operation : std::uint8_t {
  add_tags_to_stream,
  create_stream,
  decrease_stream_retention_period,
  delete_resource_policy,
  delete_stream,
  deregister_stream_consumer,
  describe_account_settings,
  describe_limits,
  describe_stream,
  describe_stream_consumer,
  describe_stream_summary,
  disable_enhanced_monitoring,
  enable_enhanced_monitoring,
  get_records,
  get_resource_policy,
  get_shard_iterator,
  increase_stream_retention_period,
  list_shards,
  list_stream_consumers,
  list_streams,
  list_tags_for_resource,
  list_tags_for_stream,
  merge_shards,
  put_record,
  put_records,
  put_resource_policy,
  register_stream_consumer,
  remove_tags_from_stream,
  split_shard,
  start_stream_encryption,
  stop_stream_encryption,
  subscribe_to_shard,
  tag_resource,
  untag_resource,
  update_account_settings,
  update_max_record_size,
  update_shard_count,
  update_stream_mode,
  update_stream_warm_throughput,
};
inline constexpr std::size_t operation_count = 39;

// What a call rate is counted by (API reference §3.1).
enum class CallRateScope : std::uint8_t {
  none,     // unpublished
  account,  // per account and Region
  stream,
  shard,  // counted by the shard's lane, not by the front end
};

struct OperationInfo {
  Operation operation;
  std::string_view name;
  CallRateScope call_rate_scope;
  std::uint32_t calls_per_second;  // 0 when the scope is none, or when records and bytes are counted instead of calls
  bool is_built;                   // others are answered as unknown operations
};

[[nodiscard]] const OperationInfo& info(Operation operation) noexcept;
[[nodiscard]] std::span<const OperationInfo, operation_count> all_operations() noexcept;

// The operation that an X-Amz-Target names; nothing for another service, an unknown operation or one not built.
[[nodiscard]] std::optional<Operation> parse_target(std::string_view target) noexcept;
// Whether the target has an operation part: text behind its first '.'.
[[nodiscard]] bool names_an_operation(std::string_view target) noexcept;

}  // namespace weir::kinesis
