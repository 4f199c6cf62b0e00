#include "env/sim/sim_disk.h"

#include <algorithm>
#include <utility>

#include "env/sim/sim_disk_node.h"

namespace weir::env {
namespace {

std::unexpected<Error> fail_at(ErrorCode code, DiskOperation operation, std::string_view path, std::string_view why) {
  return fail(code, std::string(to_string(operation)).append(" ").append(path).append(": ").append(why));
}

std::unexpected<Error> injected(DiskOperation operation, std::string_view path) {
  return fail_at(ErrorCode::io, operation, path, "input/output error (injected)");
}

}  // namespace

std::string_view to_string(DiskOperation operation) noexcept {
  switch (operation) {
    case DiskOperation::open: return "open";
    case DiskOperation::read: return "read";
    case DiskOperation::list: return "list";
    case DiskOperation::create: return "create";
    case DiskOperation::write: return "write";
    case DiskOperation::sync: return "sync";
    case DiskOperation::truncate: return "truncate";
    case DiskOperation::rename: return "rename";
    case DiskOperation::remove: return "remove";
    case DiskOperation::sync_directory: return "sync_directory";
  }
  return "unknown";
}

struct SimulatedDisk::Place {
  NodeRef directory;
  std::string name;
};

SimulatedDisk::SimulatedDisk(const SimulatedDiskOptions& options)
    : options_(options), random_(options.seed, 0x6469736b), root_(std::make_shared<Node>()), boot_(1) {
  root_->is_directory = true;
  root_->links = 1;
  root_->permissions = 0755;
}

SimulatedDisk::~SimulatedDisk() { WEIR_ASSERT_NOTE(!attached_, "a disk outlives the simulation that uses it"); }

void SimulatedDisk::attach() {
  WEIR_ASSERT_NOTE(!attached_, "one machine at a time uses a disk");
  WEIR_ASSERT_NOTE(!crash_reached_, "call crash() before the disk is used again");
  attached_ = true;
}

void SimulatedDisk::detach() noexcept {
  if (!std::exchange(attached_, false)) return;
  ++boot_;
  account_anew();
}

// Counts names and space again, after what was open has closed and names may have come back.
void SimulatedDisk::account_anew() {
  used_bytes_ = 0;
  const auto for_each_entry = [](this const auto& self, const Node& directory, const auto& visit) -> void {
    for (const auto& [name, node] : directory.entries) {
      visit(*node);
      self(*node, visit);
    }
  };
  for_each_entry(*root_, [](Node& node) { node.links = 0, node.charged_bytes = 0; });
  for_each_entry(*root_, [this](Node& node) {
    ++node.links;
    account(node);
  });
}

// A file takes space while it has a name or is open.
void SimulatedDisk::account(Node& node) noexcept {
  const bool held = node.links != 0 || (node.open_boot == boot_ && node.open_count != 0);
  const std::uint64_t bytes = held ? align_up(node.content.size(), sector_bytes) : 0;
  used_bytes_ = used_bytes_ - node.charged_bytes + bytes;
  node.charged_bytes = bytes;
}

void SimulatedDisk::crash(CrashMode mode) {
  detach();
  ++boot_;
  crash_reached_ = false;
  crash_boundary_.reset();
  if (mode == CrashMode::power_loss) {
    static constexpr double keep_probabilities[] = {0.0, 0.1, 0.5, 0.5, 0.9, 1.0};
    bool tear = random_.chance(options_.torn_sector_probability);
    forget_cache(*root_, keep_probabilities[random_.below(std::size(keep_probabilities))], tear);
  }
  account_anew();
}

// Only what is still reachable by durable names matters: the rest is gone with the last reference to it.
void SimulatedDisk::forget_cache(Node& directory, double keep_probability, bool& tear) {
  std::size_t kept = directory.unsynced.size();
  if (!random_.chance(keep_probability)) kept = random_.below(kept + 1);
  directory.apply_first(kept);
  directory.entries = directory.durable_entries;
  for (const auto& [name, node] : directory.entries) {
    node->path = directory.path.empty() ? name : directory.path + "/" + name;
    if (node->is_directory) {
      forget_cache(*node, keep_probability, tear);
    } else if (node->content.lose_power(random_, keep_probability, tear && random_.coin())) {
      tear = false;
    }
  }
}

void SimulatedDisk::crash_at(std::uint64_t boundary, CrashPhase phase) {
  WEIR_ASSERT_NOTE(boundary >= boundaries_, "that boundary has been crossed already");
  crash_boundary_.emplace(boundary, phase);
}

std::optional<CrashPhase> SimulatedDisk::cross_boundary() {
  const std::uint64_t boundary = boundaries_++;
  if (!crash_boundary_.has_value() || crash_boundary_->first != boundary) return std::nullopt;
  return crash_boundary_->second;
}

std::unexpected<Error> SimulatedDisk::stop() {
  crash_reached_ = true;
  return fail(ErrorCode::io, "the machine has crashed");
}

void SimulatedDisk::add_fault(FaultRule rule) { faults_.push_back(std::move(rule)); }

SimulatedDisk::Ticket SimulatedDisk::admit(DiskOperation operation, std::string_view path) {
  const auto draw = [this](Duration least, Duration most) {
    return Duration(static_cast<Duration::rep>(
        random_.between(static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count()))));
  };
  const bool slow = random_.chance(options_.slow_probability);
  Ticket ticket;
  ticket.before = slow ? draw(options_.latency_min, std::max(options_.latency_min, options_.slow_latency_max))
                       : draw(options_.latency_min / 2, options_.latency_max / 2);
  ticket.after = draw(options_.latency_min / 2, options_.latency_max / 2);
  for (FaultRule& rule : faults_) {
    if (rule.operation != operation || !path.contains(rule.path_contains)) continue;
    if (rule.nth == 0) {
      if (!random_.chance(rule.probability)) continue;
    } else if (--rule.nth != 0) {
      continue;
    } else {
      rule.probability = 0;  // used up: from now on a rule by probability that never applies
    }
    ++faults_injected_;
    ticket.fault = rule.fault;
    if (rule.fault == DiskFault::delay) ticket.before += rule.delay;
    break;
  }
  return ticket;
}

