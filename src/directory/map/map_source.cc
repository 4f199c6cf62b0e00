#include "directory/map/map_source.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "directory/map/map_codec.h"

namespace weir::directory {
namespace {

constexpr Duration stale_wait_max = seconds(1);
constexpr Duration snapshot_burst = seconds(1);  // of snapshot_bytes_per_second
constexpr Duration followers_interval = seconds(1);

}  // namespace

MapSource::MapSource(env::Core& home, const MapSourceOptions& options, MapMetrics& metrics)
    : home_(home),
      options_(options),
      metrics_(metrics),
      history_(options.history),
      last_published_(home.now() - options.publish_interval),
      published_(home),
      stop_(home),
      idle_(home),
      encoding_(home),
      tasks_(home),
      snapshots_paid_until_(home.now()),
      followers_looked_through_(home.now()) {}

MapSource::~MapSource() { WEIR_ASSERT_NOTE(polls_ == 0 && !publishing_later_, "a map source must be stopped"); }

env::Task<void> MapSource::apply(ShardMapPointer map) {
  const ShardMapPointer& known = coming_ != nullptr ? coming_ : history_.newest();
  if (stopping_ || (known != nullptr && map->id() <= known->id())) co_return;
  coming_ = std::move(map);
  if (home_.now() - last_published_ >= options_.publish_interval) {
    publish();
  } else if (!publishing_later_) {
    publishing_later_ = true;
    tasks_.spawn(publish_later());
  }
}

env::Task<void> MapSource::publish_later() {
  static_cast<void>(co_await stop_.wait_until(last_published_ + options_.publish_interval));
  publishing_later_ = false;
  if (!stopping_ && coming_ != nullptr) publish();
}

void MapSource::publish() {
  history_.add(std::exchange(coming_, nullptr));
  deltas_.clear();
  last_published_ = home_.now();
  metrics_.served_version.set(static_cast<std::int64_t>(history_.newest()->version()));
  published_.notify_all();
}

env::Task<net::HttpResponse> MapSource::follow(env::Core& caller, BytesView body) {
  const auto request = body.size() <= follow_request_bytes_max
                           ? decode_follow_request(as_text(body))
                           : fail(ErrorCode::corrupt, "a request to follow is too long");
  if (!request) {
    metrics_.answers_refused.add();
    co_return net::HttpResponse{.status = 400, .headers = {}, .body = request.error().message};
  }
  co_await home_.enter();
  const Reply reply = co_await answer(*request);
  co_await caller.enter();
  co_return to_response(reply);
}

env::Task<MapSource::Reply> MapSource::answer(const FollowRequest& request) {
  if (stopping_) co_return Reply{.status = 503, .reason = "this directory is stopping"};
  if (polls_ >= options_.polls_max) co_return Reply{.status = 503, .reason = "too many followers wait here"};
  ++polls_;
  metrics_.polls.set(static_cast<std::int64_t>(polls_));
  note(request);
  Reply reply = co_await wait_for_news(request);
  reply.newest = history_.newest() == nullptr ? std::nullopt : std::optional(history_.newest()->id());
  reply.age = age();
  --polls_;
  metrics_.polls.set(static_cast<std::int64_t>(polls_));
  if (polls_ == 0) idle_.notify_all();
  co_return reply;
}

env::Task<MapSource::Reply> MapSource::wait_for_news(const FollowRequest& request) {
  Duration wait = request.wait;
  if (age() > options_.stale_after) wait = std::min(wait, stale_wait_max);
  const MonotonicTime deadline = home_.now() + wait;
  while (!stopping_) {
    const ShardMapPointer newest = history_.newest();
    if (newest != nullptr && (!request.held || *request.held < newest->id())) {
      if (!request.held || request.snapshot_only || !history_.reaches(*request.held, request.slice)) {
        co_return co_await make_snapshot(request, deadline);
      }
      if (auto frame = find_delta(*request.held, request.slice))
        co_return Reply{.kind = FollowBody::delta, .frame = frame};
      co_return Reply{.status = 404, .reason = "there is no " + request.slice.name()};
    }
    if (!co_await published_.wait_until(deadline)) co_return Reply{};
  }
  co_return Reply{.status = 503, .reason = "this directory is stopping"};
}

std::shared_ptr<const std::string> MapSource::find_delta(MapId held, const MapSlice& slice) {
  const std::pair<std::string, MapId> key{slice.name(), held};
  if (const auto found = deltas_.find(key); found != deltas_.end()) return found->second;
  if (!SliceFilter::make(*history_.newest(), slice)) return nullptr;
  auto frame = std::make_shared<const std::string>(encode_delta(history_.since(held, slice), slice));
  metrics_.deltas_made.add();
  if (deltas_.size() < options_.deltas_max) deltas_.emplace(key, frame);
  return frame;
}

env::Task<MapSource::Reply> MapSource::make_snapshot(const FollowRequest& request, MonotonicTime deadline) {
  auto frame = co_await find_snapshot(request);
  if (frame == nullptr) co_return Reply{.status = 404, .reason = "there is no " + request.slice.name()};
  if (!co_await pace_snapshot(frame->size(), deadline)) {
    co_return Reply{.status = 503, .reason = "too many followers start at once"};
  }
  co_return Reply{.kind = FollowBody::snapshot, .frame = std::move(frame)};
}

// An older snapshot will do if what changed since can follow it.
const MapSource::Snapshot* MapSource::usable_snapshot(const FollowRequest& request) const {
  const auto found = snapshots_.find(request.slice.name());
  if (found == snapshots_.end()) return nullptr;
  const Snapshot& snapshot = found->second;
  const bool is_news = !request.held || *request.held < snapshot.id;
  const bool is_wanted = is_news && (!request.snapshot_only || snapshot.id == history_.newest()->id());
  return is_wanted && history_.reaches(snapshot.id, request.slice) ? &snapshot : nullptr;
}

env::Task<std::shared_ptr<const std::string>> MapSource::find_snapshot(const FollowRequest& request) {
  const std::string key = request.slice.name();
  co_await encoding_.take();
  if (usable_snapshot(request) == nullptr) {
    const ShardMapPointer map = history_.newest();
    std::optional<std::string> frame;
    co_await home_.run_blocking([&] { frame = encode_map(*map, request.slice); });
    if (!frame) {
      encoding_.give_back();
      co_return nullptr;
    }
    metrics_.snapshots_made.add();
    if (snapshots_.size() >= options_.snapshots_max && !snapshots_.contains(key)) {
      snapshots_.erase(
          std::ranges::min_element(snapshots_, {}, [](const auto& entry) { return entry.second.last_used; }));
    }
    snapshots_.insert_or_assign(key, Snapshot{map->id(), std::make_shared<const std::string>(std::move(*frame)), {}});
  }
  Snapshot& snapshot = snapshots_.at(key);
  snapshot.last_used = home_.now();
  auto frame = snapshot.frame;
  encoding_.give_back();
  co_return frame;
}

// The bytes of snapshots that are on their way to followers are memory: not more than the rate allows leave at once.
env::Task<bool> MapSource::pace_snapshot(std::size_t bytes, MonotonicTime deadline) {
  const MonotonicTime now = home_.now();
  const MonotonicTime begin = std::max(now - snapshot_burst, snapshots_paid_until_);
  if (begin > std::max(now, deadline)) co_return false;
  const double share = static_cast<double>(bytes) / static_cast<double>(options_.snapshot_bytes_per_second);
  snapshots_paid_until_ = begin + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(share));
  while (home_.now() < begin && !stopping_) static_cast<void>(co_await stop_.wait_until(begin));
  co_return !stopping_;
}

