// Directory: owns the truth about streams, in the metastore, and publishes it as shard maps. This is the form for one
// process: it applies the commands of the API, drives streams through their states, and hands out lane epochs.
//
// Every change is stored before it is published, and published to every listener before it is reported as done. A state
// change that takes time (CREATING, UPDATING, DELETING) is stored with its due time first, so that a restart goes on
// with it. When the metastore fails, the maps published last stay in force and commands are refused.
//
// Threading: everything on the core that opened it, listeners and closer included (they go to other cores themselves).
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/result.h"
#include "directory/command.h"
#include "directory/map/map_listener.h"
#include "directory/map/shard_map.h"
#include "directory/metrics.h"
#include "directory/settings.h"
#include "directory/shard_closer.h"
#include "directory/stored_state.h"
#include "directory/tenants/tenants.h"
#include "directory/usage.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task_group.h"
#include "env/turn.h"
#include "metastore/metastore.h"

namespace weir::directory {

class Directory {
 public:
  // Loads everything from `store`, in which nothing need be yet. `lane_count` must be the same at every opening. `core`
  // is the calling one. What is passed by reference outlives the directory. `term`: of the leader that opens it; the
  // maps bear it. Errors: corrupt, unsupported, invalid_argument (other lane count), and those of the store.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<Directory>>> open(env::Core& core, metastore::Metastore& store,
                                                                          std::uint32_t lane_count,
                                                                          const DirectorySettings& settings,
                                                                          DirectoryMetrics& metrics,
                                                                          std::uint64_t term = 0);
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory();  // after stop(), if start() was called

  // From open() on: the map now in force, and 32 random bytes that are the same at every opening, for sealing tokens.
  [[nodiscard]] const ShardMapPointer& map() const noexcept { return map_; }
  [[nodiscard]] std::span<const std::byte, token_key_bytes> token_key() const noexcept { return token_key_; }

  // Raises the lane's epoch, durably, and returns it: every call gives a higher one. `owner` (its epoch is filled in)
  // is published as the lane's. Errors: invalid_argument for a lane that does not exist, unavailable.
  [[nodiscard]] env::Task<Result<Epoch>> claim_lane(LaneId lane, std::optional<LaneOwner> owner = std::nullopt);
  // Adds a cell of a fleet, or changes one. From the first cell on, streams live in cells. Errors: invalid_argument for
  // a cell that cannot be, or that would lose lanes; unavailable.
  [[nodiscard]] env::Task<Result<void>> define_cell(std::uint32_t cell, CellState state);
  [[nodiscard]] const std::map<std::uint32_t, CellState>& cells() const noexcept { return cells_; }
  [[nodiscard]] const std::vector<LaneState>& lanes() const noexcept { return lanes_; }
  [[nodiscard]] std::uint64_t open_shards_of_cell(std::uint32_t cell) const noexcept;

  // Tenants (tenants.h says by which rules). Errors: those of the functions of the same names in tenants.h; unavailable
  // when the outcome may be unknown. `overlap`, up to overlap_max: how long a fleet goes on serving an account that it
  // loses by this, at least.
  [[nodiscard]] env::Task<Result<void>> put_fleet(std::string name, std::set<std::string> accounts,
                                                  bool serves_all_others, Duration overlap);
  [[nodiscard]] env::Task<Result<void>> remove_fleet(std::string name);
  [[nodiscard]] env::Task<Result<void>> assign_account(std::string account, std::string fleet, Duration overlap);
  // Adds the access key, or replaces its secret; with `replaces`, only when that is what it is sealed as. Errors:
  // invalid_argument; conflict when it is another account's, or sealed otherwise; limit_exceeded; unavailable.
  [[nodiscard]] env::Task<Result<void>> put_credential(std::string access_key_id, SealedCredential credential,
                                                       std::optional<std::string> replaces = std::nullopt);
  // Errors: not_found, unavailable.
  [[nodiscard]] env::Task<Result<void>> remove_credential(std::string access_key_id);
  [[nodiscard]] const FleetStates& fleets() const noexcept { return fleets_.by_name; }
  [[nodiscard]] const Credentials& credentials() const noexcept { return credentials_; }

  // Maps go to listeners one after the other in the order of adding: the cell first, then the front ends. Before
  // start().
  void add_listener(MapListener& listener);
  // Publishes the map to all listeners and goes on with what was under way. Once.
  [[nodiscard]] env::Task<void> start(ShardCloser& closer);
  // Ends the work under way at the next point where it can be taken up again; commands are refused from now on.
  [[nodiscard]] env::Task<void> stop();

  // Commands. Refusals that each can have besides `unavailable` are listed in the order in which they are checked.