SimulatedDisk::NodeRef SimulatedDisk::find(std::string_view path) const {
  NodeRef at = root_;
  for (const std::string& name : split_path(path)) {
    const auto entry = at->entries.find(name);
    if (entry == at->entries.end()) return nullptr;
    at = entry->second;
  }
  return at;
}

Result<SimulatedDisk::Place> SimulatedDisk::find_parent(std::string_view path) const {
  std::vector<std::string> names = split_path(path);
  if (names.empty()) return fail(ErrorCode::invalid_argument, "the root directory cannot be changed");
  Place place{root_, std::move(names.back())};
  names.pop_back();
  for (const std::string& name : names) {
    const auto entry = place.directory->entries.find(name);
    if (entry == place.directory->entries.end() || !entry->second->is_directory) {
      return fail(ErrorCode::not_found, std::string(path).append(": no such directory: ").append(name));
    }
    place.directory = entry->second;
  }
  return place;
}

void SimulatedDisk::link(Node& directory, const std::string& name, NodeRef node, const std::string& replaces) {
  if (const auto old = directory.entries.find(name); old != directory.entries.end()) {
    --old->second->links;
    account(*old->second);
  }
  ++node->links;
  node->path = directory.path.empty() ? name : directory.path + "/" + name;
  if (!replaces.empty()) {
    --node->links;
    directory.entries.erase(replaces);
  }
  account(*node);
  directory.entries.insert_or_assign(name, node);
  directory.unsynced.push_back({name, std::move(node), replaces});
}

void SimulatedDisk::unlink(Node& directory, const std::string& name) {
  const auto entry = directory.entries.find(name);
  --entry->second->links;
  account(*entry->second);
  directory.entries.erase(entry);
  directory.unsynced.push_back({name, nullptr, {}});
}

template <class Change>
Result<void> SimulatedDisk::change_whole(const Ticket& ticket, DiskOperation operation, std::string_view path,
                                         Change change) {
  const std::optional<CrashPhase> crash = cross_boundary();
  if (crash == CrashPhase::before) return stop();
  if (ticket.fault == DiskFault::io_error && !crash) return injected(operation, path);
  if (crash != CrashPhase::during || random_.coin()) change();
  if (crash) return stop();
  return {};
}

