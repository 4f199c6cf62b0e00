// SimulatedDisk: a machine's disk with its page cache, as a strict POSIX file system shows it. It outlives simulations:
// run one on it, let it crash, call crash(), and run the next one on what is left.
//
// What survives what:
//   - kill -9 (CrashMode::process): everything that was written, synced or not. Locks are released.
//   - loss of power (CrashMode::power_loss): what was synced. Of the rest every 512-byte sector is kept or lost on its
//     own, one of them may be torn (half old, half new), and a file's size is any it has had since its last sync.
//   - creations, renames and removals are made durable by sync_directory of the directory they happened in; at a loss
//   of
//     power each directory keeps the first so many of its unsynced ones, in order. A rename to another directory is
//     at once durable there, so the file may come back under both names, but is never lost.
//   - the system may write dirty sectors back whenever it likes.
//
// Every choice follows the seed. One thread; at most one machine uses a disk at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "env/file.h"
#include "env/sim/file_content.h"
#include "env/sim/seeded_random.h"

namespace weir::env {

enum class DiskOperation : std::uint8_t {
  open,  // of a file that exists
  read,
  list,  // and status
  // From here on operations change the disk. Each is a boundary at which crash_at() can stop.
  create,  // of a file or a directory
  write,
  sync,
  truncate,
  rename,
  remove,
  sync_directory,
};
[[nodiscard]] std::string_view to_string(DiskOperation operation) noexcept;

enum class DiskFault : std::uint8_t {
  io_error,    // `io`. A write may have been applied in part; a sync has made some of it durable; the rest changes
               // nothing
  drop_dirty,  // for sync: `io`, and dirty sectors are marked clean without having been written (FileContent)
  delay,       // takes `delay` longer, then does its work
};

// When to fail what. The first rule that applies to an operation decides.
struct FaultRule {
  DiskOperation operation = DiskOperation::write;
  DiskFault fault = DiskFault::io_error;
  std::string path_contains;  // only files whose path contains this; empty: all
  std::uint64_t nth = 0;      // only the nth such operation from now on, counted from 1; 0: any, by probability
  double probability = 1.0;   // ignored with nth
  Duration delay{};
};

enum class CrashMode : std::uint8_t { process, power_loss };
enum class CrashPhase : std::uint8_t {
  before,  // the operation has not touched the disk
  during,  // part of it has
  after,   // all of it has, but nobody has been told
};
inline constexpr CrashPhase all_crash_phases[] = {CrashPhase::before, CrashPhase::during, CrashPhase::after};

struct SimulatedDiskOptions {
  std::uint64_t seed = 1;
  std::uint64_t capacity_bytes = 16 * gibibyte;
  Duration latency_min = microseconds(10);  // of each operation, uniform up to latency_max
  Duration latency_max = microseconds(500);
  double slow_probability = 0.01;  // of an operation that takes up to slow_latency_max
  Duration slow_latency_max = milliseconds(50);
  double write_back_probability = 0.1;    // after a write, that the system writes some dirty sectors of the file back
  double torn_sector_probability = 0.25;  // at a loss of power, that one unsynced sector is torn
};

class SimulatedDisk {
 public:
  explicit SimulatedDisk(const SimulatedDiskOptions& options);
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;
  ~SimulatedDisk();

  // --- For tests, between simulations or during one.

  // What is left after a crash of the machine. Open files and locks are gone. Call when no simulation uses the disk, or
  // after SimulatedMachine::kill().
  void crash(CrashMode mode);

  // Another disk with the same content, durable and not, from which chance goes on under `seed`: for trying several
  // outcomes of one crash. Faults, crash points and locks are not copied.
  [[nodiscard]] std::unique_ptr<SimulatedDisk> copy(std::uint64_t seed) const;

  // The boundaries crossed so far, and where to stop: at the boundary with that number (the first one is 0), which the
  // machine reaches in a later operation. The machine is then dead; a simulation of one machine ends with
  // Outcome::crashed. Run once undisturbed for the number of boundaries, then with the same seeds once for each.
  [[nodiscard]] std::uint64_t boundaries_crossed() const noexcept { return boundaries_; }
  void crash_at(std::uint64_t boundary, CrashPhase phase);
  void cancel_crash() noexcept { crash_boundary_.reset(); }
  [[nodiscard]] bool crash_reached() const noexcept { return crash_reached_; }

  void add_fault(FaultRule rule);
  void clear_faults() noexcept { faults_.clear(); }
  [[nodiscard]] std::uint64_t faults_injected() const noexcept { return faults_injected_; }
  void set_capacity(std::uint64_t capacity_bytes) noexcept { options_.capacity_bytes = capacity_bytes; }