  // stream_exists, too_many_tags, creating_limit, on_demand_limit, shard_limit, capacity_limit.
  [[nodiscard]] env::Task<CommandResult> create_stream(CreateStreamCommand command);
  // stream_not_found, stream_not_active.
  [[nodiscard]] env::Task<CommandResult> delete_stream(StreamScope scope, std::string name);
  // The upper child starts at `key`. stream_not_found, on_demand_mode, stream_not_active, shard_not_found,
  // shard_already_closed, shard_limit, capacity_limit, bad_split_key.
  [[nodiscard]] env::Task<CommandResult> split_shard(StreamScope scope, std::string name, ShardIndex shard,
                                                     HashKey key);
  // The two may be given in either order. stream_not_found, on_demand_mode, stream_not_active, shard_not_found,
  // shard_already_closed, shards_not_adjacent, capacity_limit.
  [[nodiscard]] env::Task<CommandResult> merge_shards(StreamScope scope, std::string name, ShardIndex shard,
                                                      ShardIndex adjacent);
  // The current value is accepted and changes nothing. stream_not_found, retention_too_short, retention_too_long,
  // retention_below_current, stream_not_active.
  [[nodiscard]] env::Task<CommandResult> increase_retention(StreamScope scope, std::string name, std::int64_t hours);
  // stream_not_found, retention_too_short, retention_above_current, stream_not_active.
  [[nodiscard]] env::Task<CommandResult> decrease_retention(StreamScope scope, std::string name, std::int64_t hours);
  // Adds or overwrites. stream_not_found, stream_not_active (creating or deleting), too_many_tags.
  [[nodiscard]] env::Task<CommandResult> add_tags(StreamScope scope, std::string name,
                                                  std::map<std::string, std::string> tags);
  // Missing keys are no error. stream_not_found, stream_not_active (creating or deleting).
  [[nodiscard]] env::Task<CommandResult> remove_tags(StreamScope scope, std::string name,
                                                     std::vector<std::string> keys);

  // Removes shards whose retention has passed, now instead of at the next interval.
  [[nodiscard]] env::Task<void> sweep_expired_shards();

 private:
  // How a transaction ended. After `unknown` the memory is stale until reload() succeeds.
  enum class Outcome : std::uint8_t { done, not_done, unknown };
  struct Ending {
    Outcome outcome = Outcome::done;
    metastore::Revision revision = 0;  // when done; 0 when that was found out by a reload, which has seen to the rest
    std::string reason;
  };

  Directory(env::Core& core, metastore::Metastore& store, const DirectorySettings& settings, DirectoryMetrics& metrics,
            std::uint64_t term);

  // directory.cc: the memory and the metastore. All in turn.
  // Makes this directory the one that writes: of all transactions sent before, by whomever, none can happen any more
  // that has not happened when it returns. Errors: unavailable for one whose term is over; those of the store.
  [[nodiscard]] env::Task<Result<void>> become_writer();
  [[nodiscard]] env::Task<Result<void>> load(std::uint32_t lane_count);
  [[nodiscard]] env::Task<Result<void>> initialize(std::uint32_t lane_count);
  // The memory is what the store holds, and can hold nothing else later but what this directory writes. Returns whether
  // the store holds just what `writes` was to put there.
  [[nodiscard]] env::Task<Result<bool>> reload(std::span<const metastore::Write> writes = {});
  [[nodiscard]] Result<void> take_over(StoredState state);
  // Replaces a stream by `next` (removes it when empty) in the metastore, in memory and in the published map, if the
  // guards hold, too.
  [[nodiscard]] env::Task<Ending> replace_stream(StreamId id, std::optional<StreamState> next,
                                                 std::vector<metastore::Guard> guards = {});
  [[nodiscard]] env::Task<Ending> commit(std::vector<metastore::Guard> guards, std::vector<metastore::Write> writes);
  [[nodiscard]] env::Task<Ending> find_outcome(std::span<const metastore::Write> writes, Error error);
  [[nodiscard]] env::Task<void> publish(ShardMapPointer map);
  void report_counts();

  // commands.cc
  [[nodiscard]] env::Task<CommandResult> in_turn(env::Task<CommandResult> command);
  [[nodiscard]] env::Task<CommandResult> do_create(CreateStreamCommand command);
  [[nodiscard]] env::Task<CommandResult> do_delete(StreamScope scope, std::string name);
  [[nodiscard]] env::Task<CommandResult> do_split(StreamScope scope, std::string name, ShardIndex shard, HashKey key);
  [[nodiscard]] env::Task<CommandResult> do_merge(StreamScope scope, std::string name, ShardIndex shard,
                                                  ShardIndex adjacent);
  [[nodiscard]] env::Task<CommandResult> do_set_retention(StreamScope scope, std::string name, std::int64_t hours,
                                                          bool increase);
  [[nodiscard]] env::Task<CommandResult> do_add_tags(StreamScope scope, std::string name,
                                                     std::map<std::string, std::string> tags);
  [[nodiscard]] env::Task<CommandResult> do_remove_tags(StreamScope scope, std::string name,
                                                        std::vector<std::string> keys);
  [[nodiscard]] env::Task<CommandResult> do_claim(LaneId lane, std::optional<LaneOwner> owner, Epoch& claimed);
  [[nodiscard]] env::Task<CommandResult> do_define_cell(std::uint32_t cell, CellState state);
  [[nodiscard]] env::Task<CommandResult> begin(const StreamState& current, StreamStatus status, Change change,
                                               milliseconds duration);
  [[nodiscard]] env::Task<CommandResult> store_change(StreamId id, StreamState next);
  [[nodiscard]] std::expected<const StreamState*, DirectoryRefusal> find_stream(const StreamScope& scope,
                                                                                const std::string& name) const;
  [[nodiscard]] CommandResult check_quotas(const CreateStreamCommand& command) const;
  [[nodiscard]] CommandResult check_shard_quota(const StreamScope& scope, std::uint64_t additional) const;
  [[nodiscard]] CommandResult check_capacity(std::uint64_t additional_shards) const;

