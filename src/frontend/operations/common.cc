#include "frontend/operations/common.h"

#include "model/arn.h"
#include "model/sequence_number.h"
#include "model/shard_id.h"

namespace weir::frontend {

ApiResult<std::string> addressed_stream(const OperationCall& call, const std::optional<std::string_view>& name,
                                        const std::optional<std::string_view>& arn) {
  if (!arn) {
    if (!name) return std::unexpected(kinesis::errors::stream_not_addressed());
    return std::string(*name);
  }
  const auto parsed = model::parse_stream_arn(*arn);
  // The model's pattern lets more pass than can be the ARN of a stream.
  if (!parsed) return std::unexpected(kinesis::errors::stream_not_found(*arn, call.identity.account));
  if (parsed->account != call.identity.account) {
    const std::string principal = "arn:" + std::string(parsed->partition) + ":iam::" + call.identity.account +
                                  ":user/" + call.identity.access_key_id;
    return std::unexpected(kinesis::errors::not_authorized(principal, kinesis::info(call.operation).name, *arn));
  }
  if (name && *name != parsed->name) {
    return std::unexpected(kinesis::errors::stream_name_and_arn_disagree(*name, *arn));
  }
  if (parsed->region != call.identity.region || parsed->partition != model::partition_of(parsed->region)) {
    return std::unexpected(kinesis::errors::stream_not_found(parsed->name, call.identity.account));
  }
  return std::string(parsed->name);
}

ApiResult<std::shared_ptr<const directory::Stream>> find_stream(const OperationCall& call,
                                                                const std::optional<std::string_view>& name,
                                                                const std::optional<std::string_view>& arn) {
  auto addressed = addressed_stream(call, name, arn);
  if (!addressed) return std::unexpected(std::move(addressed.error()));
  auto stream = call.routes.map()->find(call.identity.account, call.identity.region, *addressed);
  if (stream == nullptr) return std::unexpected(kinesis::errors::stream_not_found(*addressed, call.identity.account));
  return stream;
}

ApiResult<std::shared_ptr<const directory::Stream>> find_stream_with_shards(
    const OperationCall& call, const std::optional<std::string_view>& name,
    const std::optional<std::string_view>& arn) {
  auto stream = find_stream(call, name, arn);
  if (stream && (*stream)->status == directory::StreamStatus::creating) {
    return std::unexpected(kinesis::errors::stream_not_found((*stream)->name, call.identity.account));
  }
  return stream;
}

env::Task<std::optional<kinesis::ApiError>> over_call_rate(OperationCall& call, std::string_view stream_name) {
  const kinesis::OperationInfo& operation = kinesis::info(call.operation);
  if (!call.services.enforce_rates || operation.calls_per_second == 0) co_return std::nullopt;
  const bool per_stream = operation.call_rate_scope == kinesis::CallRateScope::stream;
  std::string subject = call.identity.account + "/" + call.identity.region + "/" + std::string(operation.name);
  if (per_stream) subject.append("/").append(stream_name);
  const bool admitted =
      co_await call.services.call_rates.admit(call.core, std::move(subject), operation.calls_per_second);
  if (admitted) co_return std::nullopt;
  if (per_stream) co_return kinesis::errors::stream_calls_exceeded(stream_name, call.identity.account);
  co_return kinesis::errors::account_calls_exceeded(operation.name, call.identity.account);
}

directory::StreamScope scope_of(const OperationCall& call) {
  return {.account = call.identity.account, .region = call.identity.region};
}

std::string arn_of(const directory::Stream& stream) {
  return model::stream_arn(stream.scope.region, stream.scope.account, stream.name);
}

kinesis::StreamStatus wire_status(directory::StreamStatus status) noexcept {
  switch (status) {
    case directory::StreamStatus::creating: return kinesis::StreamStatus::creating;
    case directory::StreamStatus::active: return kinesis::StreamStatus::active;
    case directory::StreamStatus::updating: return kinesis::StreamStatus::updating;
    case directory::StreamStatus::deleting: return kinesis::StreamStatus::deleting;
  }
  return kinesis::StreamStatus::active;
}

kinesis::StreamMode wire_mode(directory::StreamMode mode) noexcept {
  return mode == directory::StreamMode::provisioned ? kinesis::StreamMode::provisioned : kinesis::StreamMode::on_demand;
}

kinesis::Shard wire_shard(const directory::Shard& shard) {
  kinesis::Shard wire;
  wire.shard_id = model::shard_id(shard.index);
  if (shard.parent) wire.parent_shard_id = model::shard_id(*shard.parent);
  if (shard.adjacent_parent) wire.adjacent_parent_shard_id = model::shard_id(*shard.adjacent_parent);
  wire.hash_key_range = {.starting_hash_key = to_string(shard.first_hash),
                         .ending_hash_key = to_string(shard.last_hash)};
  wire.sequence_number_range.starting_sequence_number =
      model::to_string(model::starting_sequence_number(shard.created, shard.index));
  if (shard.closed) {
    wire.sequence_number_range.ending_sequence_number =
        model::to_string(model::ending_sequence_number(shard.created, shard.index, *shard.closed));
  }
  return wire;
}

std::vector<kinesis::ChildShard> wire_children(const directory::Stream& stream, const directory::Shard& shard) {
  std::vector<kinesis::ChildShard> children;
  for (const ShardIndex index : shard.children) {
    const directory::Shard* child = stream.find_shard(index);
    if (child == nullptr) continue;
    kinesis::ChildShard wire{.shard_id = model::shard_id(index),
                             .hash_key_range = {.starting_hash_key = to_string(child->first_hash),
                                                .ending_hash_key = to_string(child->last_hash)}};
    if (child->parent) wire.parent_shards.push_back(model::shard_id(*child->parent));
    if (child->adjacent_parent) wire.parent_shards.push_back(model::shard_id(*child->adjacent_parent));
    children.push_back(std::move(wire));
  }
  return children;
}

kinesis::ApiError api_error(const directory::DirectoryRefusal& refusal, const OperationCall& call,
                            std::string_view name) {
  namespace errors = kinesis::errors;
  const std::string& account = call.identity.account;
  switch (refusal.kind) {
    using enum directory::RefusalKind;
    case stream_exists: return errors::stream_exists(name, account);
    case stream_not_found: return errors::stream_not_found(name, account);
    case stream_not_active:
      return errors::stream_not_active(name, account, kinesis::Choice(wire_status(refusal.status)).text);
    case creating_limit: return errors::creating_limit_exceeded(account, refusal.limit);
    case shard_limit:
      return errors::shard_limit_exceeded(account, call.identity.region, refusal.current, refusal.limit,
                                          refusal.additional);
    case on_demand_limit: return errors::on_demand_limit_exceeded(account, refusal.limit);
    case on_demand_mode: return errors::stream_on_demand(name, account);
    case capacity_limit: return errors::capacity_exceeded(refusal.reason);
    case shard_not_found: return errors::shard_not_parsed(model::shard_id(refusal.shard), name, account);
    case shard_already_closed: return errors::shard_already_closed(model::shard_id(refusal.shard), name, account);
    case shards_not_adjacent:
      return errors::shards_not_adjacent(model::shard_id(refusal.shard), model::shard_id(refusal.other_shard), name,
                                         account);
    case bad_split_key:
    case retention_too_short:
    case retention_too_long:
    case retention_below_current:
    case retention_above_current: break;  // these need what was asked for: see split_shard.cc and retention_errors.h
    case too_many_tags: return errors::too_many_tags(name, account, refusal.limit);
    case unavailable: return errors::service_unavailable(refusal.reason);
  }
  return errors::internal_failure();
}

}  // namespace weir::frontend
