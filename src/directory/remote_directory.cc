#include "directory/remote_directory.h"
#include "directory/rpc_paths.h"

#include <algorithm>
#include <deque>

#include "base/assert.h"

namespace weir::directory {
namespace {

constexpr std::size_t peers_max = 32;  // directories a core is connected to

std::unexpected<DirectoryRefusal> unavailable(std::string reason) {
  return std::unexpected(DirectoryRefusal{.kind = RefusalKind::unavailable, .reason = std::move(reason)});
}

// Whom to ask, in which order; each at most once.
class Candidates {
 public:
  Candidates(const std::vector<env::Endpoint>& directories, const std::optional<env::Endpoint>& leader)
      : waiting_(directories.begin(), directories.end()) {
    if (leader) prefer(*leader);
  }
  void prefer(const env::Endpoint& endpoint) {
    if (std::ranges::find(asked_, endpoint) != asked_.end()) return;
    std::erase(waiting_, endpoint);
    waiting_.push_front(endpoint);
  }
  [[nodiscard]] std::optional<env::Endpoint> next() {
    if (waiting_.empty()) return std::nullopt;
    asked_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    return asked_.back();
  }

 private:
  std::deque<env::Endpoint> waiting_;
  std::vector<env::Endpoint> asked_;
};

}  // namespace

RemoteDirectory::RemoteDirectory(std::uint32_t core_count, net::ConnectToPeer connect, RemoteDirectoryOptions options)
    : connect_(std::move(connect)), options_(std::move(options)), cores_(core_count) {
  WEIR_ASSERT(options_.directories.size() < peers_max);
}

RemoteDirectory::~RemoteDirectory() {
  WEIR_ASSERT_NOTE(std::ranges::all_of(cores_, [](const PerCore& core) { return core.in_flight == 0; }),
                   "a remote directory must be stopped on each core");
}

env::Task<CommandResult> RemoteDirectory::create_stream(env::Core& caller, CreateStreamCommand command) {
  return run(caller, {.command = std::move(command)});
}

env::Task<CommandResult> RemoteDirectory::delete_stream(env::Core& caller, StreamScope scope, std::string name) {
  return run(caller, {std::move(scope), std::move(name), DeleteStreamCommand{}});
}

env::Task<CommandResult> RemoteDirectory::split_shard(env::Core& caller, StreamScope scope, std::string name,
                                                      ShardIndex shard, HashKey key) {
  return run(caller, {std::move(scope), std::move(name), SplitShardCommand{shard, key}});
}

env::Task<CommandResult> RemoteDirectory::merge_shards(env::Core& caller, StreamScope scope, std::string name,
                                                       ShardIndex shard, ShardIndex adjacent) {
  return run(caller, {std::move(scope), std::move(name), MergeShardsCommand{shard, adjacent}});
}

env::Task<CommandResult> RemoteDirectory::increase_retention(env::Core& caller, StreamScope scope, std::string name,
                                                             std::int64_t hours) {
  return run(caller, {std::move(scope), std::move(name), SetRetentionCommand{hours, true}});
}

env::Task<CommandResult> RemoteDirectory::decrease_retention(env::Core& caller, StreamScope scope, std::string name,
                                                             std::int64_t hours) {
  return run(caller, {std::move(scope), std::move(name), SetRetentionCommand{hours, false}});
}

env::Task<CommandResult> RemoteDirectory::add_tags(env::Core& caller, StreamScope scope, std::string name,
                                                   std::map<std::string, std::string> tags) {
  return run(caller, {std::move(scope), std::move(name), AddTagsCommand{std::move(tags)}});
}

env::Task<CommandResult> RemoteDirectory::remove_tags(env::Core& caller, StreamScope scope, std::string name,
                                                      std::vector<std::string> keys) {
  return run(caller, {std::move(scope), std::move(name), RemoveTagsCommand{std::move(keys)}});
}

env::Task<CommandResult> RemoteDirectory::run(env::Core& caller, StreamCommand command) {
  const std::string request = encode(command);
  PerCore& mine = cores_.at(caller.index());
  if (mine.stopping) co_return unavailable("this process is stopping");
  if (mine.idle == nullptr) mine.idle = std::make_unique<env::Event>(caller);
  ++mine.in_flight;
  CommandResult result = co_await ask_around(caller, mine, request);
  if (--mine.in_flight == 0) mine.idle->notify_all();
  co_return result;
}

env::Task<CommandResult> RemoteDirectory::ask_around(env::Core& caller, PerCore& mine, const std::string& request) {
  const MonotonicTime deadline = caller.now() + options_.command_timeout;
  Candidates candidates(options_.directories, mine.leader);
  std::string last = "no directory is known";
  while (const auto endpoint = candidates.next()) {
    net::RpcConnection* const connection = mine.stopping ? nullptr : connection_to(caller, mine, *endpoint);
    if (connection == nullptr) break;
    const auto response = co_await connection->send(command_path, request, deadline);
    if (!response && response.error().code == ErrorCode::unavailable) {
      last = to_string(*endpoint) + " cannot be reached: " + response.error().message;
      continue;
    }
    if (!response) {
      co_return unavailable("the outcome is unknown: the connection to the directory " + to_string(*endpoint) +
                            " was lost after the command was sent: " + response.error().message);
    }
    if (response->status != 200) {
      co_return unavailable("the directory " + to_string(*endpoint) + " answered HTTP " +
                            std::to_string(response->status) + ": " + response->body);
    }
    auto answer = decode_command_answer(response->body);
    if (!answer) co_return unavailable("the outcome is unknown: " + answer.error().message);
    if (auto* const refusal = std::get_if<DirectoryRefusal>(&*answer)) {
      mine.leader = *endpoint;
      co_return std::unexpected(std::move(*refusal));
    }
    if (const auto* const done = std::get_if<CommandDone>(&*answer)) {
      mine.leader = *endpoint;
      co_return co_await finish(caller, done->map_version);
    }
    mine.leader.reset();
    last = to_string(*endpoint) + " does not lead";
    if (const auto& leader = std::get<NotLeader>(*answer).leader) candidates.prefer(*leader);
  }
  co_return unavailable("no leader of the directory could be asked: " + last);
}

env::Task<CommandResult> RemoteDirectory::finish(env::Core& caller, std::uint64_t map_version) {
  // Done either way: the wait only lets this process see at once what it did.
  if (options_.wait_for_map) {
    static_cast<void>(co_await options_.wait_for_map(caller, map_version, caller.now() + options_.map_timeout));
  }
  co_return CommandResult{};
}

net::RpcConnection* RemoteDirectory::connection_to(env::Core& caller, PerCore& mine,
                                                   const env::Endpoint& endpoint) const {
  const auto found = std::ranges::find(mine.peers, endpoint, &Peer::endpoint);
  if (found != mine.peers.end()) return found->connection.get();
  if (mine.peers.size() >= peers_max) return nullptr;
  mine.peers.push_back({endpoint, connect_(caller, endpoint)});
  return mine.peers.back().connection.get();
}

env::Task<void> RemoteDirectory::stop(env::Core& core) {
  PerCore& mine = cores_.at(core.index());
  mine.stopping = true;
  for (const Peer& peer : mine.peers) peer.connection->close();
  while (mine.in_flight != 0) co_await mine.idle->wait();
  for (const Peer& peer : mine.peers) co_await peer.connection->stop();
  mine.peers.clear();
}

}  // namespace weir::directory