  // tenant_commands.cc
  // A change of fleets or credentials: what it does to them, made in turn.
  using PlanFleets = std::function<Result<FleetStates>()>;
  [[nodiscard]] env::Task<Result<void>> change_fleets(PlanFleets plan);
  [[nodiscard]] env::Task<CommandResult> do_change_fleets(PlanFleets plan, Result<void>& outcome);
  // Null: the access key goes.
  [[nodiscard]] env::Task<CommandResult> do_change_credential(std::string access_key_id,
                                                              std::shared_ptr<const SealedCredential> next,
                                                              std::optional<std::string> replaces,
                                                              Result<void>& outcome);
  [[nodiscard]] Result<void> check_change(const std::string& access_key_id, const SealedCredential* next,
                                          const std::optional<std::string>& replaces) const;
  [[nodiscard]] env::Task<void> drop_left_accounts();

  // workflows.cc
  void ensure_driven(StreamId id);
  [[nodiscard]] env::Task<void> drive(StreamId id);
  // Each returns whether it got on; if not, it is tried again later.
  [[nodiscard]] env::Task<bool> complete(StreamId id);
  [[nodiscard]] env::Task<bool> complete_without_closing(StreamId id, PendingChange pending);
  [[nodiscard]] env::Task<bool> complete_reshard(StreamId id, PendingChange pending);
  // The stream's state when just this change is still to be made; else null.
  [[nodiscard]] const StreamState* still_pending(StreamId id, const PendingChange& pending) const;
  // The parents of a reshard, as far as they were closed.
  struct Closing {
    bool is_complete = false;                     // all of them are closed,
    std::vector<std::pair<LaneId, Epoch>> lanes;  // under these epochs of their lanes,
    WallTime time = WallTime::min();              // which is later than the arrival of any of their records
    std::vector<ShardIndex> maybe_closed;         // to be reopened if it comes to nothing
  };
  [[nodiscard]] env::Task<Closing> close_parents(std::shared_ptr<const Stream> stream, std::vector<ShardIndex> parents);
  [[nodiscard]] env::Task<void> reopen_parents(std::shared_ptr<const Stream> stream, std::vector<ShardIndex> parents);
  // In turn. Stores what the pending change makes of the stream, if the parents' lanes have the owners that closed
  // them.
  [[nodiscard]] env::Task<void> store_reshard(StreamId id, const StreamState& state, const Closing& closing);
  // Returns true once it is certain that the pending change was not made by what was sent so far, and will not be;
  // false when it was made, or the directory stops.
  [[nodiscard]] env::Task<bool> rule_out(StreamId id, PendingChange pending);
  [[nodiscard]] env::Task<void> sweep_regularly();
  [[nodiscard]] MonotonicTime due_time(const PendingChange& pending) const;

  env::Core& core_;
  metastore::Metastore& store_;
  const DirectorySettings& settings_;
  DirectoryMetrics& metrics_;
  const std::uint64_t term_;
  std::array<std::byte, token_key_bytes> token_key_{};
  ShardCloser* closer_ = nullptr;
  std::vector<MapListener*> listeners_;

  // Changed only in turn; read at any time.
  env::Turn turn_;
  metastore::Revision writer_modified_ = 0;  // every transaction is guarded on it
  StreamCounter next_stream_;
  std::vector<LaneState> lanes_;
  std::map<std::uint32_t, CellState> cells_;
  Fleets fleets_;
  Credentials credentials_;
  absl::btree_map<StreamId, StreamState> streams_;  // in an order that every run of a simulation has
  Usage usage_{0};
  ShardMapPointer map_;
  bool stale_ = false;  // a transaction's outcome is unknown: reload before anything else

  std::uint64_t commands_waiting_ = 0;
  std::uint64_t orders_given_ = 0;        // to lanes
  absl::flat_hash_set<StreamId> driven_;  // streams whose pending change has a running task
  env::TaskGroup tasks_;
  env::Event stop_;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace weir::directory
