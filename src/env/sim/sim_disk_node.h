// What a simulated disk is made of. Only for the disk's own source files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "env/sim/file_content.h"
#include "env/sim/sim_disk.h"

namespace weir::env {

// A file or a directory. A directory has its entries twice, as seen and as durable, and what lies between them.
struct SimulatedDisk::Node {
  struct Change {
    std::string name;
    NodeRef node;          // null: the name goes
    std::string replaces;  // the old name, when this is a rename within the directory
  };

  std::string path;  // for messages; the latest
  bool is_directory = false;
  std::uint32_t permissions = 0;
  WallTime modified;
  FileContent content;
  std::map<std::string, NodeRef> entries;
  std::map<std::string, NodeRef> durable_entries;
  std::vector<Change> unsynced;

  std::uint32_t links = 0;  // names that lead here
  std::uint64_t open_count = 0;
  std::uint64_t open_boot = 0;  // open_count counts only while this is the disk's boot
  std::uint64_t lock_boot = 0;  // locked while this is the disk's boot
  std::uint64_t charged_bytes = 0;

  void apply(const Change& change) {
    if (!change.replaces.empty()) durable_entries.erase(change.replaces);
    if (change.node != nullptr) {
      durable_entries.insert_or_assign(change.name, change.node);
    } else {
      durable_entries.erase(change.name);
    }
  }
  void apply_first(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) apply(unsynced[i]);
    unsynced.clear();
  }
};

// The names along `path`; "." and empty ones mean nothing. Absolute and relative paths start at the same root.
[[nodiscard]] std::vector<std::string> split_path(std::string_view path);

}  // namespace weir::env