  // Look and touch from outside: no latency, no faults, no boundaries. put_file is durable, with its directories.
  [[nodiscard]] Result<std::string> file(std::string_view path) const;
  [[nodiscard]] std::vector<std::string> file_paths() const;  // all, sorted
  void put_file(std::string_view path, std::string_view content);
  // Bit rot: xors `mask` into a durable byte. False when there is no such byte.
  bool flip_byte(std::string_view path, std::uint64_t offset, std::byte mask = std::byte{0x01});
  [[nodiscard]] bool has_unsynced_changes() const;
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_; }

  // --- For the simulated file system. `now` becomes the file's modification time.

  struct Node;
  using NodeRef = std::shared_ptr<Node>;

  // Drawn when an operation begins; passed back to it when its time has come.
  struct Ticket {
    Duration before{};  // virtual time until the operation takes effect
    Duration after{};   // and from then until its caller hears of it
    std::optional<DiskFault> fault;
  };
  [[nodiscard]] Ticket admit(DiskOperation operation, std::string_view path);
  // Dead: nothing that the machine does reaches the disk from here on.
  void detach() noexcept;
  void attach();

  [[nodiscard]] Result<NodeRef> open(const Ticket& ticket, std::string_view path);
  [[nodiscard]] Result<NodeRef> create(const Ticket& ticket, std::string_view path, std::uint32_t permissions,
                                       WallTime now);
  // One directory; that it exists already is no error.
  [[nodiscard]] Result<void> create_directory(const Ticket& ticket, std::string_view path, WallTime now);
  void close(const NodeRef& node) noexcept;
  [[nodiscard]] Result<std::size_t> read(const Ticket& ticket, const NodeRef& node, std::uint64_t offset,
                                         MutableBytes out);
  [[nodiscard]] Result<void> write(const Ticket& ticket, const NodeRef& node, std::uint64_t offset, BytesView bytes,
                                   WallTime now);
  [[nodiscard]] Result<void> sync(const Ticket& ticket, const NodeRef& node);
  [[nodiscard]] Result<void> truncate(const Ticket& ticket, const NodeRef& node, std::uint64_t size, WallTime now);
  [[nodiscard]] std::uint64_t size(const NodeRef& node) const noexcept;
  [[nodiscard]] bool exists(std::string_view path) const;
  [[nodiscard]] Result<std::vector<std::string>> list(const Ticket& ticket, std::string_view path);
  [[nodiscard]] Result<FileStatus> status(const Ticket& ticket, std::string_view path);
  [[nodiscard]] Result<void> rename(const Ticket& ticket, std::string_view from, std::string_view to);
  [[nodiscard]] Result<void> remove(const Ticket& ticket, std::string_view path);
  [[nodiscard]] Result<void> sync_directory(const Ticket& ticket, std::string_view path);
  [[nodiscard]] DiskSpace space() const noexcept;
  // Errors: conflict when held. The lock ends with unlock() or the machine.
  [[nodiscard]] Result<void> lock(const NodeRef& node);
  void unlock(const NodeRef& node) noexcept;

 private:
  struct Place;

  [[nodiscard]] NodeRef find(std::string_view path) const;
  [[nodiscard]] Result<Place> find_parent(std::string_view path) const;
  [[nodiscard]] std::optional<CrashPhase> cross_boundary();
  [[nodiscard]] std::unexpected<Error> stop();
  // Crosses a boundary with a change that is all or nothing.
  template <class Change>
  [[nodiscard]] Result<void> change_whole(const Ticket& ticket, DiskOperation operation, std::string_view path,
                                          Change change);
  void link(Node& directory, const std::string& name, NodeRef node, const std::string& replaces);
  void unlink(Node& directory, const std::string& name);
  void account(Node& node) noexcept;
  void forget_cache(Node& directory, double keep_probability, bool& tear);
  void account_anew();

  SimulatedDiskOptions options_;
  SeededRandom random_;
  NodeRef root_;
  std::vector<FaultRule> faults_;
  std::uint64_t faults_injected_ = 0;
  std::uint64_t boundaries_ = 0;
  std::optional<std::pair<std::uint64_t, CrashPhase>> crash_boundary_;
  bool crash_reached_ = false;
  bool attached_ = false;
  std::uint64_t boot_ = 0;  // rises at every crash and detach, so that what was open before means nothing
  std::uint64_t used_bytes_ = 0;
};

}  // namespace weir::env
