// MapSource: serves one shard map, and what changes in it, to everyone who follows (method `follow`). In the leader it
// gets its maps as a listener of class Directory, in another directory as a listener of that one's MapFollower; it
// serves what it has, also when the leader is gone.
//
// What it costs: one waiting task for each idle follower. A change is encoded once for each slice and version that
// followers hold, not for each follower; a snapshot once for each slice, and it is used again as long as the history of
// changes reaches back to it. Maps that come faster than publish_interval are served together. Everything is bounded:
// polls, history, encoded answers, the list of followers, and the bytes of snapshots that go out in a second.
//
// Threading: belongs to the core `home`; follow() may be called on any core.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "directory/map/follow_codec.h"
#include "directory/map/map_history.h"
#include "directory/map/map_listener.h"
#include "directory/map/map_metrics.h"
#include "directory/rpc_paths.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task_group.h"
#include "env/turn.h"
#include "net/http.h"

namespace weir::directory {

struct MapSourceOptions {
  MapHistoryOptions history;
  Duration publish_interval = milliseconds(20);  // at least, between two versions that are served
  std::size_t polls_max = 16'384;                // at once; more are answered 503
  std::size_t followers_max = 16'384;            // kept for status(); more are served all the same
  Duration follower_forgotten_after = seconds(120);
  std::size_t snapshots_max = 160;                           // slices whose snapshot is kept
  std::size_t deltas_max = 1'024;                            // of slice and version held, for the newest map
  std::uint64_t snapshot_bytes_per_second = 256 * mebibyte;  // more wait, up to the end of their poll
  // A source that has not heard of the leader for so long keeps polls short, so that its followers look elsewhere.
  Duration stale_after = seconds(6);
};

// A follower as it was when it last asked.
struct FollowerView {
  FollowerKind kind = FollowerKind::front_end;
  std::string name;
  MapSlice slice;
  std::optional<MapId> held;
  MonotonicTime last_seen;
  ProcessReport report;
};

class MapSource final : public MapListener {
 public:
  MapSource(env::Core& home, const MapSourceOptions& options, MapMetrics& metrics);
  ~MapSource() override;  // after stop()

  // How long ago the leader confirmed that the newest map is the newest; zero in the leader itself, and when not set.
  void set_age(std::function<Duration()> age) { age_ = std::move(age); }

  // On home. A map that is not newer (by term, then version) than the newest is ignored.
  [[nodiscard]] env::Task<void> apply(ShardMapPointer map) override;
  // Answers POST follow_path; 400 for what is no such request, 404 for a fleet that does not exist, 503 when there are
  // too many polls or it stops. Comes back on `caller`.
  [[nodiscard]] env::Task<net::HttpResponse> follow(env::Core& caller, BytesView body);
  // Ends all polls. Nothing may be asked afterwards but that is refused.
  [[nodiscard]] env::Task<void> stop();

  // On home. Null before the first map.
  [[nodiscard]] const ShardMapPointer& newest() const noexcept { return history_.newest(); }
  // Everyone seen within follower_forgotten_after.
  [[nodiscard]] std::vector<FollowerView> followers() const;

 private:
  struct Snapshot {
    MapId id;
    std::shared_ptr<const std::string> frame;
    MonotonicTime last_used;
  };
  struct Reply {
    std::uint16_t status = 200;
    FollowBody kind = FollowBody::nothing;
    std::shared_ptr<const std::string> frame;
    std::string reason;  // of a refusal
    std::optional<MapId> newest;
    Duration age{};
  };

  [[nodiscard]] env::Task<Reply> answer(const FollowRequest& request);
  [[nodiscard]] env::Task<Reply> wait_for_news(const FollowRequest& request);
  [[nodiscard]] env::Task<Reply> make_snapshot(const FollowRequest& request, MonotonicTime deadline);
  // Null when the newest map has no such slice.
  [[nodiscard]] env::Task<std::shared_ptr<const std::string>> find_snapshot(const FollowRequest& request);
  [[nodiscard]] const Snapshot* usable_snapshot(const FollowRequest& request) const;
  [[nodiscard]] env::Task<bool> pace_snapshot(std::size_t bytes, MonotonicTime deadline);
  [[nodiscard]] std::shared_ptr<const std::string> find_delta(MapId held, const MapSlice& slice);
  [[nodiscard]] net::HttpResponse to_response(const Reply& reply);
  [[nodiscard]] Duration age() const { return age_ ? age_() : Duration::zero(); }
  void publish();
  [[nodiscard]] env::Task<void> publish_later();
  void note(const FollowRequest& request);
  void forget_followers();

  env::Core& home_;
  const MapSourceOptions options_;
  MapMetrics& metrics_;
  std::function<Duration()> age_;
  MapHistory history_;
  ShardMapPointer coming_;  // the newest, when it is not published yet
  bool publishing_later_ = false;
  MonotonicTime last_published_;
  env::Event published_;
  env::Event stop_;
  env::Event idle_;  // no poll is under way
  env::Turn encoding_;
  env::TaskGroup tasks_;
  std::size_t polls_ = 0;
  bool stopping_ = false;
  MonotonicTime snapshots_paid_until_;  // what went out so far is within the rate from here on
  absl::btree_map<std::string, Snapshot> snapshots_;
  absl::btree_map<std::pair<std::string, MapId>, std::shared_ptr<const std::string>> deltas_;
  absl::btree_map<std::pair<FollowerKind, std::string>, FollowerView> followers_;
  MonotonicTime followers_looked_through_;
};

}  // namespace weir::directory
