// DirectoryClient: how a front end reaches the directory's commands. Two implementations: LocalDirectory (calls within
// the process) and RemoteDirectory (RPC to the leader of the directory fleet).
//
// Threading: any core may call; the result arrives on the calling core.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "directory/command.h"
#include "env/core.h"
#include "env/task.h"

namespace weir::directory {

// The commands of class Directory (directory/directory.h), which says what each does and how it refuses. Any of them
// may be refused as `unavailable`; whether it took effect is unknown then, and nothing is sent twice.
class DirectoryClient {
 public:
  DirectoryClient() = default;
  DirectoryClient(const DirectoryClient&) = delete;
  DirectoryClient& operator=(const DirectoryClient&) = delete;
  virtual ~DirectoryClient() = default;

  [[nodiscard]] virtual env::Task<CommandResult> create_stream(env::Core& caller, CreateStreamCommand command) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> delete_stream(env::Core& caller, StreamScope scope,
                                                               std::string name) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> split_shard(env::Core& caller, StreamScope scope, std::string name,
                                                             ShardIndex shard, HashKey key) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> merge_shards(env::Core& caller, StreamScope scope, std::string name,
                                                              ShardIndex shard, ShardIndex adjacent) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> increase_retention(env::Core& caller, StreamScope scope,
                                                                    std::string name, std::int64_t hours) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> decrease_retention(env::Core& caller, StreamScope scope,
                                                                    std::string name, std::int64_t hours) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> add_tags(env::Core& caller, StreamScope scope, std::string name,
                                                          std::map<std::string, std::string> tags) = 0;
  [[nodiscard]] virtual env::Task<CommandResult> remove_tags(env::Core& caller, StreamScope scope, std::string name,
                                                             std::vector<std::string> keys) = 0;
};

}  // namespace weir::directory
