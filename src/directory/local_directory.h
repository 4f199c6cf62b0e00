// LocalDirectory: the commands of a directory in the same process. Each goes to the directory's core and comes back.
#pragma once

#include "directory/directory.h"
#include "directory/directory_client.h"

namespace weir::directory {

class LocalDirectory final : public DirectoryClient {
 public:
  // `home` is the core that opened `directory`; both outlive this.
  LocalDirectory(env::Core& home, Directory& directory) noexcept : home_(home), directory_(directory) {}

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

 private:
  env::Core& home_;
  Directory& directory_;
};

}  // namespace weir::directory
