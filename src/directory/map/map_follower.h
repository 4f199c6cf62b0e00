// MapFollower: keeps a process's shard map the newest there is. It asks one directory after the other (method `follow`,
// a long poll), checks what comes, builds the next map, hands it to its listeners and saves it to disk.
//
// Never a partial map: what is broken, cut off, stale, of another slice or older than what is held is refused, and the
// old map stays in force. Maps are ordered by term, then version, so that a leader that was replaced cannot bring back
// what it believed. When every directory is gone the map stays in force, however old.
//
// Threading: belongs to the core `home`, except where it says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "directory/map/follow_codec.h"
#include "directory/map/map_listener.h"
#include "directory/map/map_metrics.h"
#include "directory/map/map_slice.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task_group.h"
#include "net/rpc_connection.h"

namespace weir::directory {

struct MapFollowerOptions {
  std::string name;  // unique within its kind
  FollowerKind kind = FollowerKind::front_end;
  MapSlice slice;  // of a fleet for a front end, of a cell for a node, all for a directory
  // Whom to ask, as of now: for a front end or a node all directories, for a directory the leader. May be empty.
  std::function<std::vector<env::Endpoint>()> directories;
  std::function<ProcessReport()> report;  // what the process says of itself, as of now; may be empty
  std::string file;                       // where the map is saved; empty: nowhere
  std::uint64_t file_bytes_max = gibibyte;
  milliseconds poll_wait = follow_wait_max;  // a directory should ask for less, so that what it serves is known fresh
  Duration answer_slack = seconds(5);        // beyond poll_wait, until an answer is taken for lost
  Duration backoff_min = milliseconds(50);   // after every directory failed, with jitter, doubling
  Duration backoff_max = seconds(2);
  Duration save_interval = seconds(10);      // at least, between two saves
  Duration save_again_after = seconds(600);  // so that the file's age says when the map was last known good
  Duration stale_after = seconds(15);        // a directory out of touch with the leader for so long is left
};

enum class FollowState : std::uint8_t {
  no_map,     // nothing can be served
  saved_map,  // from disk; no directory has confirmed it yet
  following,  // from a directory, which answered last time
  alone,      // from a directory, but now none answers
};
[[nodiscard]] std::string_view to_string(FollowState state) noexcept;

struct FollowerStatus {
  FollowState state = FollowState::no_map;
  std::optional<MapId> held;
  Duration age{};           // since the map was known to be the newest; for a saved map since it was saved
  env::Endpoint directory;  // asked last
  std::string last_error;   // since the last good answer
};

class MapFollower {
 public:
  MapFollower(env::Core& home, net::ConnectToPeer connect, MapFollowerOptions options, MapMetrics& metrics);
  MapFollower(const MapFollower&) = delete;
  MapFollower& operator=(const MapFollower&) = delete;
  ~MapFollower();  // after stop(), if start() was called

  // Maps go to listeners one after the other in the order of adding. Before everything else.
  void add_listener(MapListener& listener);
  // Puts the saved map in force. Before start(). Errors: not_found when there is none; corrupt, unsupported, conflict
  // (of another slice), io: the file is of no use. It stays where it is until a better one replaces it.
  [[nodiscard]] env::Task<Result<void>> start_from_saved_map();
  void start();
  // Saves what is not saved yet.
  [[nodiscard]] env::Task<void> stop();

  // Null before the first map.
  [[nodiscard]] const ShardMapPointer& map() const noexcept { return map_; }
  [[nodiscard]] FollowerStatus status() const;
  // As in status(), for MapSource::set_age.
  [[nodiscard]] Duration age() const;

  // Waits until the map in force has at least this version; false when `deadline` came first. Any core; comes back on
  // `caller`.
  [[nodiscard]] env::Task<bool> wait_for_version(env::Core& caller, std::uint64_t version, MonotonicTime deadline);

 private:
  // Whether the directory is worth asking again, or an error.
  [[nodiscard]] env::Task<Result<bool>> poll(env::Endpoint directory);
  [[nodiscard]] env::Task<Result<bool>> take(FollowAnswer answer);
  [[nodiscard]] Result<ShardMapPointer> read_map(const FollowAnswer& answer) const;
  [[nodiscard]] env::Task<void> put_in_force(ShardMapPointer map);
  [[nodiscard]] env::Task<void> follow();
  [[nodiscard]] env::Task<void> pause();
  // Lets go of the connection.
  void disconnect();
  void note_failure(const env::Endpoint& directory, std::string error);
  [[nodiscard]] env::Task<void> save_regularly();
  [[nodiscard]] env::Task<void> save();
  [[nodiscard]] MonotonicTime next_save() const;

  env::Core& home_;
  net::ConnectToPeer connect_;
  const MapFollowerOptions options_;
  MapMetrics& metrics_;
  std::vector<MapListener*> listeners_;

  ShardMapPointer map_;
  FollowState state_ = FollowState::no_map;
  std::optional<WallTime> map_saved_;  // of a map that came from disk
  MonotonicTime confirmed_;            // when the map was the newest, as far as the directory knew
  bool snapshot_only_ = false;

  std::unique_ptr<net::RpcConnection> connection_;
  env::Endpoint directory_;  // of the connection
  std::uint64_t turn_ = 0;   // which directory is next
  std::uint64_t failures_ = 0;
  std::string last_error_;

  std::optional<MapId> saved_id_;
  MonotonicTime saved_at_;
  MonotonicTime save_tried_at_;
  bool save_tried_ = false;

  env::Event changed_;
  env::Event stop_;
  env::TaskGroup tasks_;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace weir::directory