net::HttpResponse MapSource::to_response(const Reply& reply) {
  if (reply.status != 200) {
    metrics_.answers_refused.add();
    return {.status = reply.status, .headers = {}, .body = reply.reason};
  }
  switch (reply.kind) {
    case FollowBody::nothing: metrics_.answers_nothing.add(); break;
    case FollowBody::snapshot: metrics_.answers_snapshot.add(); break;
    case FollowBody::delta: metrics_.answers_delta.add(); break;
  }
  const std::string_view frame = reply.frame == nullptr ? std::string_view() : std::string_view(*reply.frame);
  metrics_.bytes_sent.add(frame.size());
  return {.status = 200,
          .headers = {{"Content-Type", "application/x-protobuf"}},
          .body = encode_follow_answer(reply.newest, std::chrono::ceil<milliseconds>(reply.age), reply.kind, frame)};
}

void MapSource::note(const FollowRequest& request) {
  forget_followers();
  const std::pair<FollowerKind, std::string> key{request.kind, request.name};
  if (followers_.size() >= options_.followers_max && !followers_.contains(key)) return;
  followers_.insert_or_assign(key, FollowerView{.kind = request.kind,
                                                .name = request.name,
                                                .slice = request.slice,
                                                .held = request.held,
                                                .last_seen = home_.now(),
                                                .report = request.report});
  metrics_.followers.set(static_cast<std::int64_t>(followers_.size()));
}

// Now and then, so that a poll costs the same however many follow.
void MapSource::forget_followers() {
  const MonotonicTime now = home_.now();
  if (now - followers_looked_through_ < followers_interval) return;
  followers_looked_through_ = now;
  absl::erase_if(followers_,
                 [&](const auto& entry) { return now - entry.second.last_seen > options_.follower_forgotten_after; });
}

std::vector<FollowerView> MapSource::followers() const {
  std::vector<FollowerView> views;
  for (const auto& [key, view] : followers_) {
    if (home_.now() - view.last_seen <= options_.follower_forgotten_after) views.push_back(view);
  }
  return views;
}

env::Task<void> MapSource::stop() {
  stopping_ = true;
  published_.notify_all();
  stop_.notify_all();
  co_await tasks_.wait();
  while (polls_ != 0) co_await idle_.wait();
}

}  // namespace weir::directory
