#include "directory/local_directory.h"

#include <utility>

namespace weir::directory {

env::Task<CommandResult> LocalDirectory::create_stream(env::Core& caller, CreateStreamCommand command) {
  co_await home_.enter();
  auto result = co_await directory_.create_stream(std::move(command));
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::delete_stream(env::Core& caller, StreamScope scope, std::string name) {
  co_await home_.enter();
  auto result = co_await directory_.delete_stream(std::move(scope), std::move(name));
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::split_shard(env::Core& caller, StreamScope scope, std::string name,
                                                     ShardIndex shard, HashKey key) {
  co_await home_.enter();
  auto result = co_await directory_.split_shard(std::move(scope), std::move(name), shard, key);
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::merge_shards(env::Core& caller, StreamScope scope, std::string name,
                                                      ShardIndex shard, ShardIndex adjacent) {
  co_await home_.enter();
  auto result = co_await directory_.merge_shards(std::move(scope), std::move(name), shard, adjacent);
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::increase_retention(env::Core& caller, StreamScope scope, std::string name,
                                                            std::int64_t hours) {
  co_await home_.enter();
  auto result = co_await directory_.increase_retention(std::move(scope), std::move(name), hours);
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::decrease_retention(env::Core& caller, StreamScope scope, std::string name,
                                                            std::int64_t hours) {
  co_await home_.enter();
  auto result = co_await directory_.decrease_retention(std::move(scope), std::move(name), hours);
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::add_tags(env::Core& caller, StreamScope scope, std::string name,
                                                  std::map<std::string, std::string> tags) {
  co_await home_.enter();
  auto result = co_await directory_.add_tags(std::move(scope), std::move(name), std::move(tags));
  co_await caller.enter();
  co_return result;
}

env::Task<CommandResult> LocalDirectory::remove_tags(env::Core& caller, StreamScope scope, std::string name,
                                                     std::vector<std::string> keys) {
  co_await home_.enter();
  auto result = co_await directory_.remove_tags(std::move(scope), std::move(name), std::move(keys));
  co_await caller.enter();
  co_return result;
}

}  // namespace weir::directory
