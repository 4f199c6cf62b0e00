#include "directory/command_codec.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "directory/map/map_wire.h"

namespace weir::directory {
namespace {

struct KindPair {
  RefusalKind kind;
  wire::RefusalKind message;
};
constexpr std::array refusal_kinds{
    KindPair{RefusalKind::stream_exists, wire::STREAM_EXISTS},
    KindPair{RefusalKind::stream_not_found, wire::STREAM_NOT_FOUND},
    KindPair{RefusalKind::stream_not_active, wire::STREAM_NOT_ACTIVE},
    KindPair{RefusalKind::creating_limit, wire::CREATING_LIMIT},
    KindPair{RefusalKind::shard_limit, wire::SHARD_LIMIT},
    KindPair{RefusalKind::on_demand_limit, wire::ON_DEMAND_LIMIT},
    KindPair{RefusalKind::on_demand_mode, wire::ON_DEMAND_MODE},
    KindPair{RefusalKind::capacity_limit, wire::CAPACITY_LIMIT},
    KindPair{RefusalKind::shard_not_found, wire::SHARD_NOT_FOUND},
    KindPair{RefusalKind::shard_already_closed, wire::SHARD_ALREADY_CLOSED},
    KindPair{RefusalKind::shards_not_adjacent, wire::SHARDS_NOT_ADJACENT},
    KindPair{RefusalKind::bad_split_key, wire::BAD_SPLIT_KEY},
    KindPair{RefusalKind::retention_too_short, wire::RETENTION_TOO_SHORT},
    KindPair{RefusalKind::retention_too_long, wire::RETENTION_TOO_LONG},
    KindPair{RefusalKind::retention_below_current, wire::RETENTION_BELOW_CURRENT},
    KindPair{RefusalKind::retention_above_current, wire::RETENTION_ABOVE_CURRENT},
    KindPair{RefusalKind::too_many_tags, wire::TOO_MANY_TAGS},
    KindPair{RefusalKind::unavailable, wire::UNAVAILABLE},
};
static_assert(refusal_kinds.size() == static_cast<std::size_t>(RefusalKind::unavailable) + 1);

struct CommandWriter {
  wire::CommandRequest& request;
  void operator()(const CreateStreamCommand& command) const {
    wire::CreateStream& message = *request.mutable_create_stream();
    message.set_mode(to_wire(command.mode));
    message.set_shard_count(command.shard_count);
    message.set_record_bytes_max(command.record_bytes_max);
    tags_to_wire(command.tags, *message.mutable_tags());
  }
  void operator()(const DeleteStreamCommand&) const { request.mutable_delete_stream(); }
  void operator()(const SplitShardCommand& command) const {
    request.mutable_split_shard()->set_shard(command.shard.value);
    to_wire(command.key, *request.mutable_split_shard()->mutable_key());
  }
  void operator()(const MergeShardsCommand& command) const {
    request.mutable_merge_shards()->set_shard(command.shard.value);
    request.mutable_merge_shards()->set_adjacent(command.adjacent.value);
  }
  void operator()(const SetRetentionCommand& command) const {
    request.mutable_set_retention()->set_hours(command.hours);
    request.mutable_set_retention()->set_increase(command.increase);
  }
  void operator()(const AddTagsCommand& command) const {
    tags_to_wire(command.tags, *request.mutable_add_tags()->mutable_tags());
  }
  void operator()(const RemoveTagsCommand& command) const {
    for (const std::string& key : command.keys) request.mutable_remove_tags()->add_keys(key);
  }
};

struct AnswerWriter {
  wire::CommandAnswer& answer;
  void operator()(const CommandDone& done) const { answer.mutable_done()->set_map_version(done.map_version); }
  void operator()(const DirectoryRefusal& refusal) const {
    wire::Refusal& message = *answer.mutable_refused();
    message.set_kind(std::ranges::find(refusal_kinds, refusal.kind, &KindPair::kind)->message);
    message.set_status(to_wire(refusal.status));
    message.set_shard(refusal.shard.value);
    message.set_other_shard(refusal.other_shard.value);
    to_wire(refusal.first_hash, *message.mutable_first_hash());
    to_wire(refusal.last_hash, *message.mutable_last_hash());
    message.set_current(refusal.current);
    message.set_limit(refusal.limit);
    message.set_additional(refusal.additional);
    message.set_reason(refusal.reason);
  }
  void operator()(const NotLeader& not_leader) const {
    wire::NotLeader& message = *answer.mutable_not_leader();
    if (!not_leader.leader) return;
    message.set_address(not_leader.leader->address);
    message.set_port(not_leader.leader->port);
  }
};

template <class Message>
Result<void> parse(Message& message, std::string_view body) {
  const bool parsed = body.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
                      message.ParseFromArray(body.data(), static_cast<int>(body.size()));
  if (!parsed) return fail(ErrorCode::corrupt, "a message about a command cannot be parsed");
  return {};
}

Result<CreateStreamCommand> create_from_wire(const wire::CommandRequest& request) {
  const wire::CreateStream& message = request.create_stream();
  const auto mode = from_wire(message.mode());
  if (!mode || message.shard_count() == 0) {
    return fail(ErrorCode::corrupt, "a command makes a stream of a mode that nobody knows, or without shards");
  }
  return CreateStreamCommand{.scope = {request.scope().account(), request.scope().region()},
                             .name = request.name(),
                             .mode = *mode,
                             .shard_count = message.shard_count(),
                             .record_bytes_max = message.record_bytes_max(),
                             .tags = tags_from_wire(message.tags())};
}

DirectoryRefusal refusal_from_wire(const wire::Refusal& message) {
  const auto* const pair = std::ranges::find(refusal_kinds, message.kind(), &KindPair::message);
  return {.kind = pair == refusal_kinds.end() ? RefusalKind::unavailable : pair->kind,
          .status = from_wire(message.status()).value_or(StreamStatus::active),
          .shard = ShardIndex{message.shard()},
          .other_shard = ShardIndex{message.other_shard()},
          .first_hash = from_wire(message.first_hash()),
          .last_hash = from_wire(message.last_hash()),
          .current = message.current(),
          .limit = message.limit(),
          .additional = message.additional(),
          .reason = message.reason()};
}

}  // namespace

std::string encode(const StreamCommand& command) {
  wire::CommandRequest request;
  const auto* const create = std::get_if<CreateStreamCommand>(&command.command);
  const StreamScope& scope = create == nullptr ? command.scope : create->scope;
  request.mutable_scope()->set_account(scope.account);
  request.mutable_scope()->set_region(scope.region);
  request.set_name(create == nullptr ? command.name : create->name);
  std::visit(CommandWriter{request}, command.command);
  return request.SerializeAsString();
}

Result<StreamCommand> decode_command(std::string_view body) {
  wire::CommandRequest request;
  WEIR_CHECK(parse(request, body));
  StreamCommand command{.scope = {request.scope().account(), request.scope().region()}, .name = request.name()};
  switch (request.command_case()) {
    case wire::CommandRequest::kCreateStream: {
      WEIR_TRY(command.command, create_from_wire(request));
      break;
    }
    case wire::CommandRequest::kDeleteStream: command.command = DeleteStreamCommand{}; break;
    case wire::CommandRequest::kSplitShard:
      command.command =
          SplitShardCommand{ShardIndex{request.split_shard().shard()}, from_wire(request.split_shard().key())};
      break;
    case wire::CommandRequest::kMergeShards:
      command.command =
          MergeShardsCommand{ShardIndex{request.merge_shards().shard()}, ShardIndex{request.merge_shards().adjacent()}};
      break;
    case wire::CommandRequest::kSetRetention:
      command.command = SetRetentionCommand{request.set_retention().hours(), request.set_retention().increase()};
      break;
    case wire::CommandRequest::kAddTags:
      command.command = AddTagsCommand{tags_from_wire(request.add_tags().tags())};
      break;
    case wire::CommandRequest::kRemoveTags:
      command.command = RemoveTagsCommand{{request.remove_tags().keys().begin(), request.remove_tags().keys().end()}};
      break;
    case wire::CommandRequest::COMMAND_NOT_SET:
      return fail(ErrorCode::corrupt, "a command that this program does not know");
  }
  return command;
}

std::string encode(const CommandAnswer& answer) {
  wire::CommandAnswer message;
  std::visit(AnswerWriter{message}, answer);
  return message.SerializeAsString();
}

Result<CommandAnswer> decode_command_answer(std::string_view body) {
  wire::CommandAnswer message;
  WEIR_CHECK(parse(message, body));
  switch (message.outcome_case()) {
    case wire::CommandAnswer::kDone: return CommandDone{message.done().map_version()};
    case wire::CommandAnswer::kRefused: return refusal_from_wire(message.refused());
    case wire::CommandAnswer::kNotLeader: {
      const std::uint32_t port = message.not_leader().port();
      if (port == 0 || port > std::numeric_limits<std::uint16_t>::max()) return NotLeader{};
      return NotLeader{env::Endpoint{message.not_leader().address(), static_cast<std::uint16_t>(port)}};
    }
    case wire::CommandAnswer::OUTCOME_NOT_SET: break;
  }
  return fail(ErrorCode::corrupt, "the answer to a command says nothing");
}

}  // namespace weir::directory