Result<SimulatedDisk::NodeRef> SimulatedDisk::open(const Ticket& ticket, std::string_view path) {
  NodeRef node = find(path);
  if (node == nullptr) return fail_at(ErrorCode::not_found, DiskOperation::open, path, "no such file");
  if (node->is_directory) return fail_at(ErrorCode::io, DiskOperation::open, path, "is a directory");
  if (ticket.fault == DiskFault::io_error) return injected(DiskOperation::open, path);
  if (std::exchange(node->open_boot, boot_) != boot_) node->open_count = 0;
  ++node->open_count;
  return node;
}

Result<SimulatedDisk::NodeRef> SimulatedDisk::create(const Ticket& ticket, std::string_view path,
                                                     std::uint32_t permissions, WallTime now) {
  WEIR_TRY(const Place place, find_parent(path));
  if (place.directory->entries.contains(place.name)) {
    return fail_at(ErrorCode::already_exists, DiskOperation::create, path, "exists already");
  }
  if (space().available_bytes == 0) {
    return fail_at(ErrorCode::no_space, DiskOperation::create, path, "no space left on the disk");
  }
  auto node = std::make_shared<Node>();
  node->permissions = permissions;
  node->modified = now;
  node->open_boot = boot_;
  node->open_count = 1;
  WEIR_CHECK(change_whole(ticket, DiskOperation::create, path, [&] { link(*place.directory, place.name, node, {}); }));
  return node;
}

Result<void> SimulatedDisk::create_directory(const Ticket& ticket, std::string_view path, WallTime now) {
  if (const NodeRef existing = find(path); existing != nullptr) {
    if (existing->is_directory) return {};
    return fail_at(ErrorCode::already_exists, DiskOperation::create, path, "exists and is not a directory");
  }
  WEIR_TRY(const Place place, find_parent(path));
  return change_whole(ticket, DiskOperation::create, path, [&] {
    auto node = std::make_shared<Node>();
    node->is_directory = true;
    node->permissions = 0755;
    node->modified = now;
    link(*place.directory, place.name, std::move(node), {});
  });
}

void SimulatedDisk::close(const NodeRef& node) noexcept {
  if (node->open_boot != boot_) return;
  --node->open_count;
  account(*node);
}

Result<std::size_t> SimulatedDisk::read(const Ticket& ticket, const NodeRef& node, std::uint64_t offset,
                                        MutableBytes out) {
  if (ticket.fault == DiskFault::io_error) return injected(DiskOperation::read, node->path);
  const std::uint64_t size = node->content.size();
  if (offset >= size) return 0U;
  const std::size_t length = std::min<std::uint64_t>(out.size(), size - offset);
  node->content.read(offset, out.first(length));
  return length;
}

Result<void> SimulatedDisk::write(const Ticket& ticket, const NodeRef& node, std::uint64_t offset, BytesView bytes,
                                  WallTime now) {
  const std::optional<CrashPhase> crash = cross_boundary();
  if (crash == CrashPhase::before) return stop();
  const bool failing = ticket.fault == DiskFault::io_error;
  std::size_t length = bytes.size();
  if (failing || crash == CrashPhase::during) length = random_.below(length + 1);
  const std::uint64_t most = align_up(node->content.size(), sector_bytes) + space().available_bytes;
  const bool fits = offset <= most && bytes.size() <= most - offset;
  if (!fits) length = std::min<std::uint64_t>(length, offset < most ? most - offset : 0);
  if (length != 0) {
    node->content.write(offset, bytes.first(length));
    node->modified = now;
    account(*node);
    if (random_.chance(options_.write_back_probability)) node->content.write_back_some(random_);
  }
  if (crash) return stop();
  if (failing) return injected(DiskOperation::write, node->path);
  if (!fits) return fail_at(ErrorCode::no_space, DiskOperation::write, node->path, "no space left on the disk");
  return {};
}

Result<void> SimulatedDisk::sync(const Ticket& ticket, const NodeRef& node) {
  const std::optional<CrashPhase> crash = cross_boundary();
  if (crash == CrashPhase::before) return stop();
  if (crash == CrashPhase::during || ticket.fault == DiskFault::io_error) {
    node->content.write_back_some(random_);
  } else if (ticket.fault == DiskFault::drop_dirty) {
    node->content.fail_sync_dropping(random_);
  } else {
    node->content.sync();
  }
  if (crash) return stop();
  if (ticket.fault == DiskFault::io_error || ticket.fault == DiskFault::drop_dirty) {
    return injected(DiskOperation::sync, node->path);
  }
  return {};
}

