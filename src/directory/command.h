// What is asked of the directory, and what comes of it.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>

#include "directory/map/shard_map.h"
#include "directory/refusal.h"

namespace weir::directory {

struct CreateStreamCommand {
  StreamScope scope;
  std::string name;
  StreamMode mode = StreamMode::provisioned;
  std::uint32_t shard_count = 1;  // at least 1
  std::uint32_t record_bytes_max = 1048576;
  std::map<std::string, std::string> tags;
};

using CommandResult = std::expected<void, DirectoryRefusal>;

}  // namespace weir::directory
