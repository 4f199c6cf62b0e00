// The part of SimulatedDisk with which a test looks at and touches what is stored.
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "env/sim/sim_disk.h"
#include "env/sim/sim_disk_node.h"

namespace weir::env {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (!name.empty() && name != ".") names.emplace_back(name);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return names;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::copy(std::uint64_t seed) const {
  SimulatedDiskOptions options = options_;
  options.seed = seed;
  auto twin = std::make_unique<SimulatedDisk>(options);
  std::map<const Node*, NodeRef> copies;
  const auto copy_node = [&copies](this const auto& self, const NodeRef& node) -> NodeRef {
    if (node == nullptr) return nullptr;
    NodeRef& made = copies[node.get()];
    if (made != nullptr) return made;
    made = std::make_shared<Node>(*node);
    const NodeRef result = made;
    for (auto& [name, entry] : result->entries) entry = self(entry);
    for (auto& [name, entry] : result->durable_entries) entry = self(entry);
    for (Node::Change& change : result->unsynced) change.node = self(change.node);
    result->open_boot = 0;
    result->lock_boot = 0;
    return result;
  };
  twin->root_ = copy_node(root_);
  twin->account_anew();
  return twin;
}

Result<std::string> SimulatedDisk::file(std::string_view path) const {
  const NodeRef node = find(path);
  if (node == nullptr || node->is_directory) {
    return fail(ErrorCode::not_found, std::string("no such file: ").append(path));
  }
  std::string text(node->content.size(), '\0');
  node->content.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

std::vector<std::string> SimulatedDisk::file_paths() const {
  std::vector<std::string> paths;
  const auto visit = [&paths](this const auto& self, const Node& directory, const std::string& prefix) -> void {
    for (const auto& [name, node] : directory.entries) {
      if (node->is_directory) {
        self(*node, prefix + name + "/");
      } else {
        paths.push_back(prefix + name);
      }
    }
  };
  visit(*root_, "");
  std::ranges::sort(paths);
  return paths;
}

void SimulatedDisk::put_file(std::string_view path, std::string_view content) {
  const std::vector<std::string> names = split_path(path);
  WEIR_ASSERT(!names.empty());
  NodeRef directory = root_;
  for (const std::string& name : names) {
    const bool is_last = &name == &names.back();
    const auto entry = directory->entries.find(name);
    NodeRef node = entry != directory->entries.end() ? entry->second : nullptr;
    if (node == nullptr) {
      node = std::make_shared<Node>();
      node->is_directory = !is_last;
      node->permissions = is_last ? 0640 : 0755;
      link(*directory, name, node, {});
      directory->apply_first(directory->unsynced.size());
    }
    WEIR_ASSERT(node->is_directory == !is_last);
    directory = std::move(node);
  }
  directory->content.truncate(0);
  directory->content.write(0, as_bytes(content));
  directory->content.sync();
  account(*directory);
}

bool SimulatedDisk::flip_byte(std::string_view path, std::uint64_t offset, std::byte mask) {
  const NodeRef node = find(path);
  return node != nullptr && node->content.flip(offset, mask);
}

bool SimulatedDisk::has_unsynced_changes() const {
  const auto dirty = [](this const auto& self, const Node& node) -> bool {
    return !node.unsynced.empty() || node.content.is_dirty() ||
           std::ranges::any_of(node.entries, [&self](const auto& entry) { return self(*entry.second); });
  };
  return dirty(*root_);
}

}  // namespace weir::env