Result<void> SimulatedDisk::truncate(const Ticket& ticket, const NodeRef& node, std::uint64_t size, WallTime now) {
  const std::uint64_t most = align_up(node->content.size(), sector_bytes) + space().available_bytes;
  if (size > most) {
    return fail_at(ErrorCode::no_space, DiskOperation::truncate, node->path, "no space left on the disk");
  }
  return change_whole(ticket, DiskOperation::truncate, node->path, [&] {
    node->content.truncate(size);
    node->modified = now;
    account(*node);
  });
}

std::uint64_t SimulatedDisk::size(const NodeRef& node) const noexcept { return node->content.size(); }

bool SimulatedDisk::exists(std::string_view path) const { return find(path) != nullptr; }

Result<std::vector<std::string>> SimulatedDisk::list(const Ticket& ticket, std::string_view path) {
  const NodeRef node = find(path);
  if (node == nullptr || !node->is_directory) {
    return fail_at(ErrorCode::not_found, DiskOperation::list, path, "no such directory");
  }
  if (ticket.fault == DiskFault::io_error) return injected(DiskOperation::list, path);
  std::vector<std::string> names;
  for (const auto& entry : node->entries) names.push_back(entry.first);
  return names;
}

Result<FileStatus> SimulatedDisk::status(const Ticket& ticket, std::string_view path) {
  const NodeRef node = find(path);
  if (node == nullptr) return fail_at(ErrorCode::not_found, DiskOperation::list, path, "no such file or directory");
  if (ticket.fault == DiskFault::io_error) return injected(DiskOperation::list, path);
  return FileStatus{node->content.size(), node->modified, node->permissions, node->is_directory};
}

Result<void> SimulatedDisk::rename(const Ticket& ticket, std::string_view from, std::string_view to) {
  WEIR_TRY(const Place source, find_parent(from));
  WEIR_TRY(const Place target, find_parent(to));
  const auto entry = source.directory->entries.find(source.name);
  if (entry == source.directory->entries.end()) {
    return fail_at(ErrorCode::not_found, DiskOperation::rename, from, "no such file or directory");
  }
  const NodeRef node = entry->second;
  if (const NodeRef replaced = find(to); replaced != nullptr && (replaced->is_directory || node->is_directory)) {
    if (replaced == node) return {};
    return fail_at(ErrorCode::already_exists, DiskOperation::rename, to, "exists already");
  }
  return change_whole(ticket, DiskOperation::rename, from, [&] {
    if (source.directory == target.directory) {
      if (source.name != target.name) link(*target.directory, target.name, node, source.name);
      return;
    }
    unlink(*source.directory, source.name);
    link(*target.directory, target.name, node, {});
    target.directory->apply_first(target.directory->unsynced.size());
  });
}

Result<void> SimulatedDisk::remove(const Ticket& ticket, std::string_view path) {
  WEIR_TRY(const Place place, find_parent(path));
  const auto entry = place.directory->entries.find(place.name);
  if (entry == place.directory->entries.end()) {
    return fail_at(ErrorCode::not_found, DiskOperation::remove, path, "no such file or directory");
  }
  if (!entry->second->entries.empty()) {
    return fail_at(ErrorCode::conflict, DiskOperation::remove, path, "directory not empty");
  }
  return change_whole(ticket, DiskOperation::remove, path, [&] { unlink(*place.directory, place.name); });
}

Result<void> SimulatedDisk::sync_directory(const Ticket& ticket, std::string_view path) {
  const NodeRef node = find(path);
  if (node == nullptr || !node->is_directory) {
    return fail_at(ErrorCode::not_found, DiskOperation::sync_directory, path, "no such directory");
  }
  return change_whole(ticket, DiskOperation::sync_directory, path, [&] { node->apply_first(node->unsynced.size()); });
}

DiskSpace SimulatedDisk::space() const noexcept {
  const std::uint64_t total = options_.capacity_bytes;
  return {total, total - std::min(total, used_bytes_)};
}

Result<void> SimulatedDisk::lock(const NodeRef& node) {
  if (node->lock_boot == boot_) return fail(ErrorCode::conflict, node->path + ": locked by someone else");
  node->lock_boot = boot_;
  return {};
}

void SimulatedDisk::unlock(const NodeRef& node) noexcept { node->lock_boot = 0; }

}  // namespace weir::env
