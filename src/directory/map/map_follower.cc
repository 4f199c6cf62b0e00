#include "directory/map/map_follower.h"
#include "directory/rpc_paths.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "directory/map/map_codec.h"
#include "directory/map/map_file.h"

namespace weir::directory {
namespace {

constexpr std::size_t decoded_inline_bytes_max = 64 * kibibyte;  // more is decoded outside the loop
constexpr std::size_t error_bytes_max = 512;
constexpr Duration hasty_answer = milliseconds(100);

env::Task<void> stop_connection(std::unique_ptr<net::RpcConnection> connection) { co_await connection->stop(); }

std::string text_of(MapId id) { return std::to_string(id.term) + "." + std::to_string(id.version); }

}  // namespace

std::string_view to_string(FollowState state) noexcept {
  switch (state) {
    case FollowState::no_map: return "no map yet";
    case FollowState::saved_map: return "saved map";
    case FollowState::following: return "following";
    case FollowState::alone: return "alone";
  }
  return "no map yet";
}

MapFollower::MapFollower(env::Core& home, net::ConnectToPeer connect, MapFollowerOptions options, MapMetrics& metrics)
    : home_(home),
      connect_(std::move(connect)),
      options_(std::move(options)),
      metrics_(metrics),
      turn_(home.random_u64()),
      changed_(home),
      stop_(home),
      tasks_(home) {
  const MapSlice::Kind kind = options_.slice.kind;
  WEIR_ASSERT(kind == (options_.kind == FollowerKind::front_end ? MapSlice::Kind::fleet
                       : options_.kind == FollowerKind::node    ? MapSlice::Kind::cell
                                                                : MapSlice::Kind::all));
}

MapFollower::~MapFollower() { WEIR_ASSERT_NOTE(!started_ || stopping_, "a map follower must be stopped"); }

void MapFollower::add_listener(MapListener& listener) {
  WEIR_ASSERT(!started_ && map_ == nullptr);
  listeners_.push_back(&listener);
}

env::Task<Result<void>> MapFollower::start_from_saved_map() {
  WEIR_ASSERT(!started_);
  if (options_.file.empty()) co_return fail(ErrorCode::not_found, "no file is set for the shard map");
  auto loaded = co_await load_map(home_, options_.file, options_.slice, options_.file_bytes_max);
  if (!loaded) co_return fail_while("the saved shard map " + options_.file, std::move(loaded.error()));
  map_saved_ = loaded->saved;
  saved_id_ = loaded->map->id();
  co_await put_in_force(std::move(loaded->map));
  state_ = FollowState::saved_map;
  log_info("map", "serving the saved shard map",
           {{"map", text_of(map_->id())}, {"age_s", std::chrono::duration_cast<seconds>(age()).count()}});
  co_return Result<void>{};
}

void MapFollower::start() {
  WEIR_ASSERT(!started_);
  started_ = true;
  tasks_.spawn(follow());
  if (!options_.file.empty()) tasks_.spawn(save_regularly());
}

env::Task<void> MapFollower::stop() {
  stopping_ = true;
  stop_.notify_all();
  changed_.notify_all();
  if (connection_ != nullptr) connection_->close();
  co_await tasks_.wait();
  if (connection_ != nullptr) co_await connection_->stop();
  connection_ = nullptr;
}

void MapFollower::disconnect() {
  if (connection_ != nullptr) tasks_.spawn(stop_connection(std::exchange(connection_, nullptr)));
}

Duration MapFollower::age() const {
  if (map_ == nullptr) return Duration::zero();
  if (!map_saved_) return home_.now() - confirmed_;
  return std::max<Duration>(home_.wall_now() - *map_saved_, Duration::zero());
}

FollowerStatus MapFollower::status() const {
  return {.state = state_,
          .held = map_ == nullptr ? std::nullopt : std::optional(map_->id()),
          .age = age(),
          .directory = directory_,
          .last_error = last_error_};
}

env::Task<bool> MapFollower::wait_for_version(env::Core& caller, std::uint64_t version, MonotonicTime deadline) {
  co_await home_.enter();
  bool in_time = true;
  while (in_time && !stopping_ && (map_ == nullptr || map_->version() < version)) {
    in_time = co_await changed_.wait_until(deadline);
  }
  const bool reached = map_ != nullptr && map_->version() >= version;
  co_await caller.enter();
  co_return reached;
}

env::Task<void> MapFollower::follow() {
  while (!stopping_) {
    const std::vector<env::Endpoint> directories = options_.directories();
    if (directories.empty()) {
      note_failure({}, "no directory is known");
      co_await pause();
      continue;
    }
    const env::Endpoint& directory = directories[turn_ % directories.size()];
    const MonotonicTime asked = home_.now();
    const MapId before = map_ == nullptr ? MapId{} : map_->id();
    const Result<bool> answered = co_await poll(directory);
    if (stopping_) co_return;
    if (!answered) {
      note_failure(directory, answered.error().message);
      ++turn_;
      if (failures_ % directories.size() == 0) co_await pause();
      continue;
    }
    failures_ = 0;
    last_error_.clear();
    if (!*answered) ++turn_;
    // No directory is polled in a hurry, whatever it answers.
    const bool has_news = map_ != nullptr && before < map_->id();
    if (!has_news && home_.now() - asked < hasty_answer) co_await pause();
  }
}

// Doubling with the failures, half of it by chance, so that those who failed together do not come back together.
env::Task<void> MapFollower::pause() {
  Duration backoff = options_.backoff_min;
  for (std::uint64_t i = 0; i < failures_ && backoff < options_.backoff_max; ++i) backoff *= 2;
  backoff = std::min(backoff, options_.backoff_max);
  const auto jitter = Duration(static_cast<std::int64_t>(
      home_.random_u64() % static_cast<std::uint64_t>(std::max<std::int64_t>(1, backoff.count() / 2))));
  if (!stopping_) static_cast<void>(co_await stop_.wait_until(home_.now() + backoff / 2 + jitter));
}

void MapFollower::note_failure(const env::Endpoint& directory, std::string error) {
  metrics_.polls_failed.add();
  if (failures_++ == 0) {
    log_warning("map", "a directory does not give the shard map",
                {{"directory", to_string(directory)},
                 {"error", error},
                 {"map", map_ == nullptr ? std::string("none") : text_of(map_->id())}});
  }
  last_error_ = std::move(error);
  if (last_error_.size() > error_bytes_max) last_error_.resize(error_bytes_max);
  if (state_ == FollowState::following) state_ = FollowState::alone;
}

env::Task<Result<bool>> MapFollower::poll(env::Endpoint directory) {
  if (connection_ == nullptr || directory_ != directory) {
    disconnect();
    connection_ = connect_(home_, directory);
    directory_ = directory;
  }
  const FollowRequest request{.name = options_.name,
                              .kind = options_.kind,
                              .slice = options_.slice,
                              .held = map_ == nullptr ? std::nullopt : std::optional(map_->id()),
                              .wait = options_.poll_wait,
                              .snapshot_only = snapshot_only_,
                              .report = options_.report ? options_.report() : ProcessReport{}};
  const MonotonicTime deadline = home_.now() + options_.poll_wait + options_.answer_slack;
  auto response = co_await connection_->send(follow_path, encode(request), deadline);
  if (!response) {
    disconnect();
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != 200) {
    co_return fail(ErrorCode::unavailable, "HTTP " + std::to_string(response->status) + ": " + response->body);
  }
  auto answer = decode_follow_answer(response->body);
  if (!answer) {
    metrics_.maps_refused.add();
    co_return std::unexpected(std::move(answer.error()));
  }
  co_return co_await take(std::move(*answer));
}

env::Task<Result<bool>> MapFollower::take(FollowAnswer answer) {
  const MonotonicTime came = home_.now();
  const bool has_map = !answer.snapshot.empty() || !answer.delta.empty();
  if (has_map) {
    Result<ShardMapPointer> next = fail(ErrorCode::internal, "");
    if (answer.snapshot.size() + answer.delta.size() <= decoded_inline_bytes_max) {
      next = read_map(answer);
    } else {
      co_await home_.run_blocking([&] { next = read_map(answer); });
    }
    if (!next) {
      metrics_.maps_refused.add();
      snapshot_only_ = true;
      co_return std::unexpected(std::move(next.error()));
    }
    snapshot_only_ = false;
    co_await put_in_force(std::move(*next));
  }
  if (map_ == nullptr) co_return fail(ErrorCode::unavailable, "the directory has no shard map yet");
  if (!answer.newest || *answer.newest < map_->id()) {
    co_return fail(ErrorCode::unavailable, "the directory's shard map is older than the one in force");
  }
  const bool is_newest = *answer.newest == map_->id();
  if (is_newest) {
    map_saved_.reset();
    confirmed_ = came - answer.age;
  }
  if (state_ != FollowState::following) {
    state_ = FollowState::following;
    log_info("map", "following a directory", {{"directory", to_string(directory_)}, {"map", text_of(map_->id())}});
  }
  co_return answer.age <= options_.stale_after;
}

Result<ShardMapPointer> MapFollower::read_map(const FollowAnswer& answer) const {
  if (answer.delta.empty()) {
    WEIR_TRY(ShardMapPointer map, decode_map(answer.snapshot, options_.slice));
    if (map_ != nullptr && map->id() <= map_->id()) {
      return fail(ErrorCode::conflict,
                  "the directory gave map " + text_of(map->id()) + ", in force is " + text_of(map_->id()) + " already");
    }
    return map;
  }
  if (map_ == nullptr) return fail(ErrorCode::conflict, "the directory gave a change of a map that is not here");
  WEIR_TRY(const MapDelta delta, decode_delta(answer.delta, options_.slice));
  return apply_delta(*map_, delta);
}

env::Task<void> MapFollower::put_in_force(ShardMapPointer map) {
  for (MapListener* listener : listeners_) {
    co_await listener->apply(map);
    co_await home_.enter();
  }
  map_ = std::move(map);
  metrics_.held_version.set(static_cast<std::int64_t>(map_->version()));
  metrics_.maps_applied.add();
  changed_.notify_all();
}

MonotonicTime MapFollower::next_save() const {
  if (map_ == nullptr || map_saved_) return no_deadline;
  const MonotonicTime due = saved_id_ == map_->id() ? saved_at_ + options_.save_again_after : home_.now();
  return save_tried_ ? std::max(due, save_tried_at_ + options_.save_interval) : due;
}

env::Task<void> MapFollower::save_regularly() {
  while (!stopping_) {
    const MonotonicTime due = next_save();
    if (due <= home_.now()) {
      co_await save();
    } else {
      static_cast<void>(co_await changed_.wait_until(due));
    }
  }
  if (map_ != nullptr && !map_saved_ && saved_id_ != map_->id()) co_await save();
}

env::Task<void> MapFollower::save() {
  const ShardMapPointer map = map_;
  save_tried_ = true;
  save_tried_at_ = home_.now();
  const auto saved = co_await save_map(home_, options_.file, map, options_.slice);
  if (!saved) {
    metrics_.saves_failed.add();
    log_warning("map", "the shard map cannot be saved", {{"file", options_.file}, {"error", saved.error().message}});
    co_return;
  }
  metrics_.saves.add();
  saved_id_ = map->id();
  saved_at_ = home_.now();
}

}  // namespace weir::directory
