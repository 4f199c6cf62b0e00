#include "directory/command_handler.h"

#include <utility>

namespace weir::directory {
namespace {

struct Runner {
  Directory& directory;
  StreamScope& scope;
  std::string& name;
  env::Task<CommandResult> operator()(CreateStreamCommand& command) const {
    return directory.create_stream(std::move(command));
  }
  env::Task<CommandResult> operator()(DeleteStreamCommand&) const {
    return directory.delete_stream(std::move(scope), std::move(name));
  }
  env::Task<CommandResult> operator()(SplitShardCommand& command) const {
    return directory.split_shard(std::move(scope), std::move(name), command.shard, command.key);
  }
  env::Task<CommandResult> operator()(MergeShardsCommand& command) const {
    return directory.merge_shards(std::move(scope), std::move(name), command.shard, command.adjacent);
  }
  env::Task<CommandResult> operator()(SetRetentionCommand& command) const {
    return command.increase ? directory.increase_retention(std::move(scope), std::move(name), command.hours)
                            : directory.decrease_retention(std::move(scope), std::move(name), command.hours);
  }
  env::Task<CommandResult> operator()(AddTagsCommand& command) const {
    return directory.add_tags(std::move(scope), std::move(name), std::move(command.tags));
  }
  env::Task<CommandResult> operator()(RemoveTagsCommand& command) const {
    return directory.remove_tags(std::move(scope), std::move(name), std::move(command.keys));
  }
};

}  // namespace

CommandHandler::~CommandHandler() { WEIR_ASSERT_NOTE(directory_ == nullptr, "a command handler must stop leading"); }

void CommandHandler::lead(Directory& directory) {
  WEIR_ASSERT(directory_ == nullptr && in_flight_ == 0);
  directory_ = &directory;
}

env::Task<void> CommandHandler::stop_leading() {
  directory_ = nullptr;
  while (in_flight_ != 0) co_await idle_.wait();
}

env::Task<net::HttpResponse> CommandHandler::handle(env::Core& caller, BytesView body) {
  auto command = body.size() <= command_bytes_max ? decode_command(as_text(body))
                                                  : fail(ErrorCode::corrupt, "a command is too long");
  if (!command) co_return net::HttpResponse{.status = 400, .headers = {}, .body = command.error().message};
  co_await home_.enter();
  if (in_flight_ >= commands_in_flight_max) {
    co_await caller.enter();
    co_return net::HttpResponse{.status = 503, .headers = {}, .body = "too many commands at once"};
  }
  const CommandAnswer outcome = co_await answer(std::move(*command));
  co_await caller.enter();
  co_return net::HttpResponse{
      .status = 200, .headers = {{"Content-Type", "application/x-protobuf"}}, .body = encode(outcome)};
}

env::Task<CommandAnswer> CommandHandler::answer(StreamCommand command) {
  if (directory_ == nullptr) co_return NotLeader{leader_()};
  Directory& directory = *directory_;
  ++in_flight_;
  const CommandResult result = co_await std::visit(Runner{directory, command.scope, command.name}, command.command);
  const std::uint64_t version = directory.map()->version();
  if (--in_flight_ == 0) idle_.notify_all();
  if (!result) co_return result.error();
  co_return CommandDone{version};
}

}  // namespace weir::directory
