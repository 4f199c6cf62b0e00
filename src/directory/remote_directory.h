// RemoteDirectory: the commands of the directory fleet's leader, over RPC (method `command`).
//
// A command goes to the directory that led last, and if that one does not lead, once more to the one it names; a
// directory that certainly has not seen it is passed over for the next. Nothing is sent twice: when a connection breaks
// after the command was sent, its outcome is unknown, and the refusal says so.
//
// Threading: any core may call; each core has its own connections.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "directory/command_codec.h"
#include "directory/directory_client.h"
#include "env/event.h"
#include "net/rpc_connection.h"

namespace weir::directory {

struct RemoteDirectoryOptions {
  std::vector<env::Endpoint> directories;  // of the fleet
  Duration command_timeout = seconds(10);
  // After a command was done: waits until the caller's process has a map that shows it, or `deadline` has come; comes
  // back on the caller's core. Not set: nothing waits. See MapFollower::wait_for_version.
  std::function<env::Task<bool>(env::Core& caller, std::uint64_t map_version, MonotonicTime deadline)> wait_for_map;
  Duration map_timeout = seconds(2);
};

class RemoteDirectory final : public DirectoryClient {
 public:
  // `core_count`: of the runtime whose cores call.
  RemoteDirectory(std::uint32_t core_count, net::ConnectToPeer connect, RemoteDirectoryOptions options);
  ~RemoteDirectory() override;  // after stop() on each core that called

  [[nodiscard]] env::Task<CommandResult> create_stream(env::Core& caller, CreateStreamCommand command) override;
  [[nodiscard]] env::Task<CommandResult> delete_stream(env::Core& caller, StreamScope scope, std::string name) override;
  [[nodiscard]] env::Task<CommandResult> split_shard(env::Core& caller, StreamScope scope, std::string name,
                                                     ShardIndex shard, HashKey key) override;
  [[nodiscard]] env::Task<CommandResult> merge_shards(env::Core& caller, StreamScope scope, std::string name,
                                                      ShardIndex shard, ShardIndex adjacent) override;
  [[nodiscard]] env::Task<CommandResult> increase_retention(env::Core& caller, StreamScope scope, std::string name,
                                                            std::int64_t hours) override;
  [[nodiscard]] env::Task<CommandResult> decrease_retention(env::Core& caller, StreamScope scope, std::string name,
                                                            std::int64_t hours) override;
  [[nodiscard]] env::Task<CommandResult> add_tags(env::Core& caller, StreamScope scope, std::string name,
                                                  std::map<std::string, std::string> tags) override;
  [[nodiscard]] env::Task<CommandResult> remove_tags(env::Core& caller, StreamScope scope, std::string name,
                                                     std::vector<std::string> keys) override;

  // On each core once no command of that core is wanted any more: ends those under way, closes its connections.
  [[nodiscard]] env::Task<void> stop(env::Core& core);

 private:
  struct Peer {
    env::Endpoint endpoint;
    std::unique_ptr<net::RpcConnection> connection;
  };
  // What one core has to itself.
  struct PerCore {
    std::vector<Peer> peers;              // at most peers_max
    std::optional<env::Endpoint> leader;  // that led last
    std::unique_ptr<env::Event> idle;     // no command is under way; made with the first command
    std::size_t in_flight = 0;
    bool stopping = false;
  };

  [[nodiscard]] env::Task<CommandResult> run(env::Core& caller, StreamCommand command);
  [[nodiscard]] env::Task<CommandResult> ask_around(env::Core& caller, PerCore& mine, const std::string& request);
  [[nodiscard]] env::Task<CommandResult> finish(env::Core& caller, std::uint64_t map_version);
  // Null when there are too many peers.
  [[nodiscard]] net::RpcConnection* connection_to(env::Core& caller, PerCore& mine,
                                                  const env::Endpoint& endpoint) const;

  net::ConnectToPeer connect_;
  const RemoteDirectoryOptions options_;
  std::vector<PerCore> cores_;
};

}  // namespace weir::directory
