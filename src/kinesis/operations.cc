#include "kinesis/operations.h"

#include <algorithm>
#include <array>

namespace weir::kinesis {
namespace {

constexpr std::string_view service = "Kinesis_20131202";

using enum Operation;
using Scope = CallRateScope;

constexpr std::array<OperationInfo, operation_count> table{{
    {add_tags_to_stream, "AddTagsToStream", Scope::account, 5, true},
    {create_stream, "CreateStream", Scope::account, 5, true},
    {decrease_stream_retention_period, "DecreaseStreamRetentionPeriod", Scope::account, 5, true},
    {delete_resource_policy, "DeleteResourcePolicy", Scope::none, 0, false},
    {delete_stream, "DeleteStream", Scope::account, 5, true},
    {deregister_stream_consumer, "DeregisterStreamConsumer", Scope::stream, 5, false},
    {describe_account_settings, "DescribeAccountSettings", Scope::account, 5, false},
    {describe_limits, "DescribeLimits", Scope::account, 1, true},
    {describe_stream, "DescribeStream", Scope::account, 10, true},
    {describe_stream_consumer, "DescribeStreamConsumer", Scope::stream, 20, false},
    {describe_stream_summary, "DescribeStreamSummary", Scope::account, 20, true},
    {disable_enhanced_monitoring, "DisableEnhancedMonitoring", Scope::account, 5, false},
    {enable_enhanced_monitoring, "EnableEnhancedMonitoring", Scope::account, 5, false},
    {get_records, "GetRecords", Scope::shard, 5, true},
    {get_resource_policy, "GetResourcePolicy", Scope::none, 0, false},
    {get_shard_iterator, "GetShardIterator", Scope::shard, 5, true},
    {increase_stream_retention_period, "IncreaseStreamRetentionPeriod", Scope::account, 5, true},
    {list_shards, "ListShards", Scope::stream, 1000, true},
    {list_stream_consumers, "ListStreamConsumers", Scope::stream, 5, false},
    {list_streams, "ListStreams", Scope::account, 5, true},
    {list_tags_for_resource, "ListTagsForResource", Scope::none, 0, false},
    {list_tags_for_stream, "ListTagsForStream", Scope::account, 5, true},
    {merge_shards, "MergeShards", Scope::account, 5, true},
    {put_record, "PutRecord", Scope::shard, 0, true},
    {put_records, "PutRecords", Scope::shard, 0, true},
    {put_resource_policy, "PutResourcePolicy", Scope::none, 0, false},
    {register_stream_consumer, "RegisterStreamConsumer", Scope::account, 5, false},
    {remove_tags_from_stream, "RemoveTagsFromStream", Scope::account, 5, true},
    {split_shard, "SplitShard", Scope::account, 5, true},
    {start_stream_encryption, "StartStreamEncryption", Scope::none, 0, false},
    {stop_stream_encryption, "StopStreamEncryption", Scope::none, 0, false},
    {subscribe_to_shard, "SubscribeToShard", Scope::shard, 1, false},
    {tag_resource, "TagResource", Scope::none, 0, false},
    {untag_resource, "UntagResource", Scope::none, 0, false},
    {update_account_settings, "UpdateAccountSettings", Scope::account, 5, false},
    {update_max_record_size, "UpdateMaxRecordSize", Scope::none, 0, false},
    {update_shard_count, "UpdateShardCount", Scope::account, 10, false},
    {update_stream_mode, "UpdateStreamMode", Scope::none, 0, false},
    {update_stream_warm_throughput, "UpdateStreamWarmThroughput", Scope::account, 5, false},
}};

// The table is indexed by the enumeration and searched by name.
static_assert(std::ranges::is_sorted(table, {}, &OperationInfo::name));
static_assert([] {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].operation) != i) return false;
  }
  return true;
}());

}  // namespace

const OperationInfo& info(Operation operation) noexcept { return table[static_cast<std::size_t>(operation)]; }

std::span<const OperationInfo, operation_count> all_operations() noexcept { return table; }

std::optional<Operation> parse_target(std::string_view target) noexcept {
  const std::size_t dot = target.find('.');
  if (dot == std::string_view::npos || target.substr(0, dot) != service) return std::nullopt;
  const std::string_view name = target.substr(dot + 1);
  const auto found = std::ranges::lower_bound(table, name, {}, &OperationInfo::name);
  if (found == table.end() || found->name != name || !found->is_built) return std::nullopt;
  return found->operation;
}

bool names_an_operation(std::string_view target) noexcept {
  const std::size_t dot = target.find('.');
  return dot != std::string_view::npos && dot + 1 < target.size();
}

}  // namespace weir::kinesis
