// DescribeLimits: an account's shard and stream quotas and what it uses of them (API reference §3.4).
#pragma once

#include "kinesis/shapes/common.h"

namespace weir::kinesis {

struct DescribeLimitsInput {};
template <>
inline constexpr auto definition_of<DescribeLimitsInput> = shape("DescribeLimitsInput");

struct DescribeLimitsOutput {
  std::int32_t shard_limit = 0;
  std::int32_t open_shard_count = 0;
  std::int32_t on_demand_stream_count = 0;
  std::int32_t on_demand_stream_count_limit = 0;
};
template <>
inline constexpr auto definition_of<DescribeLimitsOutput> =
    shape("DescribeLimitsOutput", member<&DescribeLimitsOutput::shard_limit>("ShardLimit"),
          member<&DescribeLimitsOutput::open_shard_count>("OpenShardCount"),
          member<&DescribeLimitsOutput::on_demand_stream_count>("OnDemandStreamCount"),
          member<&DescribeLimitsOutput::on_demand_stream_count_limit>("OnDemandStreamCountLimit"));

}  // namespace weir::kinesis
