// The method `command`: one command for the leader of the directory fleet, and what came of it.
//
// Any thread. Decoding takes whatever bytes come; errors: corrupt.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "directory/command.h"
#include "env/network.h"

namespace weir::directory {

struct DeleteStreamCommand {
  friend bool operator==(const DeleteStreamCommand&, const DeleteStreamCommand&) = default;
};
struct SplitShardCommand {
  ShardIndex shard;
  HashKey key;
};
struct MergeShardsCommand {
  ShardIndex shard;
  ShardIndex adjacent;
};
struct SetRetentionCommand {
  std::int64_t hours = 0;
  bool increase = false;
};
struct AddTagsCommand {
  std::map<std::string, std::string> tags;
};
struct RemoveTagsCommand {
  std::vector<std::string> keys;
};

// What class Directory is asked, as one value. The stream of a CreateStreamCommand is named in itself.
struct StreamCommand {
  StreamScope scope;
  std::string name;
  std::variant<CreateStreamCommand, DeleteStreamCommand, SplitShardCommand, MergeShardsCommand, SetRetentionCommand,
               AddTagsCommand, RemoveTagsCommand>
      command;
};

struct CommandDone {
  std::uint64_t map_version = 0;  // of a map that shows what was done
};
struct NotLeader {
  std::optional<env::Endpoint> leader;  // where the leader answers; empty: there is none, or nobody knows
};
using CommandAnswer = std::variant<CommandDone, DirectoryRefusal, NotLeader>;

[[nodiscard]] std::string encode(const StreamCommand& command);
[[nodiscard]] Result<StreamCommand> decode_command(std::string_view body);
[[nodiscard]] std::string encode(const CommandAnswer& answer);
// A refusal of a kind that only a newer program knows is taken as `unavailable`.
[[nodiscard]] Result<CommandAnswer> decode_command_answer(std::string_view body);

}  // namespace weir::directory
